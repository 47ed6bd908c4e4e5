"""What servers say, in XML and otherwise: a noun within its ranges or an error of our tree.

Nothing else may come of it: the thread that watches a server would end with it.
"""

import json
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest
from bounds import fuzzed, outcome
from fake_libvirt import FakeDaemon
from hostile import JSON, NUMBERS, texts
from hostile_xml import attack, attacks, odd
from hypothesis import strategies as st
from samples import (
    CAPABILITIES,
    DOMAIN_9,
    DOMAIN_11,
    DOMAIN_CAPABILITIES,
    INTERFACE,
    NETWORK,
    POOL,
    UUID,
)

from openlpm.adapters.libvirt import agent, lease, listing, migrate, partition_io, pools
from openlpm.adapters.libvirt.console import ConsoleStream
from openlpm.adapters.libvirt.errors import said
from openlpm.adapters.libvirt.facts import Capabilities, system_facts
from openlpm.adapters.libvirt.metadata import read_mark, with_mark
from openlpm.adapters.libvirt.xml import MOST_NAME, bad_xml, parse
from openlpm.adapters.store import inventory_codec
from openlpm.model.errors import BadRequest, HypervisorRefused, OpenLpmError
from openlpm.model.hardware import Hardware
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.spoken import PLAIN
from openlpm.model.system import SystemFacts

SOON_S = 5.0
"""Of the processor: a busy machine is no reason to fail. It takes a tenth of it."""


def is_sound(partition: Partition) -> None:
    """What the store and the faces rely on."""
    assert partition.uuid == UUID
    assert len(partition.name) <= MOST_NAME
    assert 0 <= partition.memory_mib <= 2**32
    assert 0 <= partition.processors <= 65_536
    if partition.mark:
        assert 0 <= partition.mark.partition_id < 2**31
        assert 0 <= partition.mark.processing_units <= 65_536
        assert 0 <= partition.mark.policy.max_pause_ms <= 60_000
        assert 0 <= partition.mark.policy.bandwidth_mib_s <= 1_000_000
        assert PLAIN.match(partition.mark.came_from or "x")
        assert PLAIN.match(partition.mark.os_type)
    json.dumps(asdict(partition), allow_nan=False)
    row = inventory_codec.partition_row(partition)
    values = [value for value in row.values() if not isinstance(value, dict | None)]
    sqlite3.connect(":memory:").execute(f"SELECT {','.join('?' * len(values))}", values)


def is_sound_hardware(hardware: Hardware) -> None:
    assert 0 <= hardware.memory_mib <= 2**32
    assert 0 <= hardware.huge_page_kib <= 2**42
    for adapter in hardware.ethernets:
        assert all(0 <= tag < 4096 for tag in adapter.vlans)
        assert 0 <= adapter.mtu <= 65_536


def is_sound_facts(facts: SystemFacts) -> None:
    assert 0 <= facts.memory_mib < 2**63
    assert len(facts.hostname) <= MOST_NAME
    for switch in facts.switches:
        assert 0 <= switch.mtu <= 65_536
        assert all(0 <= tag < 4096 for _, tags in switch.vlans for tag in tags)


@fuzzed(xml=st.sampled_from((DOMAIN_9, DOMAIN_11)).flatmap(odd))
def test_a_definition_is_listed_whatever_it_is(xml: str) -> None:
    connection = FakeDaemon(domain=xml).connection()
    found, error = outcome(OpenLpmError, listing.partitions, connection)
    if error:
        assert error.code == "answer-unreadable"
        return
    is_sound(*found)
    is_sound(listing.partition(connection, UUID))
    hardware, _ = outcome(OpenLpmError, listing.describe, connection, UUID)
    if hardware:
        is_sound_hardware(hardware)
    marked, _ = outcome(BadRequest, with_mark, xml, Mark(8))
    if marked:
        assert read_mark(parse(marked, "domain")) == Mark(8)


@fuzzed(name=st.one_of(texts(), st.binary(max_size=20)))
def test_a_name_that_the_daemon_tells_hides_nothing_but_itself(name: str | bytes) -> None:
    found, error = outcome(
        OpenLpmError, listing.partitions, FakeDaemon(name=name, domain="<x/>").connection()
    )
    if found:
        is_sound(found[0])
    else:
        assert error is None or error.code == "answer-unreadable"


