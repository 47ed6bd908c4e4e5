"""`lpm partition set` and its like end to end: a child process, a real UNIX socket."""

import re
from collections.abc import Callable

import pytest
from children import Daemon, Done
from click.shell_completion import ShellComplete

from openlpm.faces.cli.main import lpm as command

Lpm = Callable[..., Done]
MAC = "52:54:00:00:00:07"
DISK = "nbd://storage:10809/web1"


def test_amounts_are_set_and_told(lpm: Lpm) -> None:
    done = lpm("partition", "set", "web1", "--memory", "1G")
    assert (done.code, done.out) == (0, "web1 on server1: memory 1024 MiB.\n")
    told = lpm("partition", "set", "web1", "--memory", "512", "--save", "--json").json
    assert (told["done"], told["saved"], told["memory_mib"]) == (["memory 512 MiB"], True, 512)
    warned = lpm("partition", "set", "web1", "--processors", "2", "--units", "0.7")
    assert "nothing to do" in warned.out
    assert "warning adapter-dropped" in warned.err


def test_what_is_refused_is_told_by_its_kind(lpm: Lpm) -> None:
    refused = lpm("partition", "set", "web1", "--memory", "4G")
    assert (refused.code, "memory-short" in refused.err) == (3, True)
    guest = lpm("partition", "set", "stubborn", "--memory", "64")
    assert (guest.code, "Its guest did not.\nIt was told to." in guest.err) == (1, True)
    assert lpm("partition", "set", "web1", "--processors", "0").code == 2


def test_adapters_are_added_and_removed(lpm: Lpm) -> None:
    assert "disk" not in lpm("partition", "add-disk", "web1", f"{DISK}2").err
    done = lpm("partition", "add-ethernet", "web1", "guests", "--mac", MAC, "--port-group", "red")
    assert done.out == f"web1 on server1: adapter {MAC} added.\n"
    assert lpm("partition", "remove-disk", "web1", DISK).out.endswith(f"{DISK} removed.\n")
    assert lpm("partition", "remove-ethernet", "web1", MAC, "--json").json["saved"] is False
    bad = lpm("partition", "add-disk", "web1", "file:///etc/passwd", "--bus", "scsi")
    assert bad.code == 2


def test_what_it_has_is_shown_beside_its_profile(lpm: Lpm) -> None:
    shown = lpm("partition", "show", "web1").out
    assert re.search(
        r"^Memory +\d+ MiB \(its profile: 512 to 2048 MiB\); at most 1536 MiB until", shown, re.M
    )
    assert "its server gives it 0.4" in shown
    assert f"Adapter           disk {DISK} (scsi)" in shown


def test_adapters_are_completed(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPM_SOCKET", str(daemon.socket))
    shell = ShellComplete(command, {}, "lpm", "_LPM_COMPLETE")

    def completed(*words: str) -> set[str]:
        return {item.value for item in shell.get_completions(list(words), "")}

    assert completed("partition", "remove-disk", "web1") == {DISK}
    assert completed("partition", "remove-ethernet", "web1") == {MAC}
    assert completed("partition", "remove-ethernet", "nobody") == set()
    assert "add-disk" in completed("partition")
