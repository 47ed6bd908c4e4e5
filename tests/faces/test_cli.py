"""`lpm` end to end: a child process, a real UNIX socket, the real server."""

import json
import os
import re
import signal
import statistics
import subprocess
import time
from collections.abc import Callable

import pytest
from children import LPM, Daemon, Done
from click.testing import CliRunner

from openlpm.faces.cli.main import lpm as command

Lpm = Callable[..., Done]
START_S = 0.4


def test_help_is_there_at_once() -> None:
    def once() -> float:
        begun = time.perf_counter()
        subprocess.run([LPM, "--help"], check=True, capture_output=True)
        return time.perf_counter() - begun

    assert statistics.median(once() for _ in range(3)) < START_S


def test_help_tells_commands_and_exit_codes(lpm: Lpm) -> None:
    text = lpm("--help").out
    assert re.search(r"^ +130  interrupted", text, re.MULTILINE)
    assert re.search(r"^  partition ", text, re.MULTILINE)
    assert "lpm migrate web1 --to server2" in text


def test_a_system_is_added_shown_listed_and_removed(lpm: Lpm) -> None:
    added = lpm("system", "add", "s9", "qemu+tls://s9/system", "--memory", "2G", "--json")
    assert added.code == 0
    assert added.json["system"]["memory_mib"] == 2048
    assert "qemu+tls://s9/system" in lpm("system", "show", "s9").out
    assert re.search(r"^s9 +connected", lpm("system", "list").out, re.MULTILINE)
    assert lpm("system", "remove", "s9").out == "s9 is no longer managed.\n"
    assert "s9" not in lpm("system", "list").out


BASELINE = """Systems     server1, server2
Run by      kvm
Baseline    Nehalem
Maker       Intel
With        aes
Without     vme
Models      Nehalem qemu64
Partitions  1 fitting, 1 fitting once activated anew, 1 not concerned

PARTITION  SYSTEM   STATE    PROCESSOR  FIT
web1       server1  running  Haswell    fits
stubborn   server1  running  Haswell    restart
paused1    server1  paused   Haswell    other

stubborn: server2: avx
    Activate it anew.
paused1: It is emulated.
"""


def test_a_baseline_tells_who_fits_it_and_what_the_others_need(lpm: Lpm) -> None:
    words = ("system", "baseline", "server1", "server2")
    assert lpm(*words).out == BASELINE
    assert lpm(*words, "--xml").out == "<cpu>\n  <model/>\n</cpu>\n"
    found = lpm(*words, "--json").json
    assert found["models"] == ["Nehalem", "qemu64"]
    assert found["partitions"][1]["remedy"] == "Activate it anew."


def test_a_partition_is_created_used_and_deleted(lpm: Lpm) -> None:
    words = "partition create db --on server2 --memory 512M --units 0.5 --max-pause 50"
    disks = ("--disk", "nbd://h:1/x", "--network", "br0,mac=52:54:00:00:00:01")
    assert lpm(*words.split(), *disks).out == "db is off on server2.\n"
    assert lpm("partition", "activate", "db").out == "db is running on server2.\n"
    assert lpm("partition", "pause", "db").out == "db is paused on server2.\n"
    assert lpm("partition", "resume", "db").out == "db is running on server2.\n"
    assert lpm("partition", "adopt", "db").code == 0
    assert lpm("partition", "release", "db", "--json").json["mark"] is None
    assert lpm("partition", "shutdown", "db").out == "db is off on server2.\n"
    assert lpm("partition", "delete", "db", "--json").json == {"deleted": "db"}
    assert "db" not in lpm("partition", "list", "--system", "server2").out


def test_shutting_down_does_not_wait_for_ever(lpm: Lpm) -> None:
    late = lpm("partition", "shutdown", "stubborn", "--timeout", "0.1")
    assert late.code == 1
    assert "--force" in late.err
    assert lpm("partition", "shutdown", "stubborn", "--no-wait").code == 0
    assert lpm("partition", "shutdown", "stubborn", "--force").out.startswith("stubborn is off")


def test_events_are_printed_and_followed(lpm: Lpm, environment: dict[str, str]) -> None:
    lpm("partition", "pause", "web1")
    lpm("partition", "resume", "web1")
    assert lpm("events", "--last", "1").out.endswith("web1 is running\n")
    (last,) = lpm("events", "--last", "1", "--json").json
    following = subprocess.Popen(
        [LPM, "events", "--follow", "--json", "--after", str(last["seq"] - 1)],
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert json.loads(following.stdout.readline()) == last
    lpm("partition", "pause", "web1")
    assert json.loads(following.stdout.readline())["seq"] == last["seq"] + 1
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=10)
    assert following.returncode == 130
    lpm("partition", "resume", "web1")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        ("partition show web9", 2, "no-such-partition"),
        ("partition show web", 2, "no-such-partition"),
        ("system show server9", 2, "no-such-system"),
        ("migration show m", 2, "no-such-migration"),
        ("system baseline", 2, "usage"),
        ("system baseline server1 --xml", 2, "usage"),
        ("system baseline server1 server9", 2, "no-such-system"),
        ("system baseline server1 narrow", 6, "no-common-baseline"),
        ("system add s3 qemu+ssh://nowhere/system", 5, "no-answer"),
        ("system add server1 qemu+ssh://server1/system", 6, "system-exists"),
        ("partition activate web1", 6, "not-off"),
        ("partition delete web1", 1, "domain-active"),
        ("partition create full --on server1 --memory 512", 7, "store-full"),
        ("partition create bug --on server1 --memory 512", 1, "internal-error"),
        ("partition create x --on server1 --memory 5X", 2, "usage"),
        ("partition create x --on server1 --memory 5 --network a,b=c", 2, "usage"),
        ("migrate web1", 2, "usage"),
        ("sys list", 2, "usage"),
        ("partition lis", 2, "usage"),
        ("partition list --syst server1", 2, "usage"),
    ],
)
def test_each_problem_has_its_exit_code(lpm: Lpm, words: str, code: int, problem: str) -> None:
    failed = lpm(*words.split(), "--json")
    assert (failed.code, failed.out) == (code, ""), failed.err
    assert json.loads(failed.err)["code"] == problem


