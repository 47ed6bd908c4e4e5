"""Profiles and activation as an operator notices them, on a fake world."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.conftest import Stand
from openlpm.engine.views import ProfilesView
from openlpm.model.errors import (
    BadRequest,
    Busy,
    Conflict,
    HypervisorRefused,
    NotFound,
    NotLeader,
    Refused,
)
from openlpm.model.partition import DiskSpec, EthernetSpec, Partition, PartitionSpec
from openlpm.model.profile import Sharing
from openlpm.model.sight import Sight
from openlpm.model.system import Resources
from openlpm.model.verdict import TimeVerdict

DISK = "nbd://storage:10809/web1"


def create(stand: Stand, name: str = "web1", **change: Any) -> Partition:
    spec = PartitionSpec(
        *(name, "s1", 1024),
        disks=(DiskSpec(DISK),),
        ethernets=(EthernetSpec("guests", "52:54:00:00:00:01"),),
    )
    return stand.console.create_partition(replace(spec, **change))


def current(view: ProfilesView) -> dict[str, Any]:
    return next(each for each in view.profiles if each["name"] == view.current)


def fill(stand: Stand, memory_mib: int, name: str = "filler") -> None:
    """Somebody else holds so much of s1, which has 65536 MiB and 16 processors."""
    stand.world.add_partition(name, on="s1", memory_mib=memory_mib)
    stand.wait_for(lambda: any(p.name == name for p in stand.console.partitions()))


def test_a_new_partition_has_a_default_profile_of_its_arguments(stand: Stand) -> None:
    create(stand, processors=2)
    view = stand.console.profiles("web1")
    assert (view.current, view.implied) == ("default", False)
    told = current(view)
    assert told["memory"] == {"minimum": 1024, "desired": 1024, "maximum": 1024}
    assert told["processing_units"] == {"minimum": 1.0, "desired": 1.0, "maximum": 1.0}
    assert [a.get("disk") or a["mac"] for a in told["adapters"]] == [DISK, "52:54:00:00:00:01"]


def test_a_new_partition_of_dedicated_processors_takes_no_part_of_one(stand: Stand) -> None:
    with pytest.raises(BadRequest, match="dedicated processors"):
        create(stand, processing_units=0.3, profile={"sharing": "dedicated"})
    assert not any(each.name == "web1" for each in stand.console.partitions())
    more = {"sharing": "dedicated", "processors": {"maximum": 2}}
    made = create(stand, processing_units=1.0, profile=more)
    assert made.demand.processing_units == 1.0


def test_a_new_partition_may_be_told_more(stand: Stand) -> None:
    limits = {"memory": {"minimum": 512, "maximum": 4096}, "sharing": "capped"}
    create(stand, profile=limits)
    told = current(stand.console.profiles("web1"))
    assert told["memory"] == {"minimum": 512, "desired": 1024, "maximum": 4096}
    assert told["sharing"] == "capped"
    with pytest.raises(BadRequest, match="memory"):
        create(stand, "web2", profile={"memory": {"minimum": 2048, "maximum": 1}})
    assert [p.name for p in stand.console.partitions()] == ["web1"]


@pytest.mark.parametrize("processors", range(1, 12))
def test_a_new_partition_may_have_as_few_units_as_its_processors_need(
    stand: Stand, processors: int
) -> None:
    create(stand, processors=processors, processing_units=processors * 5 / 100)
    assert stand.console.activate("web1").processors == processors
    for units in (0.04, 0.05 * processors - 0.05, processors + 0.05, 0.51, float("nan")):
        with pytest.raises(BadRequest, match="units"):
            create(stand, "web2", processors=processors, processing_units=units)
    assert [p.name for p in stand.console.partitions()] == ["web1"]


def test_an_adapter_without_an_address_is_given_one_that_its_profile_knows(stand: Stand) -> None:
    create(stand, ethernets=(EthernetSpec("guests"), EthernetSpec("guests")))
    macs = [a["mac"] for a in current(stand.console.profiles("web1"))["adapters"] if "mac" in a]
    assert len(set(macs)) == 2
    assert all(mac.startswith("52:54:00:") for mac in macs)


def test_activation_gives_the_desired_amounts(stand: Stand) -> None:
    create(stand)
    stand.console.change_profile(
        *("web1", "default"),
        {"memory": {"desired": 2048}, "processors": {"desired": 4}, "sharing": "capped"},
    )
    seen = stand.console.activate("web1")
    assert (seen.state, seen.memory_mib, seen.processors) == (Sight.RUNNING, 2048, 4)
    assert (seen.profile, seen.warnings) == ("default", ())
    given = stand.world.guest("web1").given
    assert given is not None
    assert given.sharing is Sharing.CAPPED


def test_activation_takes_what_is_free_down_to_the_minimum(stand: Stand) -> None:
    fill(stand, 65_536 - 700)
    create(stand, profile={"memory": {"minimum": 512}})
    seen = stand.console.activate("web1")
    assert seen.memory_mib == 700
    assert seen.demand == Resources(0.5, 700)
    (warning,) = seen.warnings
    assert warning.code == "less-than-desired"
    assert warning.message == "It got 700 of 1024 MiB desired. Held by 'filler' 64836 MiB."
    assert "less-than-desired" in stand.codes()
    free = stand.console.system("s1").free
    assert free is not None
    assert free.memory_mib == 0


def test_less_than_the_minimum_is_refused_with_who_holds_it(stand: Stand) -> None:
    fill(stand, 65_536 - 700)
    create(stand)
    with pytest.raises(Refused) as refused:
        stand.console.activate("web1")
    (finding,) = refused.value.findings
    assert finding.code == "memory-short"
    assert "1024 MiB are the minimum, 700 MiB are free: 324 MiB are missing" in finding.message
    assert "'filler' 64836 MiB" in finding.message
    assert stand.console.partition("web1").state is Sight.OFF


def test_room_that_a_move_was_promised_is_not_given_away(stand: Stand) -> None:
    stand.world.add_partition("mover", on="s2", memory_mib=65_000, dirty_mib_s=0)
    stand.wait_for(lambda: any(p.name == "mover" for p in stand.console.partitions()))
    create(stand)
    view = stand.console.migrate("mover", "s1")
    with pytest.raises(Refused) as refused:
        stand.console.activate("web1")
    assert "mover" in refused.value.findings[0].message
    stand.console.stop(view.migration.id)
    stand.settle(view)
    assert stand.console.activate("web1").state is Sight.RUNNING


def test_another_profile_is_activated_and_becomes_the_current_one(stand: Stand) -> None:
    create(stand)
    stand.console.create_profile("web1", "night", {"memory": {"desired": 256}})
    assert stand.console.profiles("web1").current == "default"
    assert stand.console.activate("web1", "night").memory_mib == 256
    assert stand.console.profiles("web1").current == "night"
    stand.console.shutdown("web1", force=True)
    assert stand.console.activate("web1").profile == "night"
    with pytest.raises(Conflict):
        stand.console.activate("web1", "default")  # it runs


def test_a_profile_that_is_not_there_changes_nothing(stand: Stand) -> None:
    create(stand)
    with pytest.raises(NotFound, match="There are: default"):
        stand.console.activate("web1", "noon")
    assert stand.console.partition("web1").state is Sight.OFF


def test_a_start_that_fails_leaves_everything_as_it_was(stand: Stand) -> None:
    made = create(stand)
    stand.console.create_profile("web1", "night", {"memory": {"desired": 256}})
    stand.world.server("s1").refuse("activate", "QEMU would not start")
    with pytest.raises(HypervisorRefused):
        stand.console.activate("web1", "night")
    seen = stand.console.partition("web1")
    assert (seen.state, seen.memory_mib, seen.mark) == (Sight.OFF, 1024, made.mark)
    assert stand.console.profiles("web1").current == "default"


def test_a_required_adapter_that_is_missing_refuses(stand: Stand) -> None:
    create(stand)
    stand.world.server("s1").failing_disks = {DISK: "Connection refused."}
    with pytest.raises(Refused) as refused:
        stand.console.activate("web1")
    (finding,) = refused.value.findings
    assert finding.message == f"{DISK}: Connection refused."
    assert "--desire" in finding.remedy
    assert stand.console.partition("web1").state is Sight.OFF


def desired(stand: Stand, *keys: str) -> None:
    """Let these adapters of web1 be desired only."""
    adapters = current(stand.console.profiles("web1"))["adapters"]
    for adapter in adapters:
        adapter["required"] = (adapter.get("disk") or adapter["mac"]) not in keys
    stand.console.change_profile("web1", "default", {"adapters": adapters})


def test_a_desired_adapter_that_is_missing_is_left_out_and_told(stand: Stand) -> None:
    create(stand)
    mac = "52:54:00:00:00:01"
    desired(stand, mac)
    facts = stand.world.server("s1").facts
    stand.world.server("s1").facts = replace(facts, switches=())
    seen = stand.console.activate("web1")
    (warning,) = seen.warnings
    assert warning.code == "adapter-dropped"
    assert mac in warning.message
    assert "guests" in warning.message
    assert "adapter-dropped" in stand.codes()
    assert not any(e.mac == mac for e in stand.world.guest("web1").hardware.ethernets)
    stand.console.shutdown("web1", force=True)
    stand.world.server("s1").facts = facts
    assert stand.console.activate("web1").warnings == ()
    assert any(e.mac == mac for e in stand.world.guest("web1").hardware.ethernets)


def test_a_disk_that_another_partition_writes_to_is_missing(stand: Stand) -> None:
    """As after `profile import` of another partition's file."""
    create(stand)
    stand.console.activate("web1")
    stand.settle(stand.console.migrate("web1", "s2"))
    create(stand, "web2")
    for spelling in ("nbd://Storage/web1", DISK):
        disk = [{"disk": spelling}]
        stand.console.change_profile("web2", "default", {"adapters": disk})
        with pytest.raises(Refused) as refused:
            stand.console.activate("web2")
        (finding,) = refused.value.findings
        assert finding.message == f"{DISK}: 'web1' on s2 writes to it."
    assert stand.console.partition("web2").state is Sight.OFF
    stand.console.change_profile(
        "web2", "default", {"adapters": [{"disk": DISK, "required": False}]}
    )
    (warning,) = stand.console.activate("web2").warnings
    assert "'web1' on s2 writes to it" in warning.message
    assert DISK not in {d.source for d in stand.world.guest("web2").hardware.disks}