@fuzzed(
    capabilities=odd(CAPABILITIES),
    domain_capabilities=odd(DOMAIN_CAPABILITIES),
    which=st.integers(0, 1),
)
def test_capabilities(capabilities: str, domain_capabilities: str, which: int) -> None:
    """One of the two is as it should be: else the other would never be looked at."""
    told = (capabilities, DOMAIN_CAPABILITIES) if which else (CAPABILITIES, domain_capabilities)
    connection = FakeDaemon(capabilities=told[0], domain_capabilities=told[1]).connection()
    ours = Capabilities(connection)
    facts, _ = outcome(OpenLpmError, system_facts, connection, ours)
    if facts:
        is_sound_facts(facts)
    outcome(OpenLpmError, lambda: (ours.accelerator, ours.stable_machine()))


@fuzzed(
    answers=st.one_of(
        odd(NETWORK).map(lambda xml: {"network": xml}),
        odd(INTERFACE).map(lambda xml: {"interface": xml}),
        odd(POOL).map(lambda xml: {"pool": xml}),
        texts().map(lambda text: {"hostname": text}),
        st.binary(max_size=9).map(lambda data: {"hostname": data}),
        st.dictionaries(st.just("total"), JSON, max_size=1).map(lambda told: {"memory": told}),
    )
)
def test_facts(answers: dict[str, Any]) -> None:
    connection = FakeDaemon(**answers).connection()
    facts, _ = outcome(OpenLpmError, system_facts, connection, Capabilities(connection))
    if facts:
        is_sound_facts(facts)
    outcome(OpenLpmError, lease.lockspace, connection)
    outcome(OpenLpmError, listing.describe, connection, UUID)


_STATS = (
    *("data_total", "data_processed", "memory_dirty_rate", "memory_page_size", "downtime"),
    *("data_remaining", "disk_total", "disk_remaining"),
)


@fuzzed(stats=st.dictionaries(st.sampled_from(_STATS), st.one_of(NUMBERS, texts(9), st.none())))
def test_a_transfers_figures_are_whole_numbers(stats: dict[str, Any]) -> None:
    job = stats | {"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": 3}
    job[libvirt.VIR_DOMAIN_JOB_OPERATION] = libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT
    progress = migrate.progress(FakeDaemon(job=job).connection(), UUID)
    assert progress is not None
    assert 0 <= progress.total_bytes < 2**63
    shares = progress.after(None)
    assert 0.0 <= shares.memory_done <= 1.0
    assert 0.0 <= shares.disks_done <= 1.0


@fuzzed(text=texts(200))
def test_what_libvirt_says_is_one_printable_sentence(text: str) -> None:
    sentence = said(libvirt.libvirtError(text))
    assert sentence.isprintable()
    assert len(sentence) <= 16_385


# The agent

_ANSWERS = st.one_of(
    JSON.filter(lambda value: "\ud800" not in str(value)).map(json.dumps), texts(), st.binary()
)


@fuzzed(answer=_ANSWERS, channel=st.sampled_from(("connected", "disconnected", "\x9b", "")))
def test_whatever_the_agent_answers_it_is_there_or_not(answer: str | bytes, channel: str) -> None:
    xml = DOMAIN_9.replace("state='connected'", f"state='{channel}'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "libvirt_qemu.qemuAgentCommand",
            lambda *_: answer if isinstance(answer, str) else answer.decode(),
        )
        found = agent.rmc(FakeDaemon(domain=xml).connection(), UUID)
    assert found is (Rmc.INACTIVE if channel != "connected" else found)
    assert found in (Rmc.ACTIVE, Rmc.INACTIVE)


def test_an_agent_that_answers_no_text_does_not_answer() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("libvirt_qemu.qemuAgentCommand", lambda *_: b"\xff".decode())
        assert agent.rmc(FakeDaemon().connection(), UUID) is Rmc.INACTIVE


# Attacks

ROOTS = {
    "domain": "domain",
    "capabilities": "capabilities",
    "domain_capabilities": "domainCapabilities",
    "network": "network",
    "interface": "interface",
    "pool": "pool",
    "volume": "volume",
}
SECRET = "s3cr3t-that-nobody-may-read"