def test_an_unknown_name_comes_with_the_command_that_lists(lpm: Lpm) -> None:
    assert lpm("partition", "show", "web9").err == (
        "There is no partition 'web9'.\nlpm partition list shows all.\n"
    )


def test_names_with_odd_characters_stay_names(lpm: Lpm) -> None:
    assert "There is no partition '..?x#y é%2F'" in lpm("partition", "show", "..?x#y é%2F").err
    for name in ("../systems", ""):
        assert f"{name!r} cannot be a name." in lpm("partition", "delete", name).err


def test_without_a_console_the_remedy_is_named(lpm: Lpm, daemon: Daemon) -> None:
    gone = lpm("system", "list", LPM_SOCKET=str(daemon.socket) + "x")
    assert gone.code == 4
    assert "No such file" in gone.err
    assert "lpm serve" in gone.err
    assert lpm("--socket", "/" + "x" * 200, "system", "list").code == 4
    # The option is stronger than the variable.
    assert lpm("--socket", str(daemon.socket), "system", "list", LPM_SOCKET="/x").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion_script(lpm: Lpm, shell: str) -> None:
    assert "_LPM_COMPLETE" in lpm("completion", shell).out


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lpm mig", {"migrate", "migration"}),
        ("lpm partition show w", {"web1"}),
        ("lpm migrate web1 --to server", {"server1", "server2"}),
        ("lpm partition list --system na", {"narrow"}),
        ("lpm system baseline server1 server", {"server2"}),
    ],
)
def test_names_are_completed(lpm: Lpm, typed: str, expected: set[str]) -> None:
    done = lpm(**_completing(typed))
    assert {line.split(",")[1] for line in done.out.splitlines()} == expected


def test_completion_is_silent_without_a_console(lpm: Lpm) -> None:
    done = lpm(**_completing("lpm partition show w"), LPM_SOCKET="/nowhere")
    assert (done.out.strip(), done.err) == ("", "")


def _completing(typed: str) -> dict[str, str]:
    words = str(len(typed.split()) - 1)
    return {"_LPM_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": words}


def test_output_that_nobody_reads_is_no_error(environment: dict[str, str]) -> None:
    piped = subprocess.run(
        f"{LPM} partition list --json | true",
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert piped.stderr == ""


def test_version(lpm: Lpm) -> None:
    assert re.fullmatch(r"lpm \d+\.\d+\.\d+\n", lpm("--version").out)


URL = "postgresql://user:secret@db1/lpm"


@pytest.mark.parametrize(
    ("given", "words", "environment"),
    [
        (["--database", "/d"], ("--database", "/d"), None),
        (["--database", URL], (), URL),  # `ps` shows it to nobody
    ],
)
def test_serve_becomes_the_daemon(
    given: list[str], words: tuple[str, ...], environment: str | None
) -> None:
    called: list[tuple[tuple[str, ...], dict[str, str]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LPM_DATABASE", "/elsewhere")
        patch.setattr(os, "execve", lambda _, argv, passed: called.append((argv, passed)))
        done = CliRunner().invoke(command, ["serve", "--socket", "/s", *given])
    assert done.exit_code == 0
    ((argv, passed),) = called
    assert argv[1:] == ("-m", "openlpm.main", "--socket", "/s", *words)
    assert passed.get("LPM_DATABASE") == environment


def test_who_leads_is_shown(lpm: Lpm) -> None:
    shown = lpm("console", "show")
    assert shown.out.splitlines() == [
        "This console  node7:/run/lpm.sock",
        "Database      postgresql://lpm@db1/lpm",
        "Leads         no",
        "Leader        node8:/run/lpm.sock",
        "Epoch         4",
        "Since         " + time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1.0)),
        "Lease         4.2 s left",
    ]
    assert lpm("console", "show", "--json").json["leader"]["name"] == "node8:/run/lpm.sock"


def test_a_follower_says_who_leads(lpm: Lpm) -> None:
    done = lpm("partition", "create", "follower", "--on", "server1", "--memory", "512")
    assert done.code == 8
    assert done.err.splitlines()[1:] == ["Another one leads: node8:/run/lpm.sock.", "Ask that one."]
