"""Use cases on the Virtual I/O Servers: what virtual adapters hang on, and the virtual switches.

Like `storage`, it asks the servers when it is asked, all at once, and keeps nothing.
"""

from openlpm.decide.mapping import mapped
from openlpm.decide.reserve import moves_at
from openlpm.decide.switches import known_switches
from openlpm.engine.estate import Estate
from openlpm.engine.storage import Storage
from openlpm.engine.views import NetworksView
from openlpm.model.errors import ServerUnreachable
from openlpm.model.vios import Vios
from openlpm.ports import Journal


class VirtualIo:
    """The I/O side of the managed systems."""

    def __init__(self, estate: Estate, journal: Journal, storage: Storage) -> None:
        self._estate = estate
        self._journal = journal
        self._storage = storage

    def show(self, system: str) -> Vios:
        """All of one system's. Raises `NotFound`, `ServerUnreachable`."""
        watch = self._estate.watch(system)
        _ = watch.host
        known, switches, unseen = self._storage.look_at_all()
        for name, why in unseen:
            if name == system:
                raise ServerUnreachable(
                    "server-unreachable", f"{system} does not say what it has.", cause=why
                )
        partitions = known.partitions()
        return Vios(
            system=system,
            mover=watch.system.mover,
            moves=moves_at(system, self._journal.unfinished()),
            pools=tuple(each for each in known.brief() if each.system == system),
            switches=tuple(
                each for each in known_switches(switches, partitions) if each.system == system
            ),
            partitions=tuple(mapped(known, each) for each in partitions if each.system == system),
            unseen=unseen,
        )

    def networks(self, system: str = "") -> NetworksView:
        """All virtual switches, or one system's, and where else they are. Raises `NotFound`."""
        if system:
            _ = self._estate.host(system)
        known, switches, unseen = self._storage.look_at_all()
        found = known_switches(switches, known.partitions())
        return NetworksView(tuple(s for s in found if system in ("", s.system)), unseen)
