"""What goes wrong with any database, whichever it is: what to tell of it, and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """What to tell for one kind of failure."""

    code: str
    cause: str
    remedy: str


FULL = Trouble(
    "store-full",
    "There is no space left on its file system.",
    "Make space; the console goes on by itself. Nothing was half-written.",
)
IO = Trouble(
    "store-io",
    "The disk did not do as it was told.",
    "Look for disk errors in the machine's log (dmesg).",
)
RULE = Trouble(
    "store-rule",
    "The write would have broken one of its rules.",
    "This is a defect of OpenLPM: please report it. Nothing was changed.",
)
OTHER = Trouble("store-failed", "", "Please report it, with the console's log.")
