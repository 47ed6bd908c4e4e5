"""Names, addresses, URIs, sizes: what is accepted is harmless to whoever is given it next.

libvirt gives a URI's parts to ssh, ssh to a shell; a lab's names become paths and interfaces. So
what is accepted comes back unchanged and holds nothing but plain characters; all else is refused.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import click
import pytest
from bounds import fuzzed, outcome
from hostile import NUMBERS, WORDS, texts
from hypothesis import strategies as st

from openlpm.adapters.libvirt.ssh import from_console
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.partition_create import Network
from openlpm.faces.cli.problem import Problem
from openlpm.faces.cli.size import MEBIBYTES
from openlpm.lab.errors import LabError
from openlpm.lab.names import lab_name, rate_in_bits, volume_name
from openlpm.model.errors import BadRequest
from openlpm.model.names import (
    as_uuid,
    checked_address,
    checked_mac,
    checked_name,
    checked_range,
    checked_uri,
)
from openlpm.model.spoken import PLAIN, spoken

HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


def accepted(check: Callable[[str], str], text: str, refusal: type[Exception]) -> bool:
    """Whether `text` passed; then it is unchanged. Any other exception ends the test."""
    found, error = outcome(refusal, check, text)
    assert found == text if error is None else 0 < len(str(error)) < 2000
    return error is None


@fuzzed(text=st.one_of(texts(), st.from_regex(PLAIN)))
def test_a_name_is_one_plain_word(text: str) -> None:
    if accepted(lambda name: checked_name("partition", name), text, BadRequest):
        assert HARMLESS.fullmatch(text)
        assert len(text) <= 63
        assert spoken(text, "uuid") == text
        assert path_of("partitions", text) == f"/v1/partitions/{text}"
    else:
        assert spoken(text, "uuid") == "uuid"


def test_no_known_evil_is_a_name() -> None:
    for word in WORDS:
        assert spoken(word, "uuid") == "uuid"
        for check in (lab_name, volume_name):
            assert outcome(LabError, check, word)[1], word
        for check in (checked_mac, lambda text: checked_name("partition", text)):
            assert outcome(BadRequest, check, word)[1], word
        assert outcome(BadRequest, checked_address, "address", word)[1], word


@fuzzed(text=st.one_of(texts(), st.ip_addresses().map(str), st.from_regex(HARMLESS)))
def test_an_address_is_a_host_or_an_ip_address(text: str) -> None:
    if accepted(lambda address: checked_address("address", address), text, BadRequest):
        assert re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9._:-]*", text)


@fuzzed(text=st.one_of(texts(), st.from_regex(r"\A[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\Z")))
def test_a_mac_address_is_six_bytes(text: str) -> None:
    if accepted(checked_mac, text, BadRequest):
        assert re.fullmatch(r"[0-9A-Fa-f:]{17}", text)


_PLACES = st.one_of(texts(12), st.sampled_from(("server", "[::1]", "-oProxyCommand=x", "%2Dx")))
_USERS = st.one_of(st.just(""), texts(8).map(lambda user: f"{user}@"), st.just("root@"))
_PARAMETERS = st.one_of(
    st.just(""),
    st.tuples(
        st.sampled_from(
            (
                *("keyfile", "socket", "no_verify", "no_tty", "proxy", "known_hosts"),
                *("command", "netcat", "Command", "%63ommand", ""),
            )
        ),
        st.one_of(texts(12), st.just("/run/libvirt/libvirt-sock")),
    ).map("?{0[0]}={0[1]}".format),
)
_URIS = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(("qemu", "qemu+ssh", "QEMU+SSH", "qemu+tcp", "qemu+ext", "file", "test")),
    _USERS,
    _PLACES,
    st.sampled_from(("", ":22", ":-1", ":99999", ":x")),
    st.sampled_from(("/system", "/session", "/default", "", "/../system")),
    _PARAMETERS,
)


def gives_no_option_and_no_command(text: str) -> None:
    if not accepted(checked_uri, text, BadRequest):
        return
    called = from_console(text)
    assert called.startswith(text)
    assert len(re.findall("[?&;]command=", called)) == text.lower().startswith("qemu+ssh:")
    assert text.isprintable()
    assert len(text) <= 1024
    parts = urlsplit(text)
    user, _, _ = parts.netloc.rpartition("@")
    given = [pair.partition("=") for pair in re.split("[&;]", parts.query)]
    names, values = {name for name, _, _ in given}, [value for _, _, value in given]
    assert not {unquote(name).lower() for name in names} & {"command", "netcat"}
    for word in (user, parts.hostname or "", *values):
        assert unquote(word) == word, "libvirt takes %2D for '-'"
        assert not word.startswith("-")
        assert not set(word) & set("$`;&|<>()'\"\\*?[]{}%# \t\n")


# One part is odd, the others are as they should be: else the first check would refuse them all.
_ONE_ODD = (
    "{}://server/system",
    "qemu+ssh://{}@server/system",
    "qemu+ssh://{}/system",
    "qemu+ssh://root@server:{}/system",
    "qemu+ssh://server{}",
    "qemu+ssh://server/{}",
    "qemu+ssh://server/system{}",
    "qemu+ssh://server/system?{}=x",
    "qemu+ssh://server/system?socket={}",
    "qemu+ssh://server/system?no_verify=1&keyfile={}",
)


@fuzzed(400, text=st.one_of(_URIS, st.builds(str.format, st.sampled_from(_ONE_ODD), texts())))
def test_a_uri_gives_no_program_an_option_or_a_command(text: str) -> None:
    gives_no_option_and_no_command(text)


@pytest.mark.parametrize("form", _ONE_ODD)
def test_no_known_evil_is_in_any_part_of_a_uri(form: str) -> None:
    for word in (*WORDS, "%2DoProxyCommand=x", "-oProxyCommand=x"):
        gives_no_option_and_no_command(form.format(word))


@fuzzed(value=NUMBERS, low=st.integers(-5, 5), high=st.integers(0, 10**6))
def test_a_number_lies_in_its_range(value: float, low: int, high: int) -> None:
    _, error = outcome(BadRequest, checked_range, "It", value, low, high)
    assert error.code == "out-of-range" if error else low <= value <= high


@fuzzed(text=st.one_of(texts(), st.uuids().map(str)))
def test_a_uuid_has_its_usual_form(text: str) -> None:
    uuid = as_uuid(text)
    assert uuid is None or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid)


@fuzzed(text=texts())
def test_a_word_for_a_path_names_one_thing(text: str) -> None:
    path, problem = outcome(Problem, path_of, "partitions", text)
    if path is None:
        assert problem.kind == "bad-request"
        return
    assert path.isascii()
    assert path.isprintable()
    assert path.count("/") == 3
    assert unquote(path.rpartition("/")[2]) == text


@fuzzed(text=st.one_of(texts(), st.from_regex(r"\A[0-9]{1,14}[MGT]?\Z")))
def test_a_size_is_a_number_of_mib(text: str) -> None:
    size, _ = outcome(click.UsageError, MEBIBYTES.convert, text, None, None)
    assert size is None or 0 <= size < 10**12 * 2**20


@fuzzed(text=st.one_of(texts(), texts(10).map("guest,mac={}".format), st.just("guest,a=b")))
def test_an_adapter_is_a_switch_and_perhaps_a_mac(text: str) -> None:
    body, _ = outcome(click.UsageError, Network().convert, text, None, None)
    assert body is None or (body["switch"] and body.keys() <= {"switch", "mac"})


@fuzzed(text=st.one_of(texts(), st.from_regex(r"\A[a-z0-9._-]{1,64}\Z")))
def test_the_labs_names_are_no_paths_and_no_options(text: str) -> None:
    for check in (lab_name, volume_name):
        if accepted(check, text, LabError):
            assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", text)


@fuzzed(text=st.one_of(texts(), st.integers(1, 400).map(lambda n: "9" * n + "mbit")))
def test_a_rate_is_a_positive_number_of_bits(text: str) -> None:
    bits, error = outcome(LabError, rate_in_bits, text)
    assert error.code == "bad-rate" if error else 0 < bits < 2**63


def test_a_rate_of_hundreds_of_digits_is_refused() -> None:
    with pytest.raises(LabError, match="no rate of a link"):
        rate_in_bits("9" * 400 + "gbit")


def test_a_name_of_no_unicode_is_refused_by_the_command_line() -> None:
    """What the shell passed as bytes that are no UTF-8, Python holds as a lone surrogate."""
    with pytest.raises(Problem) as refused:
        path_of("partitions", "\udcff")
    assert refused.value.code == "bad-name"