@pytest.mark.parametrize("of_before", [False, True])
def test_no_disk_is_written_to_twice_though_no_profile_names_it(
    stand: Stand, of_before: bool
) -> None:
    if of_before:
        stand.world.add_partition("web2", on="s1", state=Sight.OFF)
        stand.wait_for(lambda: any(p.name == "web2" for p in stand.console.partitions()))
    else:
        create(stand, "web2", disks=())
    create(stand)
    stand.console.activate("web1")
    with stand.world.lock:
        guest = stand.world.guest("web2")
        guest.hardware = replace(
            guest.hardware, disks=stand.world.guest("web1").hardware.disks, leases=()
        )
    with pytest.raises(Refused) as refused:
        stand.console.activate("web2")
    assert refused.value.code == "disk-in-use"
    assert f"{DISK}: 'web1' on s1 writes to it." in refused.value.findings[0].message
    assert stand.console.partition("web2").state is Sight.OFF
    stand.console.shutdown("web1", force=True)
    assert stand.console.activate("web2").state is Sight.RUNNING


def test_an_adapter_of_another_profile_is_taken_out(stand: Stand) -> None:
    create(stand)
    adapters = current(stand.console.profiles("web1"))["adapters"]
    stand.console.create_profile("web1", "alone", {"adapters": adapters[:1]})
    stand.console.activate("web1", "alone")
    given = stand.world.guest("web1").given
    assert given is not None
    assert given.without == {"52:54:00:00:00:01"}