@pytest.mark.parametrize("name", attacks("x", ""))
def test_an_attack_by_xml_gets_nothing_and_takes_no_time(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    for answer, root in ROOTS.items():
        xml = attack(name, root, file.as_uri())
        connection = FakeDaemon(**{answer: xml}).connection()
        began = time.process_time()
        found = [
            outcome(OpenLpmError, system_facts, connection, Capabilities(connection)),
            outcome(OpenLpmError, listing.partitions, connection),
            outcome(OpenLpmError, listing.describe, connection, UUID),
            outcome(OpenLpmError, lease.lockspace, connection),
            outcome(OpenLpmError, pools.pools, connection),
            outcome(OpenLpmError, pools.volumes, connection, "p"),
            outcome(OpenLpmError, partition_io.partition_io, connection),
        ]
        assert time.process_time() - began < SOON_S, answer
        assert SECRET not in str(found)
        assert "resolved" not in str(found)


@pytest.mark.parametrize(
    "name", ["a file", "a URL", "an internal entity", "a parameter entity", "an external subset"]
)
def test_a_document_type_is_refused_by_its_sight(name: str) -> None:
    with pytest.raises(BadRequest, match="document type declaration"):
        parse(attack(name), "domain")


def test_an_entity_is_not_resolved_even_where_a_document_type_slips_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second lock: the parser itself. The first, the look for <!DOCTYPE, is taken away here."""
    file = tmp_path / "secret"
    file.write_text(SECRET)

    class Unseen(str):
        __slots__ = ()

        def __contains__(self, _: object) -> bool:
            return False

    for name in ("a file", "a parameter entity", "an external subset", "an internal entity"):
        xml = Unseen(attack(name, "domain", file.as_uri()))
        root, _ = outcome(BadRequest, parse, xml, "domain")
        text = "" if root is None else "".join(root.itertext())
        assert SECRET not in text
        assert "resolved" not in text


@pytest.mark.parametrize(
    ("xml", "cause"),
    [
        (attack("tags"), "tags"),
        (attack("attributes"), "attributes"),
        (attack("too long"), "longer"),
        ("<domain>" + "<a>" * 256 + "</a>" * 256 + "</domain>", "depth"),
        ("<domain><memory unit='TiB'>9007199254740993</memory></domain>", "amount of memory"),
        ("<domain><vcpu>65537</vcpu></domain>", "number of processors"),
    ],
    ids=("tags", "attributes", "length", "depth", "memory", "processors"),
)
def test_sizes_are_bounded(xml: str, cause: str) -> None:
    with pytest.raises(BadRequest) as refused:
        listing.hardware(xml)
    assert cause in refused.value.cause


def test_a_page_size_that_no_call_takes_is_refused() -> None:
    """libvirt's binding raises OverflowError, which ended the thread that watches the server."""
    told = CAPABILITIES.replace("size='1048576'", f"size='{2**31}'")
    connection = FakeDaemon(capabilities=told).connection()
    with pytest.raises(BadRequest, match="page size"):
        system_facts(connection, Capabilities(connection))


def test_a_definition_of_another_partition_is_not_taken_for_this_one() -> None:
    """A server that lists one UUID twice would make the store refuse all that it lists."""
    other = UUID.replace("7e57", "7e58")
    (found,) = listing.partitions(FakeDaemon(domain=DOMAIN_9.replace(UUID, other)).connection())
    assert (found.uuid, found.memory_mib) == (UUID, 0)


def test_an_answer_that_is_no_utf_8_is_an_error_of_our_tree() -> None:
    """It used to end the thread that watches the server: it stayed "connecting" for ever."""
    with pytest.raises(HypervisorRefused) as refused:
        listing.partitions(FakeDaemon(name=b"\xff").connection())
    assert refused.value.code == "answer-unreadable"


def test_memory_that_the_host_does_not_tell_is_none() -> None:
    connection = FakeDaemon(memory={}).connection()
    assert system_facts(connection, Capabilities(connection)).memory_mib == 0


def test_an_error_of_this_module_names_its_cause() -> None:
    assert bad_xml("It is odd.").cause == "It is odd."


def test_a_guest_that_never_stops_talking_fills_no_memory() -> None:
    spam = SimpleNamespace(
        eventAddCallback=lambda *_: 0, eventRemoveCallback=lambda: 0, recv=lambda _: b"x" * 65536
    )
    stream = ConsoleStream(FakeDaemon().connection(), spam)
    for _ in range(1000):
        stream._ready(spam, libvirt.VIR_STREAM_EVENT_READABLE, None)
    stream._ready(spam, libvirt.VIR_STREAM_EVENT_HANGUP, None)
    pieces = list(iter(lambda: stream.read(1), b""))
    assert 0 < sum(map(len, pieces)) <= 16 * 2**20
