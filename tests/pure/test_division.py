"""Whether a server divides processor time, by what its libvirt says of a throwaway."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import libvirt
import pytest

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.division import try_division
from openlpm.adapters.libvirt.domain_xml import hardware
from openlpm.adapters.libvirt.migrate import failed
from openlpm.adapters.libvirt.xml import parse
from openlpm.model.errors import HypervisorRefused
from openlpm.model.partition import Mark
from openlpm.model.system import System
from openlpm.model.verdict import TimeVerdict
from openlpm.ports import Transfer

REFUSED = "Requested operation is not valid: CPU tuning is not available on this host"


def libvirts(message: str, code: int = libvirt.VIR_ERR_OPERATION_INVALID) -> libvirt.libvirtError:
    error = libvirt.libvirtError("virDomainCreateXML() failed")
    error.err = (code, 10, message, 2, message, None, None, -1, -1)
    return error


class Line:
    """A connection whose libvirt refuses the throwaway, or tells no scheduler of it, or hangs."""

    name = "s1"

    def __init__(self, refuses: str = "", *, silent: bool = False, hangs: bool = False) -> None:
        self.raw = self
        self.alive = True
        self.closed = self.ended = False
        self.defined = ""
        self._refuses, self._silent, self._hangs = refuses, silent, hangs

    @contextmanager
    def apart(self) -> Generator["Line"]:
        yield self

    def ask(self, doing: str, action: Callable[[], Any], **_: object) -> Any:
        if self._hangs:
            raise HypervisorRefused("hypervisor-stuck", f"It took long to {doing}.", cause="Hangs.")
        return action()

    def close(self) -> None:
        self.closed = True

    def createXML(self, definition: str, flags: int) -> "Line":
        assert flags & libvirt.VIR_DOMAIN_START_PAUSED
        self.defined = definition
        if self._refuses:
            raise libvirts(self._refuses)
        return self

    def schedulerType(self) -> list[object]:
        if self._silent:
            raise libvirts("cgroup CPU controller is not mounted")
        return ["posix", 9]

    def destroy(self) -> None:
        self.ended = True
        raise libvirts("domain is not running")


def tried(line: Line) -> TimeVerdict:
    return try_division(cast("Connection", line), "x86_64")


def test_a_server_that_divides_has_nothing_said_against_it() -> None:
    line = Line()
    assert tried(line) == TimeVerdict()
    assert parse(line.defined, "domain").findtext("cputune/shares") == "100"
    assert line.ended


def test_one_that_refuses_shares_says_so() -> None:
    assert tried(Line(REFUSED)) == TimeVerdict(refusal=f"{REFUSED}.")


def test_one_that_takes_them_and_does_nothing_is_found_out() -> None:
    line = Line(silent=True)
    verdict = tried(line)
    assert not verdict.refusal
    assert "no control groups" in verdict.trouble
    assert line.ended


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (Line("internal error: no QEMU"), "internal error: no QEMU."),
        (Line(hangs=True), "It cannot be tried: Hangs."),
    ],
)
def test_where_it_cannot_be_tried_that_is_told(line: Line, why: str) -> None:
    assert tried(line) == TimeVerdict(trouble=why)


def test_a_throwaway_that_hangs_goes_with_its_connection() -> None:
    line = Line(hangs=True)
    tried(line)
    assert line.closed


def test_a_server_that_is_lost_meanwhile_is_no_verdict() -> None:
    line = Line("Cannot recv data")
    line.alive = False
    with pytest.raises(libvirt.libvirtError):
        tried(line)


def test_a_transfer_that_is_refused_for_it_says_what_to_do() -> None:
    wish = Transfer("u-1", System("s2", "", ""), Mark(1), False, False, 30, 0)
    told = failed(libvirts(REFUSED), cast("Connection", Line()), wish)
    assert told.code == "cpu-controller-missing"
    assert "s2 takes no partition that has an entitlement" in told.message
    assert "cgroup_controllers" in told.remedy


@pytest.mark.parametrize(
    ("tune", "entitled"),
    [
        ("", False),
        ("<cputune/>", False),
        ("<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>", False),
        ("<cputune><shares>50</shares></cputune>", True),
        ("<cputune><emulator_quota>9</emulator_quota></cputune>", True),
    ],
)
def test_which_partitions_ask_for_time(tune: str, entitled: bool) -> None:
    plain = "<domain type='qemu'><vcpu>1</vcpu><memory>9</memory>{}</domain>"
    assert hardware(plain.format(tune)).entitled == entitled


def test_which_partitions_have_profiles_that_ask_for_time() -> None:
    plain = "<domain type='qemu'><vcpu>1</vcpu><memory>9</memory>{}</domain>"
    kept = "<metadata><profiles xmlns='urn:openlpm:profiles:1'>damaged</profiles></metadata>"
    assert not hardware(plain.format("")).profiled
    assert hardware(plain.format(kept)).profiled
