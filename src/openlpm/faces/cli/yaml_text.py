"""YAML from and to files: the one place that reads it, and it reads plain values only.

No tags (they could name Python objects), no anchors (a few lines of them unfold to gigabytes), no
key twice, no megabytes. What is not null, true, false or a decimal number is text: in YAML 1.1 the
MAC address 52:54:00:12:34:56 would be a number to the base of sixty, and `no` would be false. What
a value means is for the console to say.
"""

import re
from typing import Any, cast

import yaml

from openlpm.faces.cli.problem import Problem

MOST_BYTES = 512 * 1024
_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    "null": r"null|~|",
    "bool": r"true|false",
    "int": r"[-+]?(?:0|[1-9][0-9]{0,18})",
    "float": r"[-+]?[0-9]{1,19}\.[0-9]{0,19}",
}
_RESOLVERS = [(f"{_TAG}{name}", re.compile(f"(?:{form})\\Z")) for name, form in _PLAIN.items()]


class _Loader(yaml.SafeLoader):
    """Refuses what a profile does not need."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As its base, but for tags, anchors and aliases."""
        event: Any = cast("Any", self).peek_event()
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(
                problem="it has an anchor or a tag", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """As its base, but for a key that is there twice, or is no text."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value if key.tag == f"{_TAG}str" else ""
            if name in seen or not name:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {name!r} is there twice, or is no text",
                    problem_mark=key.start_mark,
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {None: _RESOLVERS}


def from_yaml(text: bytes) -> dict[str, Any]:
    """The document. Raises `Problem` with the line of what is wrong."""
    if len(text) > MOST_BYTES:
        raise _bad(f"It is longer than {MOST_BYTES} bytes.")
    try:
        value = yaml.load(text.decode(), _Loader)  # noqa: S506 (it is a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _bad(f"{where}{error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _bad(f"{type(error).__name__}: {str(error)[:200]}.") from error
    if not isinstance(value, dict):
        raise _bad("It holds no members such as `profiles:`.")
    return cast("dict[str, Any]", value)


def to_yaml(document: dict[str, Any]) -> str:
    """As it is written into a file."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _bad(cause: str) -> Problem:
    return Problem(
        "bad-yaml",
        "bad-request",
        "The file cannot be read as profiles.",
        cause=cause,
        remedy="docs/profiles.md shows a whole file.",
    )
