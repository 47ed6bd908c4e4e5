"""Use cases on managed systems: add, show, remove."""

from dataclasses import replace

from openlpm.decide.reserve import free
from openlpm.engine.estate import Estate
from openlpm.engine.views import SystemView
from openlpm.engine.watch import Watch
from openlpm.model.encryption import is_plain
from openlpm.model.errors import BadRequest, Conflict, OpenLpmError
from openlpm.model.names import checked_address, checked_name, checked_range, checked_uri
from openlpm.model.system import System, configurable
from openlpm.ports import Journal

CONNECT_S = 8.0
"""How long `add` waits for the first connection."""


class Systems:
    """The systems' own use cases."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal

    def all(self) -> list[SystemView]:
        """All managed systems, by name."""
        return [self._view(watch) for watch in self._estate.watches()]

    def show(self, name: str) -> SystemView:
        """One managed system. Raises `NotFound`."""
        return self._view(self._estate.watch(name))

    def add(self, system: System) -> SystemView:
        """Manage a server. Raises `BadRequest` and `AlreadyExists`, and `ServerUnreachable` or
        `Conflict` when it does not answer or is another one's host: then it is not kept.
        """
        _refuse_plain(checked_system(system))
        watch = self._estate.add(system)
        watch.settle(CONNECT_S)
        try:
            _ = watch.host
            self._refuse_the_same_host_twice(watch)
        except OpenLpmError:
            self._estate.remove(system.name)
            raise
        return self._view(watch)

    def _refuse_the_same_host_twice(self, added: Watch) -> None:
        for other in self._estate.watches():
            if other is added or not (other.facts and added.facts):
                continue
            if other.facts.host_uuid == added.facts.host_uuid:
                raise Conflict(
                    "host-uuid-taken",
                    f"{added.system.name!r} and {other.system.name!r} are the same host.",
                    cause=f"Both have host UUID {other.facts.host_uuid}.",
                    remedy="If they are two, give one its own host_uuid in libvirtd.conf.",
                )

    def change_mover(
        self,
        name: str,
        *,
        address: str | None = None,
        bandwidth_mib_s: int | None = None,
        concurrent: int | None = None,
    ) -> None:
        """Change what is given of a system's mover, for the moves that begin from now on.

        Raises `Conflict` for another address while a move uses the present one: what comes after
        it, such as its recovery, must find the same way.
        """
        given = {
            "address": address,
            "bandwidth_mib_s": bandwidth_mib_s,
            "concurrent": concurrent,
        }
        changes = {what: value for what, value in given.items() if value is not None}
        _ = self._estate.watch(name)
        if not changes:
            raise BadRequest(
                "nothing-given",
                f"Nothing is given that could be changed of {name}.",
                remedy="Give an address, a bandwidth or a number of moves.",
            )

        def described(system: System) -> System:
            return checked_system(replace(system, mover=replace(system.mover, **changes)))

        def allowed(before: System, after: System) -> None:
            if after.mover.address != before.mover.address:
                self._refuse_in_use(name)

        self._estate.change(name, described, allowed)

    def remove(self, name: str) -> None:
        """Forget a server. Raises `Conflict` while it takes part in a move."""
        self._estate.watch(name)
        self._refuse_in_use(name)
        self._estate.remove(name)

    def _refuse_in_use(self, name: str) -> None:
        for record in self._journal.unfinished():
            if name in (record.source, record.target):
                raise Conflict(
                    "system-in-use",
                    f"{name} takes part in migration {record.id} of {record.partition!r}.",
                    remedy=f"Wait for it: lpm migration watch {record.id}.",
                )

    def _view(self, watch: Watch) -> SystemView:
        partitions, facts = watch.partitions, watch.facts
        total = configurable(watch.system, facts) if facts else None
        reservations = self._journal.reservations(watch.system.name)
        return SystemView(
            system=watch.system,
            link=watch.link,
            since=watch.since,
            trouble=watch.trouble,
            remedy=watch.remedy,
            facts=facts,
            total=total,
            free=free(total, partitions, reservations) if total else None,
            partitions=len(partitions),
        )


def _refuse_plain(system: System) -> None:
    for what, uri in (("connection URI", system.uri), ("peer URI", system.peer_uri)):
        if is_plain(uri) and not system.insecure:
            raise BadRequest(
                "unencrypted-uri",
                f"{system.name}'s {what} {uri} is not encrypted, or does not say who answers.",
                cause="Whoever stands on the way could listen, and command the server.",
                remedy="Give a qemu+tls or qemu+ssh URI (docs/servers.md), or allow it by "
                "--insecure.",
            )


def checked_system(system: System) -> System:
    """Everything of it comes from outside, in a backup too. Raises `BadRequest`."""
    checked_name("managed system", system.name)
    checked_uri(system.uri)
    checked_uri(system.peer_uri)
    if system.chassis:
        checked_name("chassis", system.chassis)
    if system.mover.address:
        checked_address("mover's address", system.mover.address)
    checked_range("The mover's bandwidth in MiB/s", system.mover.bandwidth_mib_s, 0, 1_000_000)
    checked_range("The number of moves at once", system.mover.concurrent, 1, 64)
    if system.processors is not None:
        checked_range("Configurable processors", system.processors, 0.05, 65536)
    if system.memory_mib is not None:
        checked_range("Configurable memory in MiB", system.memory_mib, 16, 2**32)
    return system
