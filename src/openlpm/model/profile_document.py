"""Profiles as a document of plain values: the one form in files (YAML), on REST and in metadata.

    current: default
    profiles:
      - name: default
        memory: {minimum: 512, desired: 1024, maximum: 2048}       # MiB
        processors: {minimum: 1, desired: 2, maximum: 4}
        processing_units: {minimum: 0.1, desired: 0.5, maximum: 2.0}
        sharing: uncapped                                          # or capped, dedicated
        weight: 128
        cpu_model: ""
        adapters:
          - {disk: "nbd://storage:10809/web1", bus: scsi, required: true}
          - {network: guests, mac: "52:54:00:12:34:56", port_group: "", required: false}
        boot: [disk, network]

A document comes from a file, from another console or from somebody's hand. Whatever it holds, it
becomes `Profiles` or `BadRequest`, whose cause begins with the place: `profiles[0].memory.minimum`.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, TypeVar, cast

from openlpm.model.errors import BadRequest
from openlpm.model.profile import (
    MOST_ADAPTERS,
    MOST_PROFILES,
    USUAL_WEIGHT,
    Adapter,
    BootDevice,
    DiskAdapter,
    EthernetAdapter,
    Profile,
    Profiles,
    Sharing,
    Span,
)

Document = dict[str, Any]
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

CODE = "bad-profile"
UNUSABLE = "These profiles cannot be used."
LONGEST_TEXT = 1024
LARGEST = 2.0**64
_LEVELS = ("minimum", "desired", "maximum")
_PROFILE = {
    *("name", "memory", "processors", "processing_units", "sharing", "weight", "cpu_model"),
    *("adapters", "boot"),
}
_DISK = {"disk", "bus", "required"}
_ETHERNET = {"network", "mac", "port_group", "required"}


def document(profiles: Profiles) -> Document:
    """As it is written."""
    return {
        "current": profiles.current,
        "profiles": [profile_document(profile) for profile in profiles.each],
    }


def profile_document(profile: Profile) -> Document:
    """One profile of it. Dedicated processors are whole: their units are not told apart."""
    told: Document = {
        "name": profile.name,
        "memory": _span_document(profile.memory_mib),
        "processors": _span_document(profile.processors),
        "processing_units": _span_document(profile.units),
        "sharing": profile.sharing.value,
        "weight": profile.weight,
        "cpu_model": profile.cpu_model,
        "adapters": [adapter_document(adapter) for adapter in profile.adapters],
        "boot": [device.value for device in profile.boot],
    }
    if profile.sharing is Sharing.DEDICATED:
        del told["processing_units"]
    return told


def _span_document(span: Span[int] | Span[float]) -> Document:
    return {level: getattr(span, level) for level in _LEVELS}


def adapter_document(adapter: Adapter) -> Document:
    """One adapter of a profile."""
    if isinstance(adapter, DiskAdapter):
        return {"disk": adapter.url, "bus": adapter.bus, "required": adapter.required}
    return {
        "network": adapter.switch,
        "mac": adapter.mac,
        "port_group": adapter.port_group,
        "required": adapter.required,
    }


def read_profiles(value: object) -> Profiles:
    """All profiles of a document. Raises `BadRequest` naming the place."""
    members = _members(value, "", {"current", "profiles"})
    listed = _list(members.get("profiles"), "profiles", MOST_PROFILES)
    each = tuple(read_profile(one, f"profiles[{at}]") for at, one in enumerate(listed))
    current = _text(members, "current", "", default=each[0].name if each else "")
    return _made("", lambda: Profiles(current, each))


def read_profile(value: object, place: str = "") -> Profile:
    """One profile. Raises `BadRequest` naming the place, below `place`."""
    members = _members(value, place, _PROFILE)
    sharing = _choice(members.get("sharing", "uncapped"), _at(place, "sharing"), Sharing)
    memory = _whole_span(members, "memory", place)
    processors = _whole_span(members, "processors", place)
    if sharing is Sharing.DEDICATED and "processing_units" not in members:
        units = Span(*(float(getattr(processors, level)) for level in _LEVELS))
    else:
        units = _span(members, "processing_units", place)
    return _made(
        place,
        lambda: Profile(
            name=_text(members, "name", place),
            memory_mib=memory,
            processors=processors,
            units=units,
            sharing=sharing,
            weight=_whole(members.get("weight", USUAL_WEIGHT), _at(place, "weight")),
            cpu_model=_text(members, "cpu_model", place, default=""),
            adapters=_adapters(members.get("adapters", []), _at(place, "adapters")),
            boot=_boot(members.get("boot", []), _at(place, "boot")),
        ),
    )


def changed(profile: Profile, change: object) -> Profile:
    """`profile` with what `change`, a document of some of its members, says. Raises `BadRequest`.

    Of a span, one level may be given: the others make room where they would be in its way.
    """
    members = _members(change, "", _PROFILE - {"name"})
    told = profile_document(profile)
    for name in sorted(members, key=lambda each: each == "processing_units"):
        value = members[name]
        if name == "processing_units":  # of processors that were dedicated until now
            told.setdefault(name, dict(told["processors"]))
        is_span = name in ("memory", "processors", "processing_units")
        told[name] = _widened(told[name], value, name) if is_span else value
    if told["sharing"] == Sharing.DEDICATED and "processing_units" not in members:
        told.pop("processing_units", None)
    else:
        told.setdefault("processing_units", dict(told["processors"]))
    return read_profile(told)


def _widened(before: Document, value: object, place: str) -> Document:
    given = _members(value, place, set(_LEVELS))
    after = {**before, **given}
    if not all(_is_number(after[level]) for level in _LEVELS):
        return after  # told when it is read
    low, middle, high = (level in given for level in _LEVELS)
    if not middle:
        if low:
            after["desired"] = max(after["desired"], after["minimum"])
        if high:
            after["desired"] = min(after["desired"], after["maximum"])
    if not low:
        after["minimum"] = min(after["minimum"], after["desired"])
    if not high:
        after["maximum"] = max(after["maximum"], after["desired"])
    return after


def _adapters(value: object, place: str) -> tuple[Adapter, ...]:
    listed = _list(value, place, MOST_ADAPTERS)
    return tuple(read_adapter(one, f"{place}[{at}]") for at, one in enumerate(listed))


def read_adapter(value: object, place: str) -> Adapter:
    """One adapter; whether it can be is checked by the profile that it is for."""
    is_disk = _has(value, "disk")
    members = _members(value, place, _DISK if is_disk else _ETHERNET)
    required = members.get("required", True)
    if not isinstance(required, bool):
        raise _fault(_at(place, "required"), "is neither true nor false")
    if is_disk:
        bus = _text(members, "bus", place, default="scsi")
        return DiskAdapter(_text(members, "disk", place), bus, required)
    return EthernetAdapter(
        _text(members, "network", place),
        _text(members, "mac", place),
        _text(members, "port_group", place, default=""),
        required,
    )


def _has(value: object, name: str) -> bool:
    return isinstance(value, dict) and name in cast("Document", value)


def _boot(value: object, place: str) -> tuple[BootDevice, ...]:
    listed = _list(value, place, len(BootDevice))
    return tuple(_choice(one, f"{place}[{at}]", BootDevice) for at, one in enumerate(listed))


def _whole_span(members: Document, name: str, place: str) -> Span[int]:
    span = _levels(members, name, place)
    where = _at(place, name)
    return Span(*(_whole(span[level], f"{where}.{level}") for level in _LEVELS))


def _span(members: Document, name: str, place: str) -> Span[float]:
    span = _levels(members, name, place)
    for level in _LEVELS:
        if not _is_number(span[level]):
            raise _fault(f"{_at(place, name)}.{level}", "is no number")
    return Span(*(float(span[level]) for level in _LEVELS))


def _levels(members: Document, name: str, place: str) -> Document:
    where = _at(place, name)
    if name not in members:
        raise _fault(where, "is missing")
    span = _members(members[name], where, set(_LEVELS))
    for level in _LEVELS:
        if level not in span:
            raise _fault(f"{where}.{level}", "is missing")
    return span


def _whole(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _fault(place, "is no whole number")
    return value


def _is_number(value: object) -> bool:
    # What is larger than any float cannot be made one.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _choice(value: object, place: str, kind: type[E]) -> E:
    for one in kind:
        if value == one.value:
            return one
    raise _fault(place, f"is none of {', '.join(one.value for one in kind)}")


def _text(members: Document, name: str, place: str, *, default: str | None = None) -> str:
    where = _at(place, name)
    value = members.get(name, default)
    if value is None:
        raise _fault(where, "is missing")
    if not isinstance(value, str):
        raise _fault(where, "is no text")
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise _fault(where, f"has more than {LONGEST_TEXT} characters, or unprintable ones")
    return value


def _list(value: object, place: str, most: int) -> list[object]:
    if not isinstance(value, list):
        raise _fault(place, "is no list" if value is not None else "is missing")
    listed = cast("list[object]", value)
    if len(listed) > most:
        raise _fault(place, f"has more than {most} entries")
    return listed


def _members(value: object, place: str, known: Collection[str]) -> Document:
    if not isinstance(value, dict):
        raise _fault(place or "the document", "has no members")
    given = cast("dict[object, Any]", value)
    for name in given:
        if name not in known:
            shown = str(name)[:60]
            raise _fault(_at(place, shown), f"is not known; there are {', '.join(sorted(known))}")
    return {str(name): member for name, member in given.items()}


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _made(place: str, make: Callable[[], T]) -> T:
    """What `make` makes; what is wrong with it is told with its place."""
    try:
        return make()
    except BadRequest as error:
        if error.code == CODE:
            told = error.cause
        else:
            told = " ".join(part for part in (error.message, error.cause) if part)
        if place and not told.startswith(place):
            told = f"{place}: {told}"
        raise BadRequest(CODE, UNUSABLE, cause=told, remedy=error.remedy) from error


def _fault(place: str, fault: str) -> BadRequest:
    return BadRequest(
        CODE,
        UNUSABLE,
        cause=f"{place} {fault}.",
        remedy="docs/profiles.md shows a whole document.",
    )
