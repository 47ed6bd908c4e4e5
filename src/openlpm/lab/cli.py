"""`lpm lab`: the lab from the command line.

Exit codes: 0 done, 1 failed (what was begun is removed again), 2 bad request,
5 this machine cannot (not root, or a program is missing).
"""

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import click

from openlpm.lab import state, status
from openlpm.lab.errors import LabError
from openlpm.lab.image import partition_image
from openlpm.lab.lab import Lab
from openlpm.lab.network import LINKS
from openlpm.lab.storage import Volume

EXIT_CODES = {
    **dict.fromkeys(("needs-root", "program-missing"), 5),
    **dict.fromkeys(("bad-name", "bad-number", "bad-rate", "bad-volume", "path-too-long"), 2),
    **dict.fromkeys(
        ("no-such-case", "no-such-lab", "no-such-server", "no-such-link", "no-such-volume"), 2
    ),
}
_ABOVE = {"chaos": "chaos", "soak": "soak_command"}
LINK = click.Choice(LINKS)
with_name = click.option(
    "--name", default="lab", show_default=True, help="Which lab; several live side by side."
)
with_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


class _Group(click.Group):
    """Turns errors into a message with a remedy, and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The lab's own, and those that stand above the lab and work the console too."""
        return sorted([*super().list_commands(ctx), *_ABOVE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Found here, or above."""
        if cmd_name in _ABOVE:
            return getattr(import_module("openlpm.chaos.cli"), _ABOVE[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            with _signals_as_ctrl_c():
                return super().invoke(ctx)
        except LabError as error:
            click.echo(f"Error: {error.message}", err=True)
            for label, text in (("Cause", error.cause), ("Remedy", error.remedy)):
                if text:
                    click.echo(f"{label}: {text}", err=True)
            ctx.exit(EXIT_CODES.get(error.code, 1))


LUN_MIB = 64


@click.group("lab", cls=_Group)
def lab() -> None:
    """Real libvirt servers on this one machine, in namespaces, to try moves with.

    \b
    Example:
      lpm lab up && lpm lab status && lpm lab down
    """


@lab.command()
@with_name
@click.option("--servers", default=2, show_default=True, help="How many.")
@click.option("--link", default="1gbit", show_default=True, help="Rate of the migration links.")
@click.option("--mtu", default=1500, show_default=True, help="Of all links.")
@click.option("--processors", type=int, help="What each server announces as configurable.")
@click.option("--memory", type=int, help="The same in MiB; may be more than the machine has.")
@click.option("--insecure", is_flag=True, help="Let libvirtd listen without TLS.")
@click.option("--luns", type=int, default=0, help="So many LUNs of 64 MiB in a pool `san` of all.")
def up(
    *,
    name: str,
    servers: int,
    link: str,
    mtu: int,
    processors: int | None,
    memory: int | None,
    insecure: bool,
    luns: int,
) -> None:
    """Make a lab. Ctrl-C at any moment leaves nothing behind.

    \b
    Example:
      lpm lab up --servers 3 --link 10gbit --name big --processors 64 --memory 524288
    """
    begun = time.monotonic()
    made = Lab.up(
        *(name, servers, link),
        processors=processors,
        memory_mib=memory,
        mtu=mtu,
        insecure=insecure,
    )
    if luns:
        try:
            made.serve_luns(luns, LUN_MIB)
        except BaseException:
            made.down()
            raise
    click.echo(f"Lab '{name}' is up after {time.monotonic() - begun:.1f} s.")
    click.echo(status.as_table(status.look_at(name)))
    here = shlex.join(["lpm", "lab", "exec", "--name", name])
    click.echo(f"\nTry: {here} -- virsh -c {made.servers[0].uri} list --all")


@lab.command()
def image() -> None:
    """Build the partition's image from Debian's packages, unless it is there; print its path.

    \b
    Example:
      lpm lab volume create web1 --from "$(lpm lab image)"
    """
    click.echo(partition_image())


@lab.command()
@with_name
def down(name: str) -> None:
    """Remove a lab: its processes, namespaces, links and files. Half-made ones too.

    \b
    Example:
      lpm lab down --name big
    """
    left = Lab.remove(name)
    if left:
        raise LabError("left-over", f"Not all of lab '{name}' is gone.", "\n".join(left))
    click.echo(f"Lab '{name}' is gone.")


@lab.command("status")
@click.option("--name", help="Which lab; all of them without.")
@with_json
def show_status(name: str | None, *, as_json: bool) -> None:
    """Show labs, their servers and what is broken on purpose.

    \b
    Example:
      lpm lab status --json
    """
    names = [name] if name else state.lab_names()
    seen = [status.look_at(one) for one in names]
    if as_json:
        click.echo(json.dumps(seen[0] if name else seen, indent=2))
    elif seen:
        click.echo("\n\n".join(status.as_table(one) for one in seen))
    else:
        click.echo("There is no lab. Make one: lpm lab up")


@lab.command("exec", context_settings={"ignore_unknown_options": True})
@with_name
@click.option("--server", help="On this server; without, outside of all, as clients are.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, server: str | None, command: tuple[str, ...]) -> None:
    """Run a command where clients and the console stand, or on a server.

    \b
    Example:
      lpm lab exec --server s1 -- virsh list --all
    """
    one = Lab.load(name)
    argv = one.exec_argv(command, server)
    os.execvpe(argv[0], argv, one.hub.marked())  # noqa: S606 (there is no shell to mislead)


@lab.command()
@with_name
@click.argument("server")
@click.argument("link", type=LINK)
def cut(name: str, server: str, link: str) -> None:
    """Pull a server's cable to one network.

    \b
    Example:
      lpm lab cut s2 migration
    """
    Lab.load(name).cut(server, link)


@lab.command()
@with_name
@click.argument("server")
@click.argument("link", type=LINK)
def heal(name: str, server: str, link: str) -> None:
    """Plug the cable again.

    \b
    Example:
      lpm lab heal s2 migration
    """
    Lab.load(name).heal(server, link)


@lab.command()
@with_name
@click.argument(
    "action",
    type=click.Choice(["kill", "start", "kill-libvirtd", "start-libvirtd", "freeze", "thaw"]),
)
@click.argument("server")
def server(name: str, action: str, server: str) -> None:
    """Break a server, or mend it.

    \b
    kill, start                    power lost, power back
    kill-libvirtd, start-libvirtd  the daemon dies; partitions run on
    freeze, thaw                   everything on it stops, and goes on

    \b
    Example:
      lpm lab server kill-libvirtd s1
    """
    one = Lab.load(name)
    actions = {
        "kill": one.kill_server,
        "start": one.start_server,
        "kill-libvirtd": one.kill_libvirtd,
        "start-libvirtd": one.start_libvirtd,
        "freeze": one.freeze,
        "thaw": one.thaw,
    }
    actions[action](server)


@lab.group()
def volume() -> None:
    """Disks on the lab's storage server, reached from all servers over NBD.

    \b
    Example:
      lpm lab volume create web1 --from build/image.raw
    """


@volume.command()
@with_name
@click.argument("volume")
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A raw image to copy.")  # fmt: skip
@click.option("--size", type=int, help="In MiB; enlarges a smaller image.")
def create(name: str, volume: str, source: Path | None, size: int | None) -> None:
    """Make a disk, from an image or empty; servers reach it at once.

    \b
    Example:
      lpm lab volume create data1 --size 1024
    """
    click.echo(Lab.load(name).create_volume(volume, source, size).uri)


@volume.command("list")
@with_name
@with_json
def list_volumes(name: str, *, as_json: bool) -> None:
    """Show all disks.

    \b
    Example:
      lpm lab volume list --json
    """
    found = Lab.load(name).volumes()
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=2))
        return
    for one in found:
        click.echo(f"{one.export:20} {one.size_mib:8} MiB  {one.uri}")


@volume.command()
@with_name
@click.argument("volume")
def delete(name: str, volume: str) -> None:
    """Remove a disk.

    \b
    Example:
      lpm lab volume delete data1
    """
    Lab.load(name).delete_volume(volume)


def _as_json(one: Volume) -> dict[str, object]:
    return {**asdict(one), "path": str(one.path), "uri": one.uri}


@contextmanager
def _signals_as_ctrl_c() -> Generator[None]:
    """Let SIGTERM, and the loss of the terminal, clean up as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def main() -> None:
    """`python -m openlpm.lab`."""
    lab.main(sys.argv[1:], prog_name="lpm lab")
