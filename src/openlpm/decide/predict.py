"""How long a move will take: said beforehand from measured rates, and corrected while it runs.

Iterative pre-copy: the first round sends all memory M at rate b; each further round sends what
was dirtied (at rate d) during the one before, so round i sends M·(d/b)^i. It ends when a round
fits the allowed pause: M·(d/b)^n <= b·p. (Clark et al. 2005; Akoush et al., "Predicting the
Performance of Virtual Machine Migration", MASCOTS 2010.)
"""

from openlpm.model.estimate import Estimate
from openlpm.model.migration import Progress

OVERHEAD_S = 0.5
"""Starting and ending a transfer between two daemons."""
FIXED_PAUSE_MS = 40.0
"""Device state and the start of the processors at the target."""
MAX_ROUNDS = 50


def estimate(
    memory_bytes: int,
    dirty_bytes_s: float,
    rate_bytes_s: float,
    *,
    first_pause_ms: float,
    max_pause_ms: float,
    basis: str,
    disk_bytes: int = 0,
) -> Estimate:
    """Predict a move. `rate_bytes_s` must be positive; the pause widens only if it must.

    `disk_bytes`: of the disks that are copied, before memory is sent.
    """
    round_bytes = float(memory_bytes)
    sent = 0.0
    ratio = dirty_bytes_s / rate_bytes_s
    for _ in range(MAX_ROUNDS):
        if round_bytes <= rate_bytes_s * first_pause_ms / 1000:
            break
        sent += round_bytes
        following = min(float(memory_bytes), round_bytes * ratio)
        if following > 0.9 * round_bytes:
            round_bytes = following
            break
        round_bytes = following
    pause_ms = 1000 * round_bytes / rate_bytes_s
    return Estimate(
        total_s=round(OVERHEAD_S + (disk_bytes + sent + round_bytes) / rate_bytes_s, 2),
        pause_ms=round(FIXED_PAUSE_MS + min(pause_ms, max_pause_ms), 1),
        bytes_sent=int(disk_bytes + sent + round_bytes),
        converges=pause_ms <= max_pause_ms,
        basis=basis,
    )


def remaining_s(progress: Progress, pause_ms: float) -> float | None:
    """Seconds until the switch-over at the present rates, or None while it does not come nearer."""
    if progress.rate_bytes_s <= 0:
        return None
    net = progress.rate_bytes_s - progress.dirty_bytes_s
    to_send = progress.remaining_bytes - progress.rate_bytes_s * pause_ms / 1000
    if to_send <= 0:
        return 0.0
    return round(to_send / net, 1) if net > 0 else None
