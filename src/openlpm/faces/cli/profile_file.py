"""`lpm profile export` and `import`: all profiles of a partition as a file."""

import sys
from pathlib import Path

import click

from openlpm.faces.cli.asking import console, json_option, partition_name
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import print_json, say
from openlpm.faces.cli.problem import Problem
from openlpm.faces.cli.yaml_text import MOST_BYTES, from_yaml, to_yaml


@click.command()
@partition_name
@click.argument("file", required=False, default="-")
@json_option
def export(partition: str, file: str, as_json: bool) -> None:
    """Write all profiles of a partition into FILE (YAML), or to standard output.

    \b
    Example:
      lpm profile export web1 web1.yaml
    """
    found = console().get(path_of("partitions", partition, "profiles"))
    document = {"current": found["current"], "profiles": found["profiles"]}
    text = to_yaml(document)
    if file != "-":
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise _unusable(file, error) from error
    if as_json:
        print_json(document)
    elif file == "-":
        say(text.rstrip("\n"))
    else:
        names = ", ".join(each["name"] for each in found["profiles"])
        say(f"{file} has the profiles {names} of {found['partition']}.")


@click.command()
@partition_name
@click.argument("file")
@json_option
def import_(partition: str, file: str, as_json: bool) -> None:
    """Take all profiles of a partition from FILE (YAML; - for standard input).

    They replace those that it has, damaged ones too.

    \b
    Example:
      lpm profile import web1 web1.yaml
    """
    body = from_yaml(_read(file))
    found = console().put(path_of("partitions", partition, "profiles"), body)
    if as_json:
        print_json(found)
    else:
        names = ", ".join(each["name"] for each in found["profiles"])
        say(f"{found['partition']} has the profiles {names}; {found['current']} is current.")


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unusable(file, error) from error


def _unusable(file: str, error: OSError) -> Problem:
    return Problem(
        "file-unusable",
        "bad-request",
        f"{file} cannot be used.",
        cause=f"{error.strerror or error}.",
        remedy="Name a file that can.",
    )
