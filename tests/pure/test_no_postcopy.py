"""A target that cannot take a partition by post-copy, in QEMU's and libvirt's own words."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import libvirt
import pytest

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.migrate import failed
from openlpm.adapters.libvirt.postcopy import refusal, try_postcopy
from openlpm.model.errors import HypervisorRefused
from openlpm.model.partition import Mark
from openlpm.model.system import System
from openlpm.ports import Transfer

WISH = Transfer("u-1", System("s2", "", ""), Mark(1), False, False, 30, 0, postcopy=True)
# libvirt 9.0 with QEMU 7.2; QEMU from 8.1 on says why in the same breath.
SAID = (
    "internal error: unable to execute QEMU command 'migrate-set-capabilities': "
    "Postcopy is not supported"
)


class Line:
    """What is asked of a connection, whose libvirtd hangs."""

    name = "s1"
    alive = True

    def __init__(self) -> None:
        self.closed = False

    @contextmanager
    def apart(self) -> Generator["Line"]:
        yield self

    def ask(self, doing: str, *_: object, **__: object) -> str:
        raise HypervisorRefused("hypervisor-stuck", f"It took long to {doing}.", cause="It hangs.")

    def close(self) -> None:
        self.closed = True


def refused_with(message: str) -> libvirt.libvirtError:
    error = libvirt.libvirtError("virDomainMigrateToURI3() failed")
    error.err = (libvirt.VIR_ERR_INTERNAL_ERROR, 10, message, 2, message, None, None, -1, -1)
    return error


@pytest.mark.parametrize("why", ["", ": Userfaultfd not available: Operation not permitted"])
def test_a_transfer_that_is_refused_for_it_says_what_to_do(why: str) -> None:
    told = failed(refused_with(SAID + why), cast("Connection", Line()), WISH)
    assert told.code == "postcopy-unsupported"
    assert "s2 cannot take it by post-copy" in told.message
    assert why in told.cause
    assert "vm.unprivileged_userfaultfd" in told.remedy


def test_any_other_refusal_is_not_taken_for_it() -> None:
    told = failed(refused_with("operation failed: no such host"), cast("Connection", Line()), WISH)
    assert told.code == "transfer-failed"


def test_where_it_cannot_be_tried_that_is_the_reason_against_it() -> None:
    line = Line()
    told = try_postcopy(cast("Connection", line), "x86_64")
    assert told == "It cannot be tried: It hangs."
    assert line.closed


def test_what_a_trial_is_answered() -> None:
    no = {"class": "GenericError", "desc": "Postcopy is not supported"}
    assert refusal(json.dumps({"id": "libvirt-9", "error": no})) == "Postcopy is not supported."
    assert refusal('{"return": {}, "id": "libvirt-9"}') == ""
    for garbage in ("", "[]", '"x"', "nonsense"):
        assert refusal(garbage) == "QEMU's answer cannot be read."
