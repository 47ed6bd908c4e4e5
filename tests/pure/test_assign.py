"""The start of a partition with what was assigned, and what is left when it fails."""

from collections.abc import Callable
from typing import Any

import libvirt
import pytest
from test_profile_xml import GIVEN, KEPT, PLATFORM, SPEC, tune

from openlpm.adapters.libvirt import assign
from openlpm.adapters.libvirt.compose import compose
from openlpm.adapters.libvirt.domain_xml import hardware
from openlpm.adapters.libvirt.metadata import read_mark
from openlpm.adapters.libvirt.xml import parse
from openlpm.model.errors import Conflict, Gone, HypervisorRefused
from openlpm.model.partition import Mark


class FakeDomain:
    """One domain: `refusals` are what its next starts are refused for, None to start."""

    def __init__(self, *refusals: str | None) -> None:
        self.stored = self.first = compose("0" * 32, SPEC, Mark(3), PLATFORM, KEPT)
        self.refusals = [*refusals]
        self.active = self.saved = False
        self.unmounted = False

    def XMLDesc(self, _flags: int) -> str:
        return self.stored

    def hasManagedSaveImage(self) -> int:
        return int(self.saved)

    def isActive(self) -> int:
        return int(self.active)

    def create(self) -> None:
        refusal = self.refusals.pop(0)
        if refusal is not None:
            raise HypervisorRefused("hypervisor-refused", "s1 refused.", cause=refusal)
        self.active = True

    def schedulerType(self) -> list[object]:
        if self.unmounted:
            error = libvirt.libvirtError("cgroup CPU controller is not mounted")
            error.err = (libvirt.VIR_ERR_OPERATION_INVALID, 10, "", 2, "", "", "", 0, 0)
            raise error
        return ["posix", 9]


class FakeConnection:
    """Asks at once."""

    name = "s1"

    def __init__(self, domain: FakeDomain) -> None:
        self._domain = domain
        self.raw = self

    def ask(self, _doing: str, action: Callable[[], Any]) -> Any:
        return action()

    def domain(self, _uuid: str) -> FakeDomain:
        return self._domain

    def defineXML(self, definition: str) -> None:
        self._domain.stored = definition


def activate(domain: FakeDomain) -> bool:
    connection: Any = FakeConnection(domain)
    return assign.activate(
        connection, "u", PLATFORM, wanted=GIVEN, mark=Mark(3, processing_units=1.5), kept=KEPT
    )


def test_a_started_partition_has_what_was_assigned() -> None:
    started = FakeDomain(None)
    assert activate(started)
    stored = parse(started.stored, "domain")
    assert tune(stored)["quota"] == "7500"
    assert read_mark(stored) == Mark(3, processing_units=1.5)


def test_one_that_does_not_start_is_defined_as_before() -> None:
    refused = FakeDomain("no such disk")
    with pytest.raises(HypervisorRefused, match="no such disk"):
        activate(refused)
    assert refused.stored == refused.first


def test_a_definition_that_cannot_take_it_is_not_touched() -> None:
    fixed_size = FakeDomain()
    fixed_size.stored = fixed_size.stored.replace("</domain>", "<maxMemory>9</maxMemory></domain>")
    before = fixed_size.stored
    with pytest.raises(Conflict):
        activate(fixed_size)
    assert fixed_size.stored == before


def test_where_time_cannot_be_divided_it_starts_without() -> None:
    undivided = FakeDomain("CPU tuning is not available on this host.", None)
    assert not activate(undivided)
    assert undivided.active
    assert tune(parse(undivided.stored, "domain")) == {}
    assert hardware(undivided.stored).memory_mib == 1024


def test_where_libvirt_says_nothing_of_it_it_is_asked() -> None:
    silent = FakeDomain(None)
    silent.unmounted = True
    assert not activate(silent)
    assert tune(parse(silent.stored, "domain"))["quota"] == "7500", "another server may keep it"


def test_what_does_not_start_without_either_is_defined_as_before() -> None:
    broken = FakeDomain("CPU tuning is not available on this host.", "no such disk")
    with pytest.raises(HypervisorRefused, match="no such disk"):
        activate(broken)
    assert broken.stored == broken.first


def test_saved_memory_is_not_taken_for_an_activation() -> None:
    saved = FakeDomain()
    saved.saved = True
    with pytest.raises(Conflict, match="managedsave-remove"):
        activate(saved)
    assert saved.stored == saved.first


def test_one_that_runs_keeps_its_definition() -> None:
    runs = FakeDomain()
    runs.active = True
    with pytest.raises(Conflict, match="active on s1"):
        activate(runs)
    assert runs.stored == runs.first


def test_one_that_has_moved_away_is_not_brought_back() -> None:
    class Leaving(FakeConnection):
        looks = 0

        def domain(self, uuid: str) -> FakeDomain:
            self.looks += 1
            if self.looks > 1:
                raise Gone("partition-gone", "It is not here any more.")
            return super().domain(uuid)

    there = FakeDomain(None)
    connection: Any = Leaving(there)
    with pytest.raises(Gone):
        assign.activate(connection, "u", PLATFORM, wanted=GIVEN, mark=Mark(3), kept=KEPT)
    assert there.stored == there.first


def test_a_users_own_libvirt_that_divides_no_time_starts_it_without() -> None:
    session = FakeDomain("CPU tuning is not available in session mode", None)
    assert not activate(session)
    assert session.active
