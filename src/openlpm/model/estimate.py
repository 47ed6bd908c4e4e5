"""What a move is expected to take, said before anything moves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """`converges` False: it would not end by itself. `basis`: what the figures rest on."""

    total_s: float
    pause_ms: float
    bytes_sent: int
    converges: bool
    basis: str


@dataclass(frozen=True, slots=True)
class Load:
    """What a running guest would have to send: resident memory, and how fast it dirties it.

    `dirty_bytes_s` None: not measured.
    """

    resident_bytes: int
    dirty_bytes_s: float | None = None
