"""XML that a hostile server would send: real samples changed, and the classic attacks."""

import copy
from collections.abc import Callable

from hostile import texts
from hypothesis import strategies as st
from lxml import etree
from samples import UUID


def _is_xml(c: str) -> bool:
    """What lxml can write at all: neither control characters nor surrogates nor U+FFFE."""
    return c >= " " and not "\ud800" <= c < "\ue000" and c not in "\ufffe\uffff"


_NUMBERS = ("0", "-1", "nan", "inf", "1e9", "\u0663", "9" * 19, "9" * 5000, str(2**63), "0x10", "")
_WORDS = ("kvm", "bridge", "network", "hostdev", "volume", "../x", "TiB", "EiB", "\x9b31m", "{x}y")
_ODD = st.one_of(
    st.sampled_from((*_NUMBERS, *_WORDS)),
    texts(20).map(lambda text: "".join(filter(_is_xml, text))),
)


_ATTRIBUTES = ("type", "name", "id", "size", "unit")


@st.composite
def changed(draw: st.DrawFn, sample: str) -> str:
    """Well-formed, and odd: attributes, texts, whole elements are others, twice over, or gone."""
    root = etree.fromstring(sample)
    for _ in range(draw(st.integers(1, 4))):
        elements = list(root.iter())
        one = elements[draw(st.integers(0, len(elements) - 1))]
        match draw(st.integers(0, 4)):
            case 0 if one.attrib:
                one.set(draw(st.sampled_from(sorted(one.attrib))), draw(_ODD))
            case 1 if one is not root:
                one.getparent().remove(one)
            case 2:
                twin = copy.deepcopy(elements[draw(st.integers(0, len(elements) - 1))])
                one.insert(draw(st.integers(0, len(one))), twin)
            case 3:
                one.set(draw(st.sampled_from(("type", "name", "id", "size", "unit"))), draw(_ODD))
            case _:
                one.text = draw(_ODD)
    return etree.tostring(root, encoding="unicode")


@st.composite
def torn(draw: st.DrawFn, sample: str) -> str:
    """A piece cut out, or anything put in its place."""
    start = draw(st.integers(0, len(sample)))
    end = draw(st.integers(start, min(len(sample), start + 100)))
    return sample[:start] + draw(texts(20)) + sample[end:]


def odd(sample: str) -> st.SearchStrategy[str]:
    """The sample as it is, changed, torn, or something else altogether."""
    return st.one_of(changed(sample), torn(sample), st.just(sample), texts())


def attacks(root: str, secret: str) -> dict[str, Callable[[], str]]:
    """What an XML parser may be made to do, on an element `root`; `secret` is a file's address."""
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
    blow_up = f"<!DOCTYPE d [<!ENTITY a '{'a' * 50_000}'>]>"

    def page(doctype: str, body: str = "<name>&x;</name>") -> str:
        return f"{doctype}<{root}>{body}<uuid>{UUID}</uuid></{root}>"

    return {
        "a file": lambda: page(f"<!DOCTYPE d [<!ENTITY x SYSTEM '{secret}'>]>"),
        "a URL": lambda: page("<!DOCTYPE d [<!ENTITY x SYSTEM 'http://127.0.0.1:1/x'>]>"),
        "an internal entity": lambda: page("<!DOCTYPE d [<!ENTITY x 'resolved'>]>"),
        "a parameter entity": lambda: page(
            f"<!DOCTYPE d [<!ENTITY % x SYSTEM '{secret}'> %x;]>", ""
        ),
        "an external subset": lambda: page(f"<!DOCTYPE d SYSTEM '{secret}'>", ""),
        "laughs": lambda: page(f"<!DOCTYPE d [<!ENTITY l0 'ha'>{laughs}]>", "<name>&l11;</name>"),
        "quadratic": lambda: page(blow_up, f"<name>{'&a;' * 50_000}</name>"),
        "an inclusion": lambda: page(
            "", f"<name xmlns:i='http://www.w3.org/2001/XInclude'><i:include href='{secret}'"
            " parse='text'/></name>"
        ),
        "a stylesheet": lambda: page(f"<?xml-stylesheet href='{secret}'?>", ""),
        "another encoding": lambda: (
            f"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE d><{root}/>"
        ),
        "depth": lambda: f"<{root}>" + "<a>" * 100_000 + "</a>" * 100_000 + f"</{root}>",
        "tags": lambda: page("", "<devices>" + "<disk/>" * 500_000 + "</devices>"),
        "attributes": lambda: page(
            "",
            "<devices><disk type='x'><source "
            + " ".join(f"a{n}=''" for n in range(60_000))
            + "/></disk></devices>",
        ),
        "namespaces": lambda: (
            f"<{root} " + " ".join(f"xmlns:a{n}='u{n}'" for n in range(50_000)) + "/>"
        ),
        "a long text": lambda: page("", f"<name>{'x' * 4_000_000}</name>"),
        "a long attribute": lambda: page("", f"<name id='{'x' * 4_000_000}'/>"),
        "too long": lambda: page("", " " * (4 * 2**20)),
        "NUL": lambda: page("", "<name>\0</name>"),
    }  # fmt: skip


def attack(name: str, root: str = "domain", secret: str = "file:///etc/passwd") -> str:
    """One of them."""
    return attacks(root, secret)[name]()
