"""What servers say of pools, volumes and disks: nouns within their ranges, or errors of our tree.

A pool or a volume that cannot be read hides no other, and no name of one becomes another's place.
"""

import json
from dataclasses import asdict

from bounds import fuzzed, outcome
from fake_libvirt import FakeDaemon
from hostile import texts
from hostile_xml import odd
from hypothesis import strategies as st
from samples import DATA_POOL, DOMAIN_9, DOMAIN_11, VOLUME

from openlpm.adapters.libvirt import partition_io, pools
from openlpm.adapters.libvirt.xml import MOST_NAME
from openlpm.decide.mapping import mapped
from openlpm.decide.places import identity, of_backing, vague
from openlpm.decide.uses import Known
from openlpm.model.errors import OpenLpmError
from openlpm.model.hardware import DiskKind
from openlpm.model.storage import Backing, Pool, PoolSource, SystemStorage, Volume
from openlpm.ports import MOST_VOLUMES

KINDS = ("netfs", "rbd", "iscsi", "gluster", "logical", "scsi", "dir", "vstorage", "sheepdog", "")


@fuzzed(pool=odd(DATA_POOL), domain=st.sampled_from((DOMAIN_9, DOMAIN_11)).flatmap(odd))
def test_whatever_a_server_has_is_listed(pool: str, domain: str) -> None:
    connection = FakeDaemon(pool=pool, domain=domain).connection()
    found, error = outcome(OpenLpmError, pools.pools, connection)
    if error:
        assert error.code == "answer-unreadable"
        return
    ios, error = outcome(OpenLpmError, partition_io.partition_io, connection)
    if error:
        assert error.code == "answer-unreadable"
        return
    for each in found:
        assert len(each.name) <= MOST_NAME
        assert 0 <= each.available_bytes < 2**63
    known = Known([SystemStorage("s1", tuple(found), tuple(ios))])
    told = [asdict(each) for each in (*known.pools(), *(mapped(known, io) for io in ios))]
    json.dumps(told, allow_nan=False)


@fuzzed(xml=odd(VOLUME), name=texts())
def test_a_volume_is_listed_whatever_it_is(xml: str, name: str) -> None:
    connection = FakeDaemon(volume=xml, name=name).connection()
    found, error = outcome(OpenLpmError, pools.volumes, connection, "p")
    if error:
        assert error.code == "answer-unreadable"
        return
    assert len(found[0].name) <= MOST_NAME
    assert 0 <= found[0].capacity_bytes < 2**63
    json.dumps(asdict(found[0]), allow_nan=False)


def test_a_pool_of_more_than_can_be_is_read_in_part() -> None:
    hosts = "<host name='a'/>" * 100
    connection = FakeDaemon(pool=DATA_POOL.replace("<source>", f"<source>{hosts}")).connection()
    assert len(pools.pools(connection)[0].source.hosts) == 64
    daemon = FakeDaemon()
    daemon.volume_count = MOST_VOLUMES + 5
    assert len(pools.volumes(daemon.connection(), "p")) == MOST_VOLUMES


TEXT = st.one_of(texts(20), st.sampled_from(("h", "/x", "127.0.0.1", "::1", "[", "h:1:2", "a/b")))


@fuzzed(
    kind=st.sampled_from(KINDS),
    source=st.builds(
        PoolSource, st.tuples(TEXT, TEXT), TEXT, TEXT, st.tuples(TEXT), TEXT, adapter=TEXT
    ),
    names=st.tuples(TEXT, TEXT, TEXT),
)
def test_no_name_is_a_place_of_another_system(
    kind: str, source: PoolSource, names: tuple[str, str, str]
) -> None:
    """What lies on one system only is never taken for something on another."""
    pool = Pool(names[0], kind, path=names[1], source=source)
    here = identity(pool)
    assert all(not place.startswith("s1 ") for place in here.places)
    known = Known([SystemStorage("s1", (pool,)), SystemStorage("s2", (pool,))])
    volume = Volume(names[2], names[1])
    vague(known.places("s1", pool, volume))
    for each in DiskKind:
        places = of_backing("s2", Backing("sda", each, names[2], "runs"), [(pool, here)])
        assert all(not place.startswith("s1 ") for place in places)
