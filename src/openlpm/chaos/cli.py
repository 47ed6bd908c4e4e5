"""`lpm lab chaos`: run the fault matrix, or some of its cases."""

import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import click

from openlpm.chaos import report
from openlpm.chaos.run import Result, all_cases, quarter, run_cases
from openlpm.chaos.scene import Scene
from openlpm.chaos.soak import Tally, soak
from openlpm.lab.errors import LabError
from openlpm.lab.stage import Stage

DISK_MIB = 16
F = TypeVar("F", bound=Callable[..., object])


def out_option(name: str, what: str) -> Callable[[F], F]:
    """Add `--out`."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path(f"build/{name}.json"),
        show_default=True,
        help=what,
    )


@click.command("chaos")
@click.argument("names", metavar="[CASE]...", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Name the cases, and run none.")
@click.option("--quarter", "only_quarter", is_flag=True, help="A representative quarter of all.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    metavar="N",
    help="So many labs side by side.",
)
@out_option("chaos", "Where every case's evidence goes.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A page of Markdown into which the matrix is written, at its end.",
)
def chaos(
    *,
    names: tuple[str, ...],
    only_list: bool,
    only_quarter: bool,
    jobs: int,
    out: Path,
    page: Path | None,
) -> int:
    """Break everything, at every step of a move, on real servers; see that nothing is lost.

    A CASE is FAULT@STEP; FAULT alone is all of its steps, @STEP all faults at it. Exits 1 when a
    case does not hold; what everybody logged meanwhile is then in a folder of its name, in
    chaos-traces beside the evidence.

    \b
    Example:
      lpm lab chaos target-libvirtd-killed@send
    """
    cases = [c for c in (quarter() if only_quarter else all_cases()) if _is_asked(c.name, names)]
    if not cases:
        raise LabError("no-such-case", "No case is named so.", remedy="See: lpm lab chaos --list")
    if only_list:
        click.echo("\n".join(case.name for case in cases))
        return 0
    results: list[Result] = []
    traces = out.parent / f"{out.stem}-traces"
    with closing(run_cases(cases, make_scene, traces, jobs)) as running:
        for result in running:
            results.append(result)
            click.echo(report.line(result, len(results), len(cases)))
            report.write_json(results, out)
    if page is not None:
        report.write_page(results, page)
    click.echo(f"\n{report.matrix(results)}\n\n{report.summary(results)}\nEvidence: {out}")
    return 0 if all(result.held for result in results) else 1


def _is_asked(case: str, names: tuple[str, ...]) -> bool:
    fault, _, step = case.partition("@")
    return not names or any(name in (case, fault, f"@{step}") for name in names)


def make_scene(name: str = "") -> Scene:
    """A lab of its own, with a console whose disk can be filled."""
    stage = Stage.up(name or f"chaos-{secrets.token_hex(2)}", disk_mib=DISK_MIB)
    try:
        return Scene(stage)
    except BaseException:
        stage.lab.down()
        raise


@click.command("soak")
@click.option(
    "--moves", type=click.IntRange(min=1), default=200, show_default=True, help="How many."
)
@click.option("--seed", type=int, help="Disturb the same moves in the same way again.")
@out_option("soak", "Where the figures go.")
def soak_command(*, moves: int, seed: int | None, out: Path) -> int:
    """Move a busy partition many times in a row, one of ten times disturbed at random.

    \b
    Example:
      lpm lab soak --moves 50
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    click.echo(f"{moves} moves; the disturbances are those of --seed {seed}.")
    scene, tally = make_scene(), Tally()
    try:
        for tally in soak(scene, moves, seed):
            if tally.moves % 10 == 0 or tally.moves == moves:
                wrong, silence = len(tally.wrong), tally.percentiles()
                click.echo(f"{tally.moves:4} moves, {wrong} wrong, silence {silence} ms")
    finally:
        scene.close()
    report.write(tally.document() | {"seed": seed}, out)
    click.echo("\n".join([*tally.wrong, f"The same as JSON: {out}"]))
    return 1 if tally.wrong else 0