def test_a_server_that_cannot_divide_processor_time_says_so(stand: Stand) -> None:
    create(stand)
    stand.world.server("s1").division = TimeVerdict(trouble="It has no control groups.")
    (warning,) = stand.console.activate("web1").warnings
    assert warning.code == "time-not-divided"
    assert "s1 does not divide processor time" in warning.message
    assert "time-not-divided" in stand.codes()


def test_a_move_does_not_give_back_an_entitlement_that_a_server_dropped(stand: Stand) -> None:
    create(stand, profile={"sharing": "capped"})
    stand.world.server("s1").division = TimeVerdict(refusal="CPU tuning is not available.")
    stand.console.activate("web1")
    validation = stand.console.validate("web1", "s2").validation
    assert validation.passed
    (found,) = [f for f in validation.warnings if f.code == "time-not-divided"]
    assert "until its next activation" in found.message
    stand.settle(stand.console.migrate("web1", "s2"))
    stand.console.shutdown("web1", force=True)
    stand.console.activate("web1")
    assert not stand.console.validate("web1", "s1").validation.warnings


def test_a_target_that_does_not_divide_processor_time_is_found_before_a_move(stand: Stand) -> None:
    create(stand)
    s2 = stand.world.server("s2")
    s2.division = TimeVerdict(refusal="CPU tuning is not available on this host.")
    assert stand.console.validate("web1", "s2").validation.findings == ()
    assert s2.division_tries == 0, "one that was never activated asks for no shares yet"
    stand.console.activate("web1")
    found = {f.code: f for f in stand.console.validate("web1", "s2").validation.errors}
    assert "cgroup_controllers" in found["cpu-controller-missing"].remedy
    s2.division = TimeVerdict(trouble="It has no control groups.")
    validation = stand.console.validate("web1", "s2").validation
    assert validation.passed
    assert "time-not-divided" in {f.code for f in validation.warnings}
    tries = s2.division_tries
    stand.settle(stand.console.migrate("web1", "s2"))
    assert s2.division_tries == tries, "a move that begins waits for no QEMU but its own"


