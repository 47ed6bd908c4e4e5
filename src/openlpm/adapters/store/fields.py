"""Stored values, checked as they are read.

A database may have been edited by hand, or hold a word that only a newer console knows. Such
a value must stop the reader with a clear error; it must never become a wrong phase or halt.

>>> Fields("migration m1", {"phase": "send"}).choice("phase", Phase)  # doctest: +SKIP
<Phase.SEND: 'send'>
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Never, TypeVar, cast

from openlpm.model.errors import StoreFailed

_LARGEST = sys.float_info.max
_LONGEST_CAUSE = 500
E = TypeVar("E", bound=StrEnum)


class Fields:
    """The fields of one row or one JSON object; `what` names it in errors."""

    def __init__(self, what: str, values: Mapping[str, object]) -> None:
        self._what = what
        self._values = values

    def text(self, key: str) -> str:
        """A string."""
        value = self._get(key)
        return value if isinstance(value, str) else self._fail(key, value)

    def flag(self, key: str) -> bool:
        """True or False."""
        value = self._get(key)
        return value if isinstance(value, bool) else self._fail(key, value)

    def optional_flag(self, key: str) -> bool:
        """True or False; False when it is missing."""
        return key in self._values and self.flag(key)

    def integer(self, key: str) -> int:
        """A whole number."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            return self._fail(key, value)
        return value

    def number(self, key: str) -> float:
        """Any number but an endless one: JSON for our clients holds none."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._fail(key, value)
        return float(value) if abs(value) <= _LARGEST else self._fail(key, value)

    def optional_integer(self, key: str) -> int | None:
        """A whole number, or None."""
        return None if self._get(key) is None else self.integer(key)

    def optional_number(self, key: str) -> float | None:
        """Any number, or None."""
        return None if self._get(key) is None else self.number(key)

    def choice(self, key: str, kind: type[E]) -> E:
        """One of an enum's values."""
        value = self.text(key)
        try:
            return kind(value)
        except ValueError:
            return self._fail(key, value)

    def child(self, key: str) -> "Fields":
        """A nested JSON object."""
        value = self._get(key)
        if not isinstance(value, dict):
            return self._fail(key, value)
        return Fields(f"{self._what}, {key}", cast("dict[str, object]", value))

    def children(self, key: str) -> "tuple[Fields, ...]":
        """A JSON list of objects."""
        value = self._get(key)
        if not isinstance(value, list):
            return self._fail(key, value)
        items = {str(at): item for at, item in enumerate(cast("list[object]", value))}
        inside = Fields(f"{self._what}, {key}", items)
        return tuple(inside.child(at) for at in items)

    def optional_child(self, key: str) -> "Fields | None":
        """A nested JSON object, or None."""
        return None if self._get(key) is None else self.child(key)

    def pairs(self, key: str) -> tuple[tuple[str, float], ...]:
        """A JSON list of [text, number]."""
        value = self._get(key)
        if not isinstance(value, list):
            return self._fail(key, value)
        return tuple(self._pair(key, item) for item in cast("list[object]", value))

    def _pair(self, key: str, item: object) -> tuple[str, float]:
        match item:
            case [str(name), int() | float() as number] if abs(number) <= _LARGEST:
                return name, float(number)
            case _:
                return self._fail(key, item)

    def _get(self, key: str) -> object:
        if key not in self._values:
            return self._fail(key, "missing")
        return self._values[key]

    def _fail(self, key: str, value: object) -> Never:
        raise StoreFailed(
            "store-unreadable",
            f"The console's record of {self._what} cannot be read.",
            cause=f"Its {key!r} is {value!r}"[:_LONGEST_CAUSE] + ".",
            remedy="If a newer OpenLPM wrote it, use that one; else restore a backup.",
        )
