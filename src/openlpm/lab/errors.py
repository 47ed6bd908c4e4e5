"""The lab's one error: what failed, why, and what to do about it.

>>> error = LabError("no-such-lab", "There is no lab 'x'.", remedy="Try: lpm lab up --name x")
>>> error.code, str(error)
('no-such-lab', "There is no lab 'x'. Try: lpm lab up --name x")
"""


class LabError(Exception):
    """`code` is stable and kebab-case; `cause` and `remedy` may be empty, never None."""

    def __init__(self, code: str, message: str, cause: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.cause, self.remedy) if part)
