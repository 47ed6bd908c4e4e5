"""The image's and the probes' own arithmetic, on data made by hand."""

import zlib

import pytest

from openlpm.lab.errors import LabError
from openlpm.lab.image import address_of, check_records, cpio
from openlpm.lab.image.modules import depends_on, load_order
from openlpm.lab.image.sequence import SequenceReport, parse_record, slots_of
from openlpm.lab.probe.silence import MS, Silence, Window, longest_silence, percentile
from openlpm.lab.probe.udp import Trace


def record(number: int, when: int = 1) -> bytes:
    head = b"%012d %020d" % (number, when)
    return head + b" %08x\n" % zlib.crc32(head)


def test_address_follows_from_the_mac() -> None:
    assert address_of("52:54:00:aa:01:02") == "198.19.1.2"


@pytest.mark.parametrize("mac", ["", "52:54:00:aa:01", "52:54:00:aa:00:00", "52:54:00:aa:FF:ff"])
def test_an_address_that_cannot_be_is_refused(mac: str) -> None:
    with pytest.raises(LabError):
        address_of(mac)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([], SequenceReport(0, 0, 0, 0, 0, 0)),
        ([record(n) for n in range(5, 9)], SequenceReport(5, 8, 4, 0, 0, 0)),
        ([bytes(43), record(1), record(2), bytes(43)], SequenceReport(1, 2, 2, 0, 0, 0)),
        ([record(1), record(5)], SequenceReport(1, 5, 2, 3, 0, 0)),
        ([record(1), record(2), record(2, when=7)], SequenceReport(1, 2, 3, 0, 1, 0)),
        ([record(1), record(2)[:20]], SequenceReport(1, 1, 1, 0, 0, 1)),
        (
            [record(1), record(2).replace(b"2", b"3", 1), record(3)],
            SequenceReport(1, 3, 2, 1, 0, 1),
        ),
    ],
    ids=["nothing", "intact", "unused", "gap", "double", "torn-end", "torn-inside"],
)
def test_checker_sees_what_was_planted(slots: list[bytes], expected: SequenceReport) -> None:
    assert check_records(slots) == expected


def test_only_a_sequence_without_gap_or_double_is_intact() -> None:
    assert check_records([record(1), record(2), record(3)[:9]]).intact
    assert not check_records([record(1), record(3)]).intact
    assert not check_records([record(1), record(1)]).intact
    assert not check_records([]).intact


def test_records_are_cut_at_their_length() -> None:
    data = record(1) + record(2) + b"half"
    assert [parse_record(slot) for slot in slots_of(data)] == [1, 2, None]


def module(depends: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


def test_modules_load_after_what_they_depend_on() -> None:
    have = {"disk": module("bus,scsi-core"), "bus": module(""), "scsi_core": module("bus")}
    assert list(load_order(["disk", "built"], have, {"built"})) == ["bus", "scsi_core", "disk"]
    assert depends_on(have["disk"]) == ["bus", "scsi_core"]


def test_a_module_that_is_nowhere_is_named() -> None:
    with pytest.raises(LabError, match="no module gone"):
        load_order(["gone"], {}, set())


def test_cpio_is_padded_and_ends_with_the_trailer() -> None:
    packed = cpio.archive([cpio.folder("bin"), cpio.program("bin/x", b"12345")])
    assert packed.startswith(b"070701")
    assert len(packed) % 4 == 0
    assert b"TRAILER!!!" in packed
    assert b"12345\0\0\0" in packed


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], Silence(0, 100)),
        ([10, 20, 90], Silence(20, 70)),
        ([60], Silence(0, 60)),  # from the window's start
        ([10], Silence(10, 90)),  # still going on at its end
        ([-50, 200], Silence(0, 100)),  # answers outside do not shorten it
        ([0, 50, 100], Silence(0, 50)),  # the first of equals
    ],
)
def test_longest_silence(answers: list[int], expected: Silence) -> None:
    assert longest_silence(answers, Window(0, 100)) == expected


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.99) == 99
    assert percentile(list(range(1, 101)), 1) == 100


def test_no_silence_before_the_first_request() -> None:
    trace = Trace()
    for now in (70, 80, 90):
        trace.answer(trace.send(now * MS), now * MS + 1)
    assert trace.report(Window(0, 100 * MS))["longest_silence_ms"] == pytest.approx(10, abs=0.001)
    assert trace.report(Window(0, 50 * MS))["longest_silence_ms"] == 0


def test_trace_tells_lost_and_doubled_answers() -> None:
    trace = Trace()
    for now in range(0, 100, 10):
        trace.send(now * MS)
    for number in (0, 1, 5, 9):
        trace.answer(number, (number * 10 + 1) * MS)
    trace.answer(9, 95 * MS)  # a second machine with the same address would do this
    trace.answer(77, 96 * MS)  # never asked
    report = trace.report(Window(0, 100 * MS))
    assert (report["sent"], report["answered"], report["lost"], report["doubled"]) == (10, 4, 6, 1)
    assert report["longest_silence_ms"] == 40
    assert report["silence_start_monotonic_ns"] == 11 * MS
    assert report["round_trip_max_ms"] == 1
    assert trace.report(Window(200 * MS, 300 * MS))["longest_silence_ms"] == 100
