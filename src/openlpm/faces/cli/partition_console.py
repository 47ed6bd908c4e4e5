"""`lpm partition console`: the serial console, joined to this terminal.

The terminal is raw: Ctrl-C goes to the partition, Ctrl-] ends the console. When the stream
ends because the partition moved, it is joined again at the new server; when the partition is
off, the command ends.
"""

import os
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Generator
from contextlib import contextmanager, suppress

import click
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, unix_connect

from openlpm.faces.cli.asking import console, partition_name
from openlpm.faces.cli.client import Client, path_of, problem_in, unreachable
from openlpm.faces.cli.output import printable
from openlpm.faces.cli.problem import Problem

ESCAPE = b"\x1d"  # Ctrl-]
RETRY_S = 0.3
AWAY_S = 60.0
"""How long a partition may be away between two servers before the console gives up."""

_HOPELESS = ("bad-request", "not-found")


class Left(Exception):
    """The user pressed Ctrl-]."""


@click.command("console")
@partition_name
def serial_console(partition: str) -> None:
    """Join PARTITION's serial console. Ctrl-] ends it; it stays through a move.

    \b
    Example:
      lpm partition console web1
    """
    client = console()
    # By its UUID from here on: the name could be given to another one meanwhile.
    uuid = client.get(path_of("partitions", partition))["uuid"]
    line = _connected(client, uuid)
    _notice(f"{partition}'s console. Ctrl-] ends it.")
    with _raw(), suppress(Left):
        while line:
            with line:
                _join(line)
            line = _joined_again(client, uuid)
    _notice(f"{partition}'s console ended.")


def _connected(client: Client, uuid: str) -> ClientConnection:
    path = path_of("partitions", uuid, "console")
    try:
        return unix_connect(client.socket_path, f"ws://lpmd{path}", compression=None, max_size=None)
    except InvalidStatus as refusal:
        raise problem_in(bytes(refusal.response.body or b"")) from refusal
    except InvalidHandshake as error:
        raise problem_in(b"") from error
    except OSError as error:
        raise unreachable(client.socket_path, error) from error


def _join(line: ClientConnection) -> None:
    """Carry bytes both ways until the stream ends. Raises `Left`."""
    ended, tell = os.pipe()
    reader = threading.Thread(target=_print_from, args=(line, tell), daemon=True)
    reader.start()
    watched = [ended, sys.stdin.fileno()]
    try:
        while ended not in (ready := select.select(watched, [], [])[0]):
            typed = os.read(ready[0], 4096)
            if not typed:  # a pipe that has been read to its end: go on listening only
                watched.remove(sys.stdin.fileno())
            elif not _send(line, typed):
                break
    finally:
        line.close()
        reader.join()
        os.close(ended)
        os.close(tell)


def _print_from(line: ClientConnection, tell: int) -> None:
    with suppress(ConnectionClosed):
        for data in line:
            sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode())
            sys.stdout.buffer.flush()
    os.write(tell, b"!")


def _send(line: ClientConnection, typed: bytes) -> bool:
    """Send what was typed before Ctrl-]; False when the stream has ended."""
    before, escape, _ = typed.partition(ESCAPE)
    try:
        line.send(before)
    except ConnectionClosed:
        return False
    if escape:
        raise Left
    return True


def _joined_again(client: Client, uuid: str) -> ClientConnection | None:
    """The console at the partition's next server; None when the partition is off."""
    _notice("It left its server; waiting for it to run again. Ctrl-] ends the console.")
    deadline = time.monotonic() + AWAY_S
    looks_off = 0
    while True:
        _pause_or_leave()
        try:
            line = _connected(client, uuid)
        except Problem as problem:
            if problem.kind in _HOPELESS or time.monotonic() > deadline:
                raise
        else:
            _notice("Joined again.")
            return line
        # Twice: at the end of a move, what the console last saw may be a moment old.
        looks_off = looks_off + 1 if _is_off(client, uuid) else 0
        if looks_off > 1:
            return None


def _is_off(client: Client, uuid: str) -> bool:
    try:
        found = client.get(path_of("partitions", uuid))
        moves = client.get(path_of("migrations"), partition=found["name"], limit=1)
    except Problem:
        return False
    moving = any(view["migration"]["finished_at"] is None for view in moves)
    return found["state"] == "off" and found["why"] != "migrated" and not moving


def _pause_or_leave() -> None:
    if not sys.stdin.isatty():
        time.sleep(RETRY_S)
        return
    ready, _, _ = select.select([sys.stdin], [], [], RETRY_S)
    if ready and ESCAPE in os.read(sys.stdin.fileno(), 4096):
        raise Left


def _notice(text: str) -> None:
    """A line of our own among the partition's; the terminal may be raw."""
    click.echo(f"\r\n[{printable(text)}]\r", err=True)


@contextmanager
def _raw() -> Generator[None]:
    """Hand every key to the partition, and give the terminal back as it was."""
    if not sys.stdin.isatty():
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard)
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
