"""Profiles: what may be one, what they are as documents, and how they change."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.decide.implied import at_present, implied
from openlpm.model.errors import BadRequest, Conflict, NotFound
from openlpm.model.hardware import DiskKind, Hardware, VirtualDisk, VirtualEthernet
from openlpm.model.partition import Mark, Partition
from openlpm.model.profile import (
    MOST_PROFILES,
    BootDevice,
    DiskAdapter,
    EthernetAdapter,
    Profile,
    Profiles,
    Sharing,
    Span,
    fixed,
    steps,
    units_of,
)
from openlpm.model.profile_document import (
    changed,
    document,
    profile_document,
    read_profile,
    read_profiles,
)
from openlpm.model.sight import Sight, Why

DISK = DiskAdapter("nbd://storage:10809/web1")
NETWORK = EthernetAdapter("guests", "52:54:00:00:00:01", required=False)
WEB = Profile(
    "default",
    Span(512, 1024, 2048),
    Span(1, 2, 4),
    Span(0.1, 0.5, 2.0),
    adapters=(DISK, NETWORK),
    boot=(BootDevice.DISK, BootDevice.NETWORK),
)


def spans(least: int, most: int) -> st.SearchStrategy[Span[int]]:
    levels = st.lists(st.integers(least, most), min_size=3, max_size=3).map(sorted)
    return levels.map(lambda three: Span(*three))


@st.composite
def profiles_made(draw: st.DrawFn) -> Profile:
    """Any profile that may be."""
    sharing = draw(st.sampled_from(Sharing))
    processors = draw(spans(1, 64))
    if sharing is Sharing.DEDICATED:
        units = Span(*map(float, (processors.minimum, processors.desired, processors.maximum)))
    else:
        low = draw(st.integers(processors.minimum, processors.minimum * 20))
        middle = draw(st.integers(max(low, processors.desired), max(low, processors.desired * 20)))
        high = draw(
            st.integers(max(middle, processors.maximum), max(middle, processors.maximum * 20))
        )
        units = Span(units_of(low), units_of(middle), units_of(high))
    return Profile(
        draw(st.sampled_from(["default", "night", "a.b-c_9"])),
        draw(spans(16, 2**20)),
        processors,
        units,
        sharing,
        weight=draw(st.integers(0, 255)),
        cpu_model=draw(st.sampled_from(["", "Skylake-Server"])),
        adapters=draw(st.sampled_from([(), (DISK,), (DISK, NETWORK)])),
        boot=tuple(draw(st.permutations(list(BootDevice)))[: draw(st.integers(0, 3))]),
    )


@given(profile=profiles_made())
def test_a_profile_is_the_same_after_it_was_written_and_read(profile: Profile) -> None:
    told = json.loads(json.dumps(document(Profiles(profile.name, (profile,)))))
    assert read_profiles(told) == Profiles(profile.name, (profile,))


def test_units_are_exact_in_steps() -> None:
    assert [units_of(steps(each / 20)) for each in range(1, 2000)] == [
        round(each / 20, 2) for each in range(1, 2000)
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"memory_mib": Span(512, 256, 1024)}, "memory has minimum 512"),
        ({"memory_mib": Span(8, 256, 1024)}, "memory.minimum is 8"),
        ({"memory_mib": Span(512, 1024, 2**33)}, "memory.maximum is"),
        ({"processors": Span(0, 1, 4)}, "processors.minimum is 0"),
        ({"units": Span(0.1, 0.51, 2.0)}, "processing_units.desired is 0.51"),
        ({"units": Span(0.1, 0.5, 4.5)}, "processing_units.maximum is 4.5 for 4"),
        ({"processors": Span(3, 3, 4)}, "processing_units.minimum is 0.1 for 3"),
        ({"units": Span(0.1, float("nan"), 2.0)}, "processing_units.desired is nan"),
        ({"units": Span(0.0, 0.5, 2.0)}, "processing_units.minimum is 0"),
        ({"sharing": Sharing.DEDICATED}, "processing_units.minimum is 0.1 for 1 dedicated"),
        ({"weight": 256}, "weight is 256"),
        ({"name": "-x"}, "'-x' cannot be the name of a profile"),
        ({"cpu_model": "a b"}, "'a b' cannot be the name of a processor model"),
        ({"adapters": (DISK, DISK)}, "is given twice"),
        ({"adapters": (replace(NETWORK, mac="01:00:00:00:00:00"),)}, "MAC address"),
        ({"adapters": (replace(NETWORK, switch=""),)}, "names no virtual switch"),
        ({"adapters": (DiskAdapter("file:///etc/shadow"),)}, "no disk that servers can share"),
        ({"adapters": (DiskAdapter(DISK.url, "mfm"),)}, "'mfm' is no bus"),
        ({"adapters": (DISK, DiskAdapter("nbd://Storage/web1"))}, "is given twice"),
        ({"adapters": (DISK,) * 200}, "The number of adapters is 200"),
        ({"boot": (BootDevice.DISK, BootDevice.DISK)}, "is given twice"),
    ],
)
def test_what_no_profile_may_be(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        replace(WEB, **change)
    assert told in str(refused.value)
    assert refused.value.remedy


def at(place: str, value: object) -> dict[str, Any]:
    """The document of WEB with something else at a place."""
    told = json.loads(json.dumps(document(Profiles("default", (WEB,)))))
    parts = place.replace("]", "").replace("[", ".").split(".")
    spot: Any = told
    for part in parts[:-1]:
        spot = spot[int(part) if part.isdigit() else part]
    last = parts[-1]
    if value is ...:
        del spot[last]
    else:
        spot[int(last) if last.isdigit() else last] = value
    return told


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("profiles", 5, "profiles is no list"),
        ("profiles", ..., "profiles is missing"),
        ("profiles", [], "The number of profiles is 0"),
        ("profiles[0]", "x", "profiles[0] has no members"),
        ("profiles[0].colour", "red", "profiles[0].colour is not known; there are adapters,"),
        ("profiles[0].name", ..., "profiles[0].name is missing"),
        ("profiles[0].name", 7, "profiles[0].name is no text"),
        ("profiles[0].name", "x" * 2000, "profiles[0].name has more than 1024"),
        ("profiles[0].name", "a\x9bb", "profiles[0].name has more than 1024 characters, or"),
        ("profiles[0].memory", ..., "profiles[0].memory is missing"),
        ("profiles[0].memory", [1, 2, 3], "profiles[0].memory has no members"),
        ("profiles[0].memory.minimum", ..., "profiles[0].memory.minimum is missing"),
        ("profiles[0].memory.minimum", "512M", "profiles[0].memory.minimum is no whole number"),
        ("profiles[0].memory.minimum", True, "profiles[0].memory.minimum is no whole number"),
        ("profiles[0].memory.minimum", 4096, "profiles[0]: memory has minimum 4096"),
        ("profiles[0].memory.minimum", 10**400, "profiles[0]: memory.minimum is too large"),
        ("profiles[0].processing_units.desired", "0.5", "units.desired is no number"),
        ("profiles[0].processing_units.desired", 10**400, "units.desired is no number"),
        ("profiles[0].sharing", "free", "sharing is none of dedicated, capped, uncapped"),
        ("profiles[0].sharing", ["capped"], "sharing is none of dedicated"),
        ("profiles[0].weight", 1.5, "profiles[0].weight is no whole number"),
        ("profiles[0].weight", 999, "profiles[0]: weight is 999"),
        ("profiles[0].adapters", None, "profiles[0].adapters is missing"),
        ("profiles[0].adapters[0]", "sda", "profiles[0].adapters[0] has no members"),
        ("profiles[0].adapters[0].required", "yes", "adapters[0].required is neither true nor"),
        ("profiles[0].adapters[0].disk", "rbd://a/b", "profiles[0]: 'rbd://a/b' is no disk"),
        ("profiles[0].adapters[0].bus", "mfm", "profiles[0]: 'mfm' is no bus"),
        ("profiles[0].adapters[1].mac", ..., "profiles[0].adapters[1].mac is missing"),
        ("profiles[0].boot[0]", "floppy", "boot[0] is none of disk, network, cdrom"),
        ("profiles[0].boot", ["disk"] * 9, "profiles[0].boot has more than 3 entries"),
        ("current", "x", "current is 'x', which is none of the profiles"),
        ("version", 2, "version is not known"),
    ],
)
def test_what_is_wrong_in_a_document_is_told_with_its_place(
    place: str, value: object, fault: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        read_profiles(at(place, value))
    assert refused.value.code == "bad-profile"
    assert fault in refused.value.cause


@pytest.mark.parametrize("value", [None, 5, "text", [], [{}]])
def test_what_is_no_document_at_all(value: object) -> None:
    with pytest.raises(BadRequest, match="the document has no members"):
        read_profiles(value)


def test_a_document_may_leave_out_what_is_usual() -> None:
    told = {
        "profiles": [
            {
                "name": "small",
                "memory": {"minimum": 64, "desired": 64, "maximum": 64},
                "processors": {"minimum": 2, "desired": 2, "maximum": 2},
                "sharing": "dedicated",
            }
        ]
    }
    read = read_profiles(told)
    assert read.current == "small"
    assert read.named().units == fixed(2.0)
    assert "processing_units" not in profile_document(read.named())


def test_current_in_a_document_defaults_to_the_first() -> None:
    told = at("current", ...)
    assert read_profiles(told).current == "default"


@pytest.mark.parametrize(
    ("change", "span"),
    [
        ({"desired": 4096}, Span(512, 4096, 4096)),
        ({"desired": 256}, Span(256, 256, 2048)),
        ({"minimum": 1536}, Span(1536, 1536, 2048)),
        ({"minimum": 4096}, Span(4096, 4096, 4096)),
        ({"maximum": 256}, Span(256, 256, 256)),
        ({"maximum": 4096}, Span(512, 1024, 4096)),
        ({"minimum": 64, "maximum": 128}, Span(64, 128, 128)),
        ({"minimum": 64, "desired": 65, "maximum": 66}, Span(64, 65, 66)),
    ],
)
def test_of_a_span_what_is_not_given_makes_room(change: dict[str, int], span: Span[int]) -> None:
    assert changed(WEB, {"memory": change}).memory_mib == span


def test_a_change_leaves_the_rest_as_it_is() -> None:
    assert changed(WEB, {}) == WEB
    assert changed(WEB, {"sharing": "capped"}) == replace(WEB, sharing=Sharing.CAPPED)


def test_to_dedicated_processors_and_back() -> None:
    dedicated = changed(WEB, {"sharing": "dedicated"})
    assert dedicated.units == Span(1.0, 2.0, 4.0)
    back = changed(dedicated, {"sharing": "capped"})
    assert back.units == Span(1.0, 2.0, 4.0)
    with pytest.raises(BadRequest, match="dedicated processors"):
        changed(WEB, {"sharing": "dedicated", "processing_units": {"desired": 0.5}})


def test_from_dedicated_to_so_many_units() -> None:
    dedicated = changed(WEB, {"sharing": "dedicated"})
    change = {"processing_units": {"desired": 0.5}, "sharing": "capped"}
    assert changed(dedicated, change).units == Span(0.5, 0.5, 4.0)
    fewer = changed(dedicated, {**change, "processors": {"desired": 1, "maximum": 1}})
    assert fewer.units == Span(0.5, 0.5, 1.0)
    with pytest.raises(BadRequest, match="dedicated processors"):
        changed(dedicated, {"processing_units": {"desired": 0.5}})


def test_a_change_that_is_none() -> None:
    for change in ({"name": "x"}, {"memory": 5}, {"memory": {"desired": "x"}}, [], {"memory": {}}):
        if change == {"memory": {}}:
            assert changed(WEB, change) == WEB
            continue
        with pytest.raises(BadRequest):
            changed(WEB, change)


def test_several_profiles() -> None:
    one = Profiles("default", (WEB,))
    night = replace(WEB, name="night")
    two = one.with_new(night)
    assert [each.name for each in two.each] == ["default", "night"]
    assert two.current == "default"
    assert two.with_current("night").named() == night
    assert two.without("night") == one
    assert two.with_changed(replace(night, weight=1)).named("night").weight == 1
    assert two.adapter_keys() == {DISK.key, NETWORK.key}
    with pytest.raises(Conflict, match="is the current profile"):
        two.without("default")
    with pytest.raises(Conflict, match="There is a profile 'Night'"):
        two.with_new(replace(WEB, name="Night"))
    for ask in (two.named, two.with_current, two.without):
        with pytest.raises(NotFound, match="There are: default, night"):
            ask("noon")
    with pytest.raises(NotFound):
        two.with_changed(replace(WEB, name="noon"))
    with pytest.raises(BadRequest, match="33"):
        Profiles("p0", tuple(replace(WEB, name=f"p{n}") for n in range(MOST_PROFILES + 1)))
    with pytest.raises(BadRequest, match="given twice"):
        Profiles("default", (WEB, WEB))


HARDWARE = Hardware(
    *("x86_64", "q35", "kvm", 4, 2048),
    disks=(
        VirtualDisk("sda", "scsi", DiskKind.NETWORK, "nbd://storage:10809/web1"),
        VirtualDisk("sdb", "scsi", DiskKind.FILE, "/srv/web1.img"),
        VirtualDisk("sdc", "sata", DiskKind.NETWORK, "nbd://storage:10809/cd", device="cdrom"),
        VirtualDisk("sdd", "scsi", DiskKind.NETWORK, "rbd://ceph/web1"),
        VirtualDisk("sde", "scsi", DiskKind.NETWORK, "nbd://storage:10809/" + "x" * 2000),
        VirtualDisk("sdf", "usb", DiskKind.NETWORK, "nbd://storage:10809/stick"),
        VirtualDisk("sdg", "scsi", DiskKind.NETWORK, "nbd:///run/nbd.sock/web1"),
    ),
    ethernets=(
        VirtualEthernet("52:54:00:00:00:01", "network", "guests", "web"),
        VirtualEthernet("52:54:00:00:00:01", "network", "guests"),
        VirtualEthernet("52:54:00:00:00:02", "direct", "eth0"),
        VirtualEthernet("52:54:00:00:00:03", "bridge", "br0", vlans=(7,)),
        VirtualEthernet("01:00:00:00:00:04", "bridge", "br0"),
        VirtualEthernet("52:54:00:00:00:05", "bridge", ""),
    ),
)


def seen(**change: Any) -> Partition:
    partition = Partition("u", "web1", "s1", Sight.OFF, Why.USER, 4, 2048, Mark(1, "linux", 1.5))
    return replace(partition, **change)


def test_the_implied_profile_is_what_the_partition_is() -> None:
    told = implied(seen(), HARDWARE)
    assert told.implied
    assert told.named() == Profile(
        "default",
        fixed(2048),
        fixed(4),
        fixed(1.5),
        adapters=(
            DiskAdapter("nbd://storage:10809/web1"),
            EthernetAdapter("guests", "52:54:00:00:00:01", "web"),
        ),
    )


@given(
    memory=st.integers(0, 2**52),
    processors=st.integers(0, 65_536),
    units=st.floats(0, 65_536) | st.none(),
)
def test_whatever_a_partition_is_has_an_implied_profile(
    memory: int, processors: int, units: float | None
) -> None:
    mark = None if units is None else Mark(1, processing_units=units)
    told = implied(seen(memory_mib=memory, processors=processors, mark=mark), HARDWARE)
    assert told.named().memory_mib.minimum >= 16


def test_no_more_adapters_are_implied_than_a_profile_may_have() -> None:
    disks = tuple(
        VirtualDisk(f"sd{n}", "scsi", DiskKind.NETWORK, f"nbd://s/{n}") for n in range(300)
    )
    ethernets = tuple(
        VirtualEthernet(f"52:54:00:00:{n:02x}:01", "network", "guests") for n in range(200)
    )
    seen_so = replace(HARDWARE, disks=disks, ethernets=ethernets)
    adapters = implied(seen(), seen_so).named().adapters
    assert len([adapter for adapter in adapters if isinstance(adapter, DiskAdapter)]) == 26
    assert len(adapters) == 128


@pytest.mark.parametrize("sharing", [Sharing.CAPPED, Sharing.DEDICATED])
def test_a_profile_of_what_it_is_now_is_shared_as_the_kept_one(sharing: Sharing) -> None:
    kept = Profile("a", fixed(64), fixed(1), fixed(1.0), sharing, weight=7)
    present = Profile("b", fixed(96), fixed(2), fixed(0.5))
    seen = at_present(kept, present)
    units = 2.0 if sharing is Sharing.DEDICATED else 0.5
    assert seen == replace(kept, memory_mib=fixed(96), processors=fixed(2), units=fixed(units))


def test_one_profile_by_itself_is_read_with_its_place() -> None:
    assert read_profile(profile_document(WEB)) == WEB
    with pytest.raises(BadRequest, match=r"memory\.minimum is missing"):
        read_profile({**profile_document(WEB), "memory": {}})


def test_adapters_are_required_or_desired_however_they_are_spelled() -> None:
    after = WEB.needing(["52:54:00:00:00:01"], ["nbd://STORAGE/web1"])
    assert [adapter.required for adapter in after.adapters] == [False, True]
    assert WEB.needing([], []) == WEB
    upper = replace(WEB, adapters=(EthernetAdapter("guests", "52:54:00:AA:00:01"),))
    assert not upper.needing([], ["52:54:00:aa:00:01"]).adapters[0].required


def test_an_adapter_that_is_not_there_is_neither() -> None:
    with pytest.raises(NotFound, match="no adapter 'sda'") as error:
        WEB.needing([], ["sda"])
    assert "52:54:00:00:00:01" in error.value.cause
    with pytest.raises(BadRequest) as refused:
        WEB.needing(["52:54:00:00:00:01"], ["52:54:00:00:00:01"])
    assert "required and desired" in refused.value.cause
