"""Which virtual switches are the same: what is told must be what validation finds."""

from dataclasses import replace
from itertools import product

import pytest

from openlpm.decide.checks.network import mtu_is_enough, switches_exist, vlans_agree
from openlpm.decide.examination import Examination, Side
from openlpm.decide.switches import differences, known_switches
from openlpm.model.hardware import Hardware, VirtualEthernet
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight, Why
from openlpm.model.storage import PartitionIo
from openlpm.model.system import System, SystemFacts, VirtualSwitch
from openlpm.model.vios import Plug, SwitchElsewhere

PLAIN = VirtualSwitch("guest", "network", mtu=1500, vlans=(("", ()),))
KINDS = [
    PLAIN,
    replace(PLAIN, active=False),
    replace(PLAIN, mtu=9000),
    replace(PLAIN, mtu=0),
    replace(PLAIN, vlans=(("", (7,)),)),
    replace(PLAIN, vlans=(("", ()), ("dmz", (42,)))),
    replace(PLAIN, vlans=(("", ()), ("dmz", (43,)))),
    replace(PLAIN, vlans=()),
]
FACTS = SystemFacts("u", "h", "QEMU", 7002000, 9000000, "x86_64", 4, 4096)


def side(name: str, switch: VirtualSwitch) -> Side:
    return Side(System(name, "", ""), replace(FACTS, switches=(switch,)))


@pytest.mark.parametrize(("here", "there"), list(product(KINDS, KINDS)))
def test_a_switch_is_the_same_where_every_adapter_could_move(
    here: VirtualSwitch, there: VirtualSwitch
):
    groups = [group for group, _ in here.vlans] or [""]
    ethernets = tuple(VirtualEthernet("m", "network", "guest", group) for group in groups)
    e = Examination(
        Partition("u", "web1", "s1", Sight.RUNNING, Why.NONE, 1, 64),
        *(side("s1", here), side("s2", there)),
        Hardware("x86_64", "q35", "qemu", 1, 64, ethernets=ethernets),
    )
    found = [*switches_exist(e), *vlans_agree(e), *mtu_is_enough(e)]
    assert bool(found) == bool(differences(here, there)), (found, differences(here, there))


def test_switches_are_told_with_adapters_and_where_else_they_are():
    bridge = VirtualSwitch("br0", "bridge")
    nic = VirtualEthernet("52:54:00:00:00:01", "network", "guest", "dmz", (5,))
    stray = VirtualEthernet("52:54:00:00:00:02", "user", "")
    partition = PartitionIo("u", "web1", "s1", Sight.RUNNING, ethernets=(nic, stray))
    told = known_switches(
        {
            "s2": [replace(PLAIN, active=False, mtu=1400, vlans=(("", (9,)),))],
            "s1": [PLAIN, bridge],
        },
        [partition],
    )
    assert [(k.system, k.switch.name) for k in told] == [
        ("s1", "br0"), ("s1", "guest"), ("s2", "guest"),
    ]  # fmt: skip
    assert told[0].elsewhere == ()
    assert told[1].adapters == (Plug("web1", "u", nic.mac, "dmz", (5,)),)
    assert told[1].elsewhere == (
        SwitchElsewhere(
            "s2",
            "it is inactive there, other VLANs there in port group (default), "
            "its MTU is 1400 there, 1500 here",
        ),
    )
    assert told[2].elsewhere == (
        SwitchElsewhere("s1", "other VLANs there in port group (default)"),
    )
