"""`lpm profile` end to end: a child process, a real UNIX socket, the real server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from children import Daemon, Done
from click.shell_completion import ShellComplete

from openlpm.faces.cli.main import lpm as command

Lpm = Callable[..., Done]


def typed(lpm: Lpm, line: str) -> Done:
    """The command as somebody types it."""
    return lpm(*line.split())


@pytest.fixture(autouse=True)
def as_before(lpm: Lpm, tmp_path: Path) -> Iterator[None]:
    """All partitions of the fake console have the same profiles: leave them as they were."""
    file = tmp_path / "before.yaml"
    assert lpm("profile", "export", "web1", str(file)).code == 0
    yield
    assert lpm("profile", "import", "web1", str(file)).code == 0


def test_profiles_are_listed_and_shown(lpm: Lpm) -> None:
    listed = lpm("profile", "list", "web1").out
    assert re.search(
        r"^\* +default +512 / 1024 / 2048 +2 +0.5 +uncapped, weight 128 +2$", listed, re.MULTILINE
    )
    shown = lpm("profile", "show", "web1").out
    assert re.search(r"^Memory \(MiB\) +512 / 1024 / 2048$", shown, re.MULTILINE)
    assert "disk nbd://storage:10809/web1 (scsi), required" in shown
    assert "network guests, MAC 52:54:00:00:00:07, desired" in shown
    assert lpm("profile", "show", "web1", "--json").json["name"] == "default"
    assert lpm("profile", "list", "web1", "--json").json["implied"] is False


def test_a_profile_is_created_changed_used_and_deleted(lpm: Lpm) -> None:
    made = typed(lpm, "profile create web1 night --memory 256M --sharing capped --units 0.1")
    assert "256 / 256 / 2048" in made.out
    assert typed(lpm, "profile copy web1 night noon").code == 0
    changed = typed(
        lpm,
        "profile set web1 noon --minimum-memory 1G --weight 9 --boot network,disk "
        "--minimum-processors 1 --maximum-processors 8 --maximum-units 4 --json",
    ).json
    noon = changed["profiles"][2]
    assert noon["memory"] == {"minimum": 1024, "desired": 1024, "maximum": 2048}
    assert noon["processors"] == {"minimum": 1, "desired": 2, "maximum": 8}
    assert noon["processing_units"]["maximum"] == 4.0
    assert (noon["weight"], noon["boot"]) == (9, ["network", "disk"])
    assert typed(lpm, "profile set web1 noon --current").code == 0
    assert typed(lpm, "profile delete web1 noon").code == 6
    assert typed(lpm, "profile delete web1 night").out == "Profile night of web1 is deleted.\n"


def test_adapters_are_required_or_desired_by_name(lpm: Lpm) -> None:
    words = "profile set web1 default --desire nbd://storage:10809/web1 --require 52:54:00:00:00:07"
    assert "(scsi), desired" in typed(lpm, words).out
    words = "profile set web1 default --require nbd://STORAGE/web1 --desire 52:54:00:00:00:07"
    assert "(scsi), required" in typed(lpm, words).out
    assert typed(lpm, "profile create web1 other --desire sda").code == 2, "it is no such option"
    refused = typed(lpm, "profile set web1 default --desire sda")
    assert refused.code == 2
    assert "no adapter 'sda'" in refused.err
    refused = typed(lpm, "profile set web1 nine --desire 52:54:00:00:00:07")
    assert "no profile 'nine'" in refused.err
    refused = typed(
        lpm,
        "profile set web1 default --desire 52:54:00:00:00:07 --require 52:54:00:00:00:07",
    )
    assert refused.code == 2
    assert "required and desired" in refused.err


def test_activation_names_its_profile_and_tells_what_is_missing(lpm: Lpm) -> None:
    typed(lpm, "partition shutdown web1 --force")
    typed(lpm, "profile create web1 night")
    typed(lpm, "profile create web1 huge")
    refused = typed(lpm, "partition activate web1 --profile huge")
    assert refused.code == 3
    assert "memory-short" in refused.err
    done = typed(lpm, "partition activate web1 --profile night")
    assert (done.code, done.out) == (0, "web1 is running on server1.\n")
    assert "warning adapter-dropped" in done.err
    typed(lpm, "partition shutdown web1 --force")
    answer = typed(lpm, "partition activate web1 --profile night --json").json
    assert (answer["state"], answer["profile"]) == ("running", "night")
    assert [each["code"] for each in answer["warnings"]] == ["adapter-dropped"]


def test_a_partition_is_shown_with_its_profile(lpm: Lpm) -> None:
    assert re.search(r"^Profile +default$", lpm("partition", "show", "web1").out, re.MULTILINE)
    damaged = lpm("partition", "show", "paused1")
    assert damaged.code == 0
    assert "unknown: They cannot be read. Import them." in damaged.out
    assert lpm("profile", "show", "paused1").code == 6


def test_what_is_exported_can_be_imported(lpm: Lpm, tmp_path: Path) -> None:
    file = tmp_path / "web1.yaml"
    done = lpm("profile", "export", "web1", str(file))
    assert done.out.replace("\n", " ").endswith("has the profiles default of web1. ")
    assert lpm("profile", "export", "web1").out == file.read_text()
    before = lpm("profile", "list", "web1", "--json").json
    done = lpm("profile", "import", "web1", str(file))
    assert done.out == "web1 has the profiles default; default is current.\n"
    assert lpm("profile", "list", "web1", "--json").json == before
    text = file.read_text()
    file.unlink()
    told = lpm("profile", "export", "web1", str(file), "--json").json
    assert (told["profiles"], file.read_text()) == (before["profiles"], text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profiles: 5", "profiles is no list"),
        ("profiles: [{name: a}]", "profiles[0].memory is missing"),
        ("profiles:\n- name: a\n  memory: {minimum: x}", "profiles[0].memory.desired is missing"),
        ("[1, 2]", "no members"),
        ("a: [", "Line 1, column 5"),
        ("a: &x 1\nb: *x", "Line 1, column 4: it has an anchor or a tag"),
        ("a: 1\na: 2", "'a' is there twice"),
        ("a: !!python/object/apply:os.system [id]", "Line 1, column 4: it has an anchor or a tag"),
        ("a: !!binary aGk=", "an anchor or a tag"),
        ("5: 1", "is no text"),
        ("<<: {a: 1}", "<< is not known"),
        ("a: 2026-01-01", "a is not known"),
        ("profiles: 2026-01-01", "profiles is no list"),
        ("profiles: [{name: .nan, memory: .inf}]", "profiles[0].memory has no members"),
        ("a: \x07", "ReaderError"),
        (
            "profiles: [{name: a, memory: {minimum: 0512, desired: 08, maximum: 9}}]",
            "no whole number",
        ),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_place(
    lpm: Lpm, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    done = lpm("profile", "import", "web1", str(file))
    assert done.code == 2
    assert told in done.err


def test_a_file_that_cannot_be_read_or_written(lpm: Lpm, tmp_path: Path) -> None:
    assert "No such file" in lpm("profile", "import", "web1", str(tmp_path / "none")).err
    assert lpm("profile", "export", "web1", str(tmp_path)).code == 2
    long = tmp_path / "long.yaml"
    long.write_text("a: " + "x" * 600_000)
    assert "longer than" in lpm("profile", "import", "web1", str(long)).err


def test_names_of_profiles_are_completed(
    lpm: Lpm, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(lpm, "profile create web1 night")
    monkeypatch.setenv("LPM_SOCKET", str(daemon.socket))
    shell = ShellComplete(command, {}, "lpm", "_LPM_COMPLETE")

    def completed(*words: str, at: str = "") -> set[str]:
        return {item.value for item in shell.get_completions(list(words), at)}

    assert completed("profile", "show", "web1") == {"default", "night"}
    assert completed("profile", "set", "web1", at="n") == {"night"}
    assert completed("partition", "activate", "web1", "--profile") == {"default", "night"}
    assert completed("profile", "show", "paused1") == set()
    assert completed("partition", "activate", "--profile") == set()
