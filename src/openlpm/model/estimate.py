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
