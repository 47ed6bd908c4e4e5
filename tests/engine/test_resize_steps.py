"""Resizing as an operator notices it, on a fake world."""

from dataclasses import replace
from typing import Any

import pytest

from engine.conftest import Stand
from engine.test_profiles import DISK, create, current, fill
from fakes.hypervisors import ConsoleKilled
from openlpm.engine import claims
from openlpm.engine.resizing import Resizing
from openlpm.model.errors import (
    BadRequest,
    Busy,
    Conflict,
    HypervisorRefused,
    NotFound,
    OpenLpmError,
    Refused,
)
from openlpm.model.partition import Rmc
from openlpm.model.profile import DiskAdapter, EthernetAdapter
from openlpm.model.resize import Resize
from openlpm.model.sight import Sight
from openlpm.model.system import Resources
from openlpm.model.verdict import TimeVerdict

MORE = "nbd://storage:10809/more"
WIDE: dict[str, Any] = {
    "memory": {"minimum": 256, "maximum": 2048},
    "processors": {"maximum": 4},
    "processing_units": {"minimum": 0.1, "maximum": 2.0},
}


@pytest.fixture(autouse=True)
def web1(stand: Stand) -> None:
    """1024 MiB (256 to 2048), 1 processor (to 4), 0.5 units (0.1 to 2); it runs on s1."""
    create(stand, profile=WIDE)
    stand.console.activate("web1")
    stand.world.guest("web1").dirty_mib_s = 0


def amounts(stand: Stand) -> tuple[int, int, float]:
    seen = stand.console.partition("web1")
    return seen.memory_mib, seen.processors, seen.demand.processing_units


def refused(stand: Stand, **asked: Any) -> OpenLpmError:
    """It is refused, and nothing has changed."""
    before = stand.console.partition("web1")
    with pytest.raises(OpenLpmError) as error:
        stand.console.resize("web1", Resize(**asked))
    assert replace(stand.console.partition("web1"), seen_at=0) == replace(before, seen_at=0)
    return error.value


def test_all_of_it_is_given_and_told(stand: Stand) -> None:
    seen = stand.console.resize("web1", Resize(1536, 2, 0.7))
    assert amounts(stand) == (1536, 2, 0.7)
    assert seen.done == ("0.7 processing units", "memory 1536 MiB", "2 virtual processors")
    assert (seen.saved, seen.warnings) == (False, ())
    assert stand.world.guest("web1").shares == 0.7
    assert "partition-resized" in stand.codes()
    free = stand.console.system("s1").free
    assert free == Resources(15.3, 64_000)


def test_its_profile_stays_unless_it_is_to_be_saved(stand: Stand) -> None:
    stand.console.resize("web1", Resize(1536))
    assert current(stand.console.profiles("web1"))["memory"]["desired"] == 1024
    assert stand.console.resize("web1", Resize(1280, save=True)).saved
    kept = current(stand.console.profiles("web1"))["memory"]
    assert kept == {"minimum": 256, "desired": 1280, "maximum": 2048}
    stand.console.resize("web1", Resize(512))
    stand.console.shutdown("web1", force=True)
    assert stand.console.activate("web1").memory_mib == 1280


def test_current_is_shown_beside_the_profile(stand: Stand) -> None:
    stand.console.resize("web1", Resize(1536))
    size = stand.console.size("web1")
    assert size.running is not None
    assert (size.running.memory_mib, size.running.most_memory_mib) == (1536, 2048)
    assert size.profile["memory"]["desired"] == 1024
    assert size.adapters[0]["disk"] == DISK
    stand.console.shutdown("web1", force=True)
    assert stand.console.size("web1").running is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"memory_mib": 4096}, "beyond-profile"),
        ({"memory_mib": 128}, "beyond-profile"),
        ({"processors": 5}, "beyond-profile"),
        ({"units": 0.05}, "beyond-profile"),
    ],
)
def test_the_profile_is_the_limit(stand: Stand, asked: dict[str, Any], code: str) -> None:
    error = refused(stand, **asked)
    assert isinstance(error, Refused)
    assert {f.code for f in error.findings} == {code}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"memory_mib": -1},
        {"memory_mib": 10**400},
        {"units": float("nan")},
        {"units": 0.51},
        {"processors": 0},
        {"remove": ("sda",)},
        {"remove": (DISK, "nbd://STORAGE/web1")},
        {"add": (EthernetAdapter("guests", "nonsense"),)},
        {"add": (EthernetAdapter("", ""),)},
        {"add": (DiskAdapter("file:///etc/passwd"),)},
        {"add": (DiskAdapter(MORE, bus="floppy"),)},
    ],
)
def test_what_cannot_be_understood(stand: Stand, asked: dict[str, Any]) -> None:
    assert isinstance(refused(stand, **asked), BadRequest)