def test_a_partition_of_before_is_activated_as_it_is(stand: Stand) -> None:
    fill(stand, 65_536)
    stand.world.add_partition("old", on="s1", state=Sight.OFF)
    stand.wait_for(lambda: any(p.name == "old" for p in stand.console.partitions()))
    view = stand.console.profiles("old")
    assert view.implied
    assert current(view)["memory"]["desired"] == 512
    with pytest.raises(Conflict, match="no profiles of its own"):
        stand.console.activate("old", "default")
    assert stand.console.activate("old").profile == ""
    old = stand.world.guest("old")
    kept = stand.world.servers["s1"].domain(old.uuid).profiles
    assert (kept, old.given) == (None, None), "nothing was written unasked"


def test_a_partition_of_before_keeps_profiles_once_one_is_changed(stand: Stand) -> None:
    stand.world.add_partition("old", on="s1", state=Sight.OFF)
    stand.wait_for(lambda: any(p.name == "old" for p in stand.console.partitions()))
    view = stand.console.change_profile("old", "default", {"weight": 200})
    assert not view.implied
    assert current(stand.console.profiles("old"))["weight"] == 200


def test_profiles_move_with_the_partition(stand: Stand) -> None:
    create(stand)
    stand.console.create_profile("web1", "night", {"memory": {"desired": 256}})
    stand.console.activate("web1", "night")
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase == "done"
    moved = stand.console.profiles("web1")
    assert moved.system == "s2"
    assert moved.current == "night"
    assert [each["name"] for each in moved.profiles] == ["default", "night"]
    assert stand.console.partition("web1").demand == Resources(0.5, 256)


