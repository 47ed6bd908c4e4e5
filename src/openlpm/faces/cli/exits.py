"""Exit codes, in one table: scripts may rely on them.

The code follows from the `kind` of the problem that the console answered with, and is the
same for every command.
"""

DONE = 0
FAILED = 1
BAD_REQUEST = 2
REFUSED = 3
CONSOLE_UNREACHABLE = 4
SYSTEM_UNREACHABLE = 5
CONFLICT = 6
STORE_FAILED = 7
NOT_LEADING = 8
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    FAILED: "failed; nothing is lost",
    BAD_REQUEST: "bad request: usage, or an unknown name",
    REFUSED: "refused by validation",
    CONSOLE_UNREACHABLE: "the console cannot be reached",
    SYSTEM_UNREACHABLE: "a managed system cannot be reached",
    CONFLICT: "the present state forbids it, or it is too late",
    STORE_FAILED: "the console cannot read or write its state",
    NOT_LEADING: "another console leads: ask that one",
    INTERRUPTED: "interrupted; what was begun goes on",
}

_BY_KIND = {
    "bad-request": BAD_REQUEST,
    "not-found": BAD_REQUEST,
    "conflict": CONFLICT,
    "refused": REFUSED,
    "unreachable": SYSTEM_UNREACHABLE,
    "store": STORE_FAILED,
    "not-leading": NOT_LEADING,
    "console-unreachable": CONSOLE_UNREACHABLE,
}


def code_of(kind: str) -> int:
    """The exit code of a problem of `kind`; FAILED for those without a code of their own."""
    return _BY_KIND.get(kind, FAILED)
