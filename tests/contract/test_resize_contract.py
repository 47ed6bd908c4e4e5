"""What `ports.Host` promises of resizing, on the fake world and on libvirt alike.

These guests are firmware only: none has a balloon driver or lets go of an adapter on PCI. What a
booted guest does is tested in tests/lab/test_resizing.py.
"""

from dataclasses import replace

import pytest

from contract.conftest import Stand
from contract.test_activation_contract import GIVEN, KEPT, MARK, NETWORK
from contract.test_host_contract import transfer
from openlpm.lab.cgroups import groups_of
from openlpm.model.errors import HypervisorRefused
from openlpm.model.profile import Sharing

WIDE = replace(GIVEN, processors=1, least_processors=1, most_processors=3)


def activated(stand: Stand, **change: object) -> str:
    uuid = stand.create()
    stand.source.activate(uuid, replace(WIDE, **change), MARK, KEPT)
    return uuid


def divides(stand: Stand) -> bool:
    return stand.lab is None or bool(groups_of(stand.lab.folder))


def test_a_running_partition_tells_what_it_has(stand: Stand) -> None:
    uuid = activated(stand)
    told = stand.source.running(uuid)
    assert (told.memory_mib, told.most_memory_mib) == (96, 96)
    assert (told.processors, told.most_processors) == (1, 3)
    assert told.keeps_processors
    if divides(stand):
        assert (told.units, told.capped) == (0.5, True)
    stand.source.destroy(uuid)
    for ask in (
        lambda: stand.source.running(uuid),
        lambda: stand.source.set_memory(uuid, 64),
        lambda: stand.source.set_processors(uuid, 2),
        lambda: stand.source.plug(uuid, NETWORK, stored=False),
    ):
        with pytest.raises(HypervisorRefused):
            ask()


def test_processors_entitlement_and_adapters_move_with_it(stand: Stand) -> None:
    uuid = activated(stand)
    host = stand.source
    host.set_processors(uuid, 2)
    assert host.set_entitlement(uuid, 0.8, 2, capped=True) == divides(stand)
    host.plug(uuid, NETWORK, stored=False)
    before = host.running(uuid)
    assert before.processors == 2
    assert NETWORK.key in {adapter.key for adapter in before.adapters}
    host.start_transfer(transfer(stand, uuid, mark=replace(MARK, came_from="s1")))
    assert replace(stand.target.running(uuid), spare_mib=None) == replace(before, spare_mib=None)
    if divides(stand):
        assert (before.units, before.capped) == (0.8, True)


def test_an_uncapped_one_stays_uncapped(stand: Stand) -> None:
    uuid = activated(stand, sharing=Sharing.UNCAPPED)
    stand.source.set_entitlement(uuid, 0.8, 1, capped=False)
    assert not stand.source.running(uuid).capped


def test_an_adapter_is_not_plugged_twice(stand: Stand) -> None:
    uuid = activated(stand, adapters=(NETWORK,))
    before = stand.source.running(uuid)
    with pytest.raises(HypervisorRefused):
        stand.source.plug(uuid, NETWORK, stored=False)
    assert stand.source.running(uuid) == before


# Only libvirt has two definitions, or guests without a driver


@pytest.mark.lab
@pytest.mark.contract
def test_what_is_not_stored_is_over_when_it_is_off(real: Stand) -> None:
    uuid = activated(real)
    other = replace(NETWORK, mac="52:54:00:6c:77:09")
    real.source.plug(uuid, NETWORK, stored=False)
    real.source.plug(uuid, other, stored=True)
    real.source.set_processors(uuid, 2)
    real.source.destroy(uuid)
    macs = {each.mac for each in real.source.describe(uuid).ethernets}
    assert macs == {other.mac}
    seen = real.source.partition(uuid)
    assert seen is not None
    assert seen.processors == 1


@pytest.mark.lab
@pytest.mark.contract
def test_a_guest_without_a_balloon_driver_holds_all_and_gives_up_nothing(
    real: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openlpm.adapters.libvirt.resize._STANDSTILL_S", 0.5)
    uuid = activated(real, most_memory_mib=128)
    seen = real.source.partition(uuid)
    assert seen is not None
    assert seen.demand.memory_mib == 128, "so much it can take"
    with pytest.raises(HypervisorRefused) as refused:
        real.source.set_memory(uuid, 64)
    assert refused.value.code == "memory-refused"
    assert "of 128 MiB it came to 128, not to 64 MiB" in refused.value.cause.replace("Of", "of")


@pytest.mark.lab
@pytest.mark.contract
def test_an_adapter_that_the_guest_keeps_is_told(
    real: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openlpm.adapters.libvirt.live_plug._LETS_GO_S", 0.5)
    uuid = activated(real, adapters=(NETWORK,))
    with pytest.raises(HypervisorRefused) as refused:
        real.source.unplug(uuid, NETWORK.key, stored=False)
    assert refused.value.code == "adapter-kept"