def test_profiles_do_not_change_while_it_moves(stand: Stand) -> None:
    create(stand)
    stand.console.activate("web1")
    stand.world.guest("web1").dirty_mib_s = 10_000
    view = stand.console.migrate("web1", "s2")
    with pytest.raises(Busy):
        stand.console.change_profile("web1", "default", {"weight": 1})
    assert stand.console.profiles("web1").current == "default", "they can be looked at"
    stand.console.stop(view.migration.id)
    stand.settle(view)


def test_a_new_profile_of_a_capped_partition_is_capped(stand: Stand) -> None:
    create(stand, profile={"sharing": "capped", "weight": 7})
    stand.console.activate("web1")
    view = stand.console.create_profile("web1", "night", {"memory": {"desired": 512}})
    (night,) = [each for each in view.profiles if each["name"] == "night"]
    assert (night["sharing"], night["weight"]) == ("capped", 7)


def test_a_copy_and_its_deletion(stand: Stand) -> None:
    create(stand)
    stand.console.copy_profile("web1", "default", "night", {"weight": 9})
    stand.console.change_profile("web1", "night", {}, current=True)
    with pytest.raises(Conflict, match="current"):
        stand.console.delete_profile("web1", "night")
    view = stand.console.delete_profile("web1", "default")
    assert [each["name"] for each in view.profiles] == ["night"]
    with pytest.raises(Conflict, match="current"):
        stand.console.delete_profile("web1", "night")


def test_what_was_exported_is_imported(stand: Stand) -> None:
    create(stand)
    stand.console.create_profile("web1", "night", {"memory": {"desired": 256}})
    view = stand.console.profiles("web1")
    kept = {"current": "night", "profiles": list(view.profiles)}
    stand.console.delete_profile("web1", "night")
    stand.console.replace_profiles("web1", kept)
    after = stand.console.profiles("web1")
    assert (after.profiles, after.current) == (view.profiles, "night")
    with pytest.raises(BadRequest, match=r"profiles\[0\].memory is missing"):
        stand.console.replace_profiles("web1", {"profiles": [{"name": "x"}]})
    assert stand.console.profiles("web1") == after


def test_damaged_profiles_are_a_problem_with_a_remedy_and_no_more(stand: Stand) -> None:
    create(stand)
    view = stand.console.profiles("web1")
    kept = stand.world.servers["s1"].domain(stand.world.guest("web1").uuid)
    kept.damaged = "They are no JSON."
    for ask in (stand.console.profiles, stand.console.activate):
        with pytest.raises(Conflict) as damaged:
            ask("web1")
        assert damaged.value.code == "profiles-damaged"
    assert stand.console.partition("web1").state is Sight.OFF
    assert [p.name for p in stand.console.partitions()] == ["web1"]
    stand.console.replace_profiles("web1", {"profiles": list(view.profiles)})
    assert stand.console.activate("web1").state is Sight.RUNNING


def test_others_partitions_get_no_profiles(stand: Stand) -> None:
    stand.world.add_partition("theirs", on="s1", state=Sight.OFF)
    stand.wait_for(lambda: any(p.name == "theirs" for p in stand.console.partitions()))
    uuid = stand.world.guest("theirs").uuid
    stand.world.server("s1").domains[uuid].mark = None
    with pytest.raises(Conflict, match="made by others"):
        stand.console.create_profile("theirs", "x", {})
    assert stand.console.activate("theirs").state is Sight.RUNNING


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.create_profile("web1", "x", {}),
        lambda c: c.copy_profile("web1", "default", "x", {}),
        lambda c: c.change_profile("web1", "default", {}),
        lambda c: c.delete_profile("web1", "x"),
        lambda c: c.replace_profiles("web1", {}),
        lambda c: c.activate("web1"),
    ],
)
def test_only_the_console_that_leads_changes_profiles(
    stand: Stand, ask: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(stand)

    def follow() -> None:
        raise NotLeader("not-leading", "Another console leads.")

    monkeypatch.setattr(stand.console.leading, "require", follow)
    with pytest.raises(NotLeader):
        ask(stand.console)
    assert stand.console.profiles("web1").current == "default"
