"""Which pools are the same storage, and which partitions use a volume.

known = Known(everything)          # what each managed system says
known.pools()                      # each pool, and where else it is the same
known.users(system, pool, volume)  # who uses a volume, on whichever system
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from openlpm.decide.places import Identity, files, identity, of_backing, of_volume, vague
from openlpm.model.hardware import DiskKind
from openlpm.model.storage import (
    Backing,
    KnownPool,
    PartitionIo,
    Pool,
    PoolPlace,
    SystemStorage,
    Use,
    Volume,
)

_HOW = ("runs", "defined", "profile")


class Known:
    """What all systems say, put together once and asked often."""

    def __init__(self, systems: Iterable[SystemStorage]) -> None:
        self._systems = {each.system: each for each in systems}
        self._identities = {
            (each.system, pool.name): identity(pool, each.pools)
            for each in self._systems.values()
            for pool in each.pools
        }
        self._uses: dict[str, list[Use]] = defaultdict(list)
        self._vague_uses: dict[str, list[Use]] = defaultdict(list)
        for each in self._systems.values():
            pools = self.pools_with_identity(each.system)
            for partition in each.partitions:
                for backing in partition.backings:
                    self._note(partition, backing, of_backing(each.system, backing, pools))

    def _note(self, partition: PartitionIo, backing: Backing, places: frozenset[str]) -> None:
        use = Use(
            partition.partition,
            partition.uuid,
            partition.system,
            partition.state,
            backing.disk,
            backing.how,
            backing.behind,
        )
        for place in places:
            self._uses[place].append(use)
        # A file on the network is what its pool says, one in no such pool may be anything.
        for place in vague(places) or files(places):
            self._vague_uses[place].append(replace(use, certain=False))

    def pools_with_identity(self, system: str) -> list[tuple[Pool, Identity]]:
        """The pools of a system."""
        return [(p, self.identity(system, p)) for p in self._systems[system].pools]

    def partitions(self) -> list[PartitionIo]:
        """The partitions of all systems."""
        return [each for told in self._systems.values() for each in told.partitions]

    def identity(self, system: str, pool: Pool) -> Identity:
        """What a pool is."""
        return self._identities[system, pool.name]

    def pools(self) -> list[KnownPool]:
        """All pools, by system and name."""
        return [
            KnownPool(name, pool, known.shared, known.reason, self._same(name, known))
            for name in sorted(self._systems)
            for pool, known in sorted(self.pools_with_identity(name), key=lambda each: each[0].name)
        ]

    def brief(self) -> list[KnownPool]:
        """The same to be shown."""
        return [brief(each) for each in self.pools()]

    def _same(self, system: str, known: Identity) -> tuple[PoolPlace, ...]:
        return tuple(
            sorted(
                (
                    PoolPlace(other, name)
                    for (other, name), told in self._identities.items()
                    if other != system and told.places & known.places
                ),
                key=lambda place: (place.system, place.pool),
            )
        )

    def systems(self) -> list[str]:
        """Those that said what they have."""
        return sorted(self._systems)

    def places(self, system: str, pool: Pool, volume: Volume) -> frozenset[str]:
        """Every place of a volume."""
        return of_volume(system, pool, volume, self.identity(system, pool))

    def users(self, system: str, pool: Pool, volume: Volume) -> tuple[Use, ...]:
        """Who uses a volume, surely or perhaps; each disk once."""
        return self.users_of(self.places(system, pool, volume))

    def users_of(self, places: frozenset[str]) -> tuple[Use, ...]:
        """The same of whatever is at these places."""
        found = [use for place in places for use in self._uses.get(place, ())]
        found += [
            use
            for place in vague(places) | files(places)
            for use in self._vague_uses.get(place, ())
        ]
        found.sort(key=lambda use: (not use.certain, _HOW.index(use.how)))
        first: dict[tuple[str, str, bool], Use] = {}
        for use in found:
            first.setdefault((use.uuid, use.system, use.behind), use)
        return tuple(sorted(first.values(), key=lambda u: (u.partition, u.system, u.disk)))

    def lies_over(
        self, places: frozenset[str], system: str, others: Sequence[tuple[Pool, Volume]]
    ) -> list[str]:
        """The volumes, as pool/volume, that may have been made over what is at `places`."""
        pools = self.pools_with_identity(system)
        wanted = _or_perhaps(places)
        return [
            f"{pool.name}/{volume.name}"
            for pool, volume in others
            if volume.backing and wanted & _or_perhaps(of_backing(system, _lower(volume), pools))
        ]


def _or_perhaps(places: frozenset[str]) -> frozenset[str]:
    """And what may be the same, by a host that is spelled in another way or a mount of its own."""
    return places | vague(places) | files(places)


def brief(known: KnownPool) -> KnownPool:
    """Without the keys, of which there may be thousands."""
    return replace(known, pool=replace(known.pool, keys=()))


def _lower(volume: Volume) -> Backing:
    return Backing("", DiskKind.FILE, volume.backing, "defined", behind=True)