def test_room_is_counted_as_for_an_activation(stand: Stand) -> None:
    fill(stand, 65_536 - 2048 - 1024 + 600)
    create(stand, "db1", memory_mib=512, disks=(), ethernets=())
    stand.console.activate("db1")
    error = refused(stand, memory_mib=2048)
    assert isinstance(error, Refused)
    (finding,) = error.findings
    assert finding.code == "memory-short"
    assert "'filler'" in finding.message
    stand.console.shutdown("db1", force=True)
    stand.console.resize("web1", Resize(1900))


def test_what_a_move_was_promised_is_not_given_away(stand: Stand) -> None:
    stand.world.add_partition("mover", on="s2", memory_mib=64_000, dirty_mib_s=10_000)
    stand.wait_for(lambda: any(p.name == "mover" for p in stand.console.partitions()))
    view = stand.console.migrate("mover", "s1")
    error = refused(stand, memory_mib=2048)
    assert isinstance(error, Refused)
    assert "mover" in error.findings[0].message
    stand.console.stop(view.migration.id)
    stand.settle(view)


def test_it_is_not_resized_while_it_moves_and_keeps_its_size(stand: Stand) -> None:
    stand.console.resize("web1", Resize(1536, 2, 0.7))
    stand.world.guest("web1").dirty_mib_s = 10_000
    view = stand.console.migrate("web1", "s2")
    with pytest.raises(Busy):
        stand.console.resize("web1", Resize(1024))
    stand.world.guest("web1").dirty_mib_s = 0
    assert stand.settle(view).migration.phase == "done"
    assert amounts(stand) == (1536, 2, 0.7)
    stand.console.resize("web1", Resize(1024))
    assert stand.console.partition("web1").system == "s2"


