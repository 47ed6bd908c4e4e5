"""What a move is expected to take: the predictor, fed with what was measured.

The link's rate comes from the last moves over the same pair of systems, the dirty rate from the
running guest itself. What could not be measured is assumed, and the estimate says so.
"""

from openlpm.decide.converge import FIRST_PAUSE_MS
from openlpm.decide.examination import Examination
from openlpm.decide.predict import OVERHEAD_S, estimate
from openlpm.engine.estate import Estate
from openlpm.model.errors import OpenLpmError
from openlpm.model.estimate import Estimate, Load
from openlpm.model.migration import Kind, Migration, Phase
from openlpm.model.policy import Policy
from openlpm.ports import Journal

ASSUMED_RATE = 117 * 2**20
"""bytes/s: what TCP gets out of 1 Gbit/s, assumed until a move has been measured."""
ASSUMED_DIRTY = 5 * 2**20


class Estimator:
    """Estimates moves."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal

    def estimate(self, e: Examination, dirty_for_s: int) -> Estimate:
        """Predict the move that was examined; measures the dirty rate for `dirty_for_s`."""
        load = self._load(e, dirty_for_s)
        rate, rate_basis = self._rate(e)
        limit = self._limit(e)
        rate = min(rate, limit) if limit else rate
        dirty = ASSUMED_DIRTY if load.dirty_bytes_s is None else load.dirty_bytes_s
        dirty_basis = "assumed" if load.dirty_bytes_s is None else f"measured for {dirty_for_s} s"
        policy = e.partition.mark.policy if e.partition.mark else Policy()
        disks = sum(copy.allocation_bytes for copy in e.copies)
        copied = f"{disks / 2**20:.0f} MiB of disks, " if e.copies else ""
        return estimate(
            load.resident_bytes,
            0.0 if e.kind is Kind.SUSPENDED else dirty,
            rate,
            first_pause_ms=min(FIRST_PAUSE_MS, policy.max_pause_ms),
            max_pause_ms=policy.max_pause_ms,
            disk_bytes=disks,
            basis=(
                f"{copied}{load.resident_bytes / 2**20:.0f} MiB resident, dirtying "
                f"{dirty / 2**20:.1f} MiB/s ({dirty_basis}), link {rate / 2**20:.0f} MiB/s "
                f"({rate_basis})"
            ),
        )

    def _load(self, e: Examination, dirty_for_s: int) -> Load:
        try:
            return self._estate.host(e.source.name).load(e.partition.uuid, dirty_for_s)
        except OpenLpmError:
            return Load(e.partition.memory_mib * 2**20)

    def _rate(self, e: Examination) -> tuple[float, str]:
        pair = {e.source.name, e.target.name}
        for record in self._journal.migrations(limit=50):
            rate = _measured_rate(record)
            if {record.source, record.target} == pair and rate:
                return rate, "measured at the last move"
        return float(ASSUMED_RATE), "assumed"

    @staticmethod
    def _limit(e: Examination) -> float:
        limits = [m for s in (e.source, e.target) if (m := s.system.mover.bandwidth_mib_s)]
        return float(min(limits) * 2**20) if limits else 0.0


def _measured_rate(record: Migration) -> float:
    """bytes/s of a finished move; 0.0 where it tells nothing."""
    figures = record.figures
    if record.phase is not Phase.DONE or not figures.bytes_sent or not figures.total_s:
        return 0.0
    return figures.bytes_sent / max(0.1, figures.total_s - OVERHEAD_S)
