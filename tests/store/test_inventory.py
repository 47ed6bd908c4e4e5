"""The inventory: managed systems, and what was last seen on them."""

from dataclasses import replace

import pytest

from openlpm.adapters.store import Store
from openlpm.model.errors import AlreadyExists, NotFound
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Mover, System
from openlpm.ports import Inventory

PLAIN = System("s1", "qemu:///system", "qemu:///system")
FULL = System("s2", "a", "b", "rack1", Mover("10.0.0.2", 100, 2), 1.5, 4096, True)
WEB1 = Partition("u1", "web1", "s1", Sight.RUNNING, Why.NONE, 2, 512, seen_at=5.5)
DB1 = Partition(
    *("u2", "db1", "s1", Sight.OFF, Why.MIGRATED, 1, 256),
    mark=Mark(3, "linux", 0.25, "s2", Policy(500, throttle=False, bandwidth_mib_s=7)),
    rmc=Rmc.ACTIVE,
)


@pytest.fixture
def inventory(any_store: Store) -> Inventory:
    return any_store.inventory


def test_systems_come_back_as_given(inventory: Inventory):
    inventory.add(FULL)
    inventory.add(PLAIN)
    assert inventory.systems() == [PLAIN, FULL]


def test_a_name_is_taken_once(inventory: Inventory):
    inventory.add(PLAIN)
    with pytest.raises(AlreadyExists, match="s1"):
        inventory.add(replace(PLAIN, uri="other"))
    assert inventory.systems() == [PLAIN]


def test_what_was_seen_is_replaced(inventory: Inventory):
    inventory.add(PLAIN)
    inventory.seen("s1", [WEB1, DB1])
    assert inventory.last_seen("s1") == [DB1, WEB1]
    inventory.seen("s1", [WEB1])
    assert inventory.last_seen("s1") == [WEB1]
    inventory.seen("s1", [])
    assert inventory.last_seen("s1") == []


def test_a_removed_system_is_forgotten_with_its_partitions(inventory: Inventory):
    inventory.add(PLAIN)
    inventory.seen("s1", [WEB1])
    inventory.remove("s1")
    assert inventory.last_seen("s1") == []
    for ask in (lambda: inventory.remove("s1"), lambda: inventory.seen("s1", [WEB1])):
        with pytest.raises(NotFound, match="s1"):
            ask()
