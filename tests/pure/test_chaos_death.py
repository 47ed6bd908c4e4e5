"""A partition that is off is excused by the death that its case knows, and by no other one."""

import pytest

from openlpm.chaos.faults import FAULTS
from openlpm.chaos.judge import ANY_DEATH
from openlpm.chaos.moments import AROUND_SWITCH, Moment

ROWS = {fault.name: fault for fault in FAULTS}
TRIPPED = (
    "qemu-system-x86_64: ../../block/io.c:1967: bdrv_co_write_req_prepare: "
    "Assertion `!(bs->open_flags & BDRV_O_INACTIVE)' failed.\n"
)


@pytest.mark.parametrize(
    ("state", "last_words", "excused"),
    [
        ("shut off (crashed)", TRIPPED, True),
        ("shut off (crashed)", "", False),
        ("shut off (crashed)", "qemu-system-x86_64: Assertion `false' failed.\n", False),
        ("shut off (destroyed)", TRIPPED, False),
        ("paused (migration)", TRIPPED, False),
    ],
)
@pytest.mark.parametrize("name", ["source-libvirtd-frozen", "target-libvirtd-killed"])
def test_a_lost_peer_excuses_only_the_crash_over_disks(
    name: str, state: str, last_words: str, *, excused: bool
) -> None:
    death = ROWS[name].deaths[Moment.SWITCH_OVER]
    assert death.explains(state, last_words) is excused


def test_a_killed_libvirtd_at_the_target_excuses_only_its_own_doing() -> None:
    for moment in AROUND_SWITCH:
        death = ROWS["target-libvirtd-killed"].deaths[moment]
        assert death.explains("shut off (daemon)", "")
        assert not death.explains("shut off (crashed)", TRIPPED)


def test_a_death_of_any_kind_is_excused_where_the_fault_kills() -> None:
    assert ANY_DEATH.explains("shut off (crashed)", "")
    assert not ANY_DEATH.explains("paused (user)", "")
    assert {name: {*fault.deaths} for name, fault in ROWS.items() if fault.deaths} == {
        "source-libvirtd-frozen": {Moment.SEND, Moment.SWITCH_OVER, Moment.STOP},
        "target-libvirtd-killed": {Moment.SWITCH_OVER, *AROUND_SWITCH},
    }