def test_it_is_left_alone_meanwhile(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE_S", 0.05)
    errors: list[OpenLpmError] = []
    do = Resizing._do  # pyright: ignore[reportPrivateUsage]

    def meanwhile(*args: Any, **options: Any) -> Any:
        for ask in (
            lambda: stand.console.migrate("web1", "s2"),
            lambda: stand.console.resize("web1", Resize(512)),
            lambda: stand.console.change_profile("web1", "default", {"memory": {"maximum": 4096}}),
            lambda: stand.console.activate("web1"),
        ):
            with pytest.raises(Busy) as busy:
                ask()
            errors.append(busy.value)
        return do(*args, **options)

    monkeypatch.setattr(Resizing, "_do", meanwhile)
    stand.console.resize("web1", Resize(1536))
    assert [error.code for error in errors] == ["partition-busy"] * 4
    assert stand.console.migrations() == []
    stand.settle(stand.console.migrate("web1", "s2"))


def test_one_that_is_off_is_for_its_profile_to_say(stand: Stand) -> None:
    stand.console.shutdown("web1", force=True)
    error = refused(stand, memory_mib=512)
    assert error.code == "not-running"
    assert "lpm profile set web1" in error.remedy


def test_a_paused_one_and_others_are_refused(stand: Stand) -> None:
    stand.console.pause("web1")
    assert refused(stand, memory_mib=512).code == "wrong-state"
    stand.console.resume("web1")
    stand.world.add_partition("legacy", on="s1")
    with stand.world.lock:
        stand.world.server("s1").domain(stand.world.guest("legacy").uuid).mark = None
    stand.wait_for(lambda: any(p.name == "legacy" for p in stand.console.partitions()))
    with pytest.raises(Conflict, match="made by others"):
        stand.console.resize("legacy", Resize(256))


def test_disks_and_ethernet_adapters_come_and_go(stand: Stand) -> None:
    new = (DiskAdapter("nbd://Storage/more"), EthernetAdapter("guests", ""))
    seen = stand.console.resize("web1", Resize(add=new, save=True))
    assert MORE in seen.writes
    (mac,) = set(seen.macs) - {"52:54:00:00:00:01"}
    assert mac.startswith("52:54:00:")
    named = current(stand.console.profiles("web1"))["adapters"]
    assert {MORE, mac} <= {each.get("disk") or each["mac"] for each in named}
    assert stand.world.guest("web1").stored == {MORE, mac}
    assert refused(stand, remove=(mac,)).code == "adapter-required"
    assert refused(stand, add=new[:1]).code == "adapter-there"
    for each in named:
        each["required"] = False
    stand.console.change_profile("web1", "default", {"adapters": named})
    seen = stand.console.resize("web1", Resize(remove=(mac.upper(), "nbd://STORAGE/more")))
    assert MORE not in seen.writes
    assert mac not in seen.macs
    assert stand.world.guest("web1").stored == {MORE, mac}, "they are back when it is activated"
    with pytest.raises(NotFound):
        stand.console.resize("web1", Resize(remove=(mac,)))


def test_what_is_plugged_must_be_there_and_nobody_elses(stand: Stand) -> None:
    mine = "52:54:00:00:00:77"
    create(stand, "web2", disks=(), ethernets=())
    stand.console.activate("web2")
    stand.console.resize("web2", Resize(add=(DiskAdapter(MORE), EthernetAdapter("guests", mine))))
    error = refused(stand, add=(DiskAdapter(MORE),))
    assert isinstance(error, Refused)
    assert "'web2' on s1 writes to it" in error.findings[0].message
    error = refused(stand, add=(EthernetAdapter("guests", mine.upper()),))
    assert (error.code, "'web2' on s1" in error.message) == ("mac-taken", True)
    error = refused(stand, add=(EthernetAdapter("nowhere", ""),))
    assert isinstance(error, Refused)
    assert "no active virtual switch 'nowhere'" in error.findings[0].message
    other = "nbd://storage:10809/other"
    stand.world.server("s1").failing_disks = {other: "Connection refused."}
    error = refused(stand, add=(DiskAdapter(other),))
    assert isinstance(error, Refused)
    assert "Connection refused." in error.findings[0].message


def test_a_guest_that_needs_its_memory_is_left_alone(stand: Stand) -> None:
    stand.world.guest("web1").uses_mib = 800
    error = refused(stand, memory_mib=512)
    assert isinstance(error, Refused)
    assert error.findings[0].code == "memory-in-use"
    stand.world.guest("web1").silent = True
    error = refused(stand, memory_mib=512)
    assert error.code == "memory-refused"
    assert "Refused: memory 512 MiB." in error.cause


@pytest.mark.parametrize("method", ["set_entitlement", "set_memory", "plug", "set_processors"])
def test_a_refused_step_has_those_before_it_taken_back(stand: Stand, method: str) -> None:
    stand.world.server("s1").refuse(method, "QEMU would not")
    adapter = EthernetAdapter("guests", "52:54:00:00:00:88")
    error = refused(stand, memory_mib=1536, processors=2, units=0.7, add=(adapter,))
    assert isinstance(error, HypervisorRefused)
    assert "taken back" in error.cause
    assert stand.world.guest("web1").shares == 0.5
    stand.console.resize("web1", Resize(1536, 2, 0.7, add=(adapter,)))


def test_what_cannot_be_taken_back_is_told(stand: Stand) -> None:
    """The adapter that it got does not leave again."""
    adapter = EthernetAdapter("guests", "52:54:00:00:00:88")
    stand.world.guest("web1").clings_to = {adapter.mac}
    stand.world.server("s1").refuse("set_processors", "QEMU would not")
    with pytest.raises(HypervisorRefused) as error:
        stand.console.resize("web1", Resize(processors=2, add=(adapter,)))
    assert f"not to be taken back: adapter {adapter.mac} added." in error.value.cause
    assert adapter.mac in stand.console.partition("web1").macs


def test_a_guest_that_does_not_let_go_is_reported(stand: Stand) -> None:
    adapter = EthernetAdapter("guests", "52:54:00:00:00:88")
    stand.console.resize("web1", Resize(add=(adapter,)))
    stand.world.guest("web1").clings_to = {adapter.mac}
    assert refused(stand, memory_mib=1536, remove=(adapter.mac,)).code == "adapter-kept"


def test_a_profile_that_cannot_be_saved_is_told_with_what_was_done(stand: Stand) -> None:
    stand.world.server("s1").refuse("write_profiles", "No space left on device")
    with pytest.raises(HypervisorRefused) as error:
        stand.console.resize("web1", Resize(1536, save=True))
    assert error.value.code == "not-saved"
    assert "partition-resized" in stand.codes()
    assert "memory 1536 MiB" in error.value.cause
    assert amounts(stand)[0] == 1536


def test_warnings_say_what_to_see_to(stand: Stand) -> None:
    stand.world.guest("web1").agent = Rmc.INACTIVE
    stand.world.server("s1").division = TimeVerdict(trouble="It has no control groups.")
    seen = stand.console.resize("web1", Resize(processors=2, units=1.0))
    assert [w.code for w in seen.warnings] == ["processors-not-used", "time-not-divided"]
    assert {w.code for w in seen.warnings} <= set(stand.codes())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("call", range(1, 12))
def test_a_console_that_dies_in_between_leaves_the_truth(stand: Stand, call: int) -> None:
    """What is promised is never less than what was given, and a second try ends it."""
    hypervisors = stand.consoles[-1][2]
    hypervisors.die_at(hypervisors.calls + call)
    try:
        stand.console.resize("web1", Resize(1536, 2, 0.7))
    except ConsoleKilled:
        stand.kill()
        stand.start()
        stand.wait_for(lambda: stand.console.partition("web1").state is Sight.RUNNING)
    promised = stand.console.partition("web1").demand.processing_units
    shares = stand.world.guest("web1").shares
    assert shares is not None
    assert promised >= shares
    stand.console.resize("web1", Resize(1536, 2, 0.7))
    assert amounts(stand) == (1536, 2, 0.7)
    assert stand.world.guest("web1").shares == 0.7
