"""The pages on the command line and on REST leave nothing out."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from openlpm.faces.cli import exits
from openlpm.faces.cli.main import lpm
from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.problems import KINDS

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "cli.md").read_text()
REST = (DOCS / "rest.md").read_text()


def walked(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walked(below, f"{path} {name}")


COMMANDS = dict(walked(lpm, "lpm"))


def section(path: str) -> str:
    """What the page says under the heading of a command; on `lpm` itself, all of it."""
    if path == "lpm":
        return CLI
    found = re.search(rf"^##+ `{path}[` ].*?(?=^##|\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no heading for `{path}`"
    return found[0]


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_is_documented_with_each_option_and_an_example(path: str) -> None:
    command, text = COMMANDS[path], section(path)
    for option in command.params:
        if isinstance(option, click.Option):
            for name in (*option.opts, *option.secondary_opts):
                assert re.search(rf"`{name}[` ]", text), f"{path} {name}"
    if not isinstance(command, click.Group):
        assert re.search(rf"^{path}( |$)", text, re.MULTILINE), f"no example of {path}"
        assert command.help
        assert "Example:" in command.help


def test_no_command_is_documented_that_does_not_exist() -> None:
    headings = re.findall(r"^##+ `(lpm(?: [a-z-]+)+)", CLI, re.MULTILINE)
    assert set(headings) == COMMANDS.keys() - {"lpm"}


def test_exit_codes_are_documented_as_they_are() -> None:
    assert dict(re.findall(r"^\| (\d+) \| ([^|]+) \|", CLI, re.MULTILINE)) == {
        str(code): meaning for code, meaning in exits.MEANINGS.items()
    }


def test_each_request_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z]+ [^`?]+)", REST, re.MULTILINE))
    paths = build_app(None).openapi()["paths"]  # type: ignore[arg-type]
    assert documented == {
        f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
    }


def test_each_kind_of_problem_is_documented_with_its_status() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", REST, re.MULTILINE)
    assert {kind: int(status) for kind, status in documented} == {
        kind: status for kind, (status, _) in KINDS.items()
    }
