"""Profiles from outside: a document, a file, a partition's metadata. Profiles, or a refusal."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import yaml
from bounds import fuzzed, outcome
from hostile import JSON, NUMBERS, texts
from hypothesis import strategies as st
from samples import DOMAIN_9, UUID

from openlpm.adapters.libvirt.listing import _partition
from openlpm.adapters.libvirt.profiles import profiles_element, read_kept
from openlpm.adapters.libvirt.xml import Element, parse, to_text
from openlpm.faces.cli.problem import Problem
from openlpm.faces.cli.yaml_text import from_yaml, to_yaml
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.profile import DiskAdapter, Profile, Profiles, Span
from openlpm.model.profile_document import changed, document, read_profiles
from openlpm.model.sight import Place, Sight

SOON_S = 5.0
WEB = Profile(
    *("default", Span(16, 32, 64), Span(1, 2, 4), Span(0.1, 0.5, 2.0)),
    adapters=(DiskAdapter("nbd://storage:10809/web1"),),
)
ODD = st.one_of(NUMBERS, texts(), st.none(), st.booleans(), JSON)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A good document with some of its values changed, or any JSON."""
    if draw(st.integers(0, 4)) == 0:
        return draw(JSON)
    whole = json.loads(json.dumps(document(Profiles("default", (WEB,)))))
    for _ in range(draw(st.integers(1, 3))):
        inner: Any = whole
        while isinstance(inner, dict | list) and inner:
            keys = [*inner, "odd"] if isinstance(inner, dict) else range(len(inner))
            key = draw(st.sampled_from(keys))
            if key == "odd":
                inner[draw(texts(10))] = draw(ODD)
                break
            if not isinstance(inner[key], dict | list) or draw(st.booleans()):
                inner[key] = draw(ODD)
                break
            inner = inner[key]
    return whole


@fuzzed(400, value=documents())
def test_any_document_is_profiles_or_refused_with_a_place(value: Any) -> None:
    read, refusal = outcome(BadRequest, read_profiles, value)
    if refusal is not None:
        assert refusal.code == "bad-profile"
        assert refusal.cause
        assert len(str(refusal)) < 2000
        return
    assert read is not None
    assert read_profiles(json.loads(json.dumps(document(read), allow_nan=False))) == read


@fuzzed(200, value=documents())
def test_any_change_is_a_profile_or_refused(value: Any) -> None:
    if isinstance(value, dict) and isinstance(value.get("profiles"), list) and value["profiles"]:
        value = value["profiles"][0]
        if isinstance(value, dict):
            value.pop("name", None)
    _, refusal = outcome(BadRequest, changed, WEB, value)
    assert refusal is None or refusal.cause


def with_text(text: str) -> Element:
    """A definition whose profiles are this text."""
    domain = parse(DOMAIN_9, "domain")
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = parse("<metadata/>", "metadata")
        domain.append(metadata)
    element = profiles_element(Profiles("default", (WEB,)))
    element.text = text
    metadata.append(element)
    return domain


WRITTEN = st.one_of(documents().map(json.dumps), texts(), JSON.map(json.dumps))


@fuzzed(300, text=WRITTEN)
def test_whatever_is_in_the_metadata_the_partition_is_listed(text: str) -> None:
    try:
        domain = with_text(text)
    except ValueError:
        return  # no XML can hold it
    read, refusal = outcome(Conflict, read_kept, domain)
    assert read or refusal
    assert refusal is None or refusal.code == "profiles-damaged"
    seen = _partition("s1", to_text(domain), Place(Sight.OFF), "web1", UUID)
    assert seen == _replaced(seen, parse(DOMAIN_9, "domain"))


def _replaced(seen: Any, domain: Element) -> Any:
    """The same partition of the definition without profiles."""
    plain = _partition("s1", to_text(domain), Place(Sight.OFF), "web1", UUID)
    return replace(plain, seen_at=seen.seen_at)


@pytest.mark.parametrize(
    "text",
    ["[" * 400_000, '{"a":' * 90_000, "1" * 500_000, '"' + "x" * 400_000, "9e999999999",
     '{"profiles": [' + ",".join(["{}"] * 100_000) + "]}"],
    ids=range(6),
)  # fmt: skip
def test_an_attack_in_the_metadata_takes_no_time(text: str) -> None:
    begun = time.process_time()
    _, refusal = outcome(Conflict, read_kept, with_text(text))
    assert refusal is not None
    assert time.process_time() - begun < SOON_S


def sends(value: dict[str, Any]) -> None:
    """What the command line sends on."""
    json.dumps(value).encode()


@fuzzed(
    300,
    text=st.one_of(
        st.binary(max_size=200),
        texts().map(lambda t: t.encode(errors="replace")),
        documents().map(lambda d: yaml.safe_dump(d, allow_unicode=True).encode(errors="replace")),
    ),
)
def test_any_file_is_plain_values_or_refused(text: bytes) -> None:
    read, refusal = outcome(Problem, from_yaml, text)
    if refusal is not None:
        assert refusal.code == "bad-yaml"
        assert len(refusal.text()) < 2000
        return
    assert read is not None
    sends(read)


@fuzzed(100, weight=st.integers(0, 255), mac=st.from_regex(r"52(:[0-9]{2}){5}", fullmatch=True))
def test_a_file_says_what_was_written_into_it(weight: int, mac: str) -> None:
    told = document(Profiles("default", (WEB,)))
    told["profiles"][0]["weight"] = weight
    told["profiles"][0]["adapters"] = [{"network": "no", "mac": mac, "required": False}]
    assert from_yaml(to_yaml(told).encode()) == told
    assert from_yaml(f"mac: {mac}\nswitch: no\nsize: 0o17\n".encode()) == {
        "mac": mac, "switch": "no", "size": "0o17",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["a: &a [x, x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(30)), "[" * 200_000,
     "{" * 200_000, "- " * 200_000, "a: " * 100_000, "? " * 200_000, "!" * 400_000,
     "a: " + "9" * 400_000, '"' * 400_000, "a: |\n" + " \n" * 200_000],
    ids=range(10),
)  # fmt: skip
def test_an_attack_by_yaml_takes_no_time(text: str) -> None:
    begun = time.process_time()
    outcome(Problem, from_yaml, text.encode())
    assert time.process_time() - begun < SOON_S
