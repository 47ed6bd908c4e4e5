"""Use cases on profiles. They are kept in the partition's own metadata, and take effect when it is
activated; a running partition is not changed by them.
"""

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import replace

from openlpm.decide.implied import at_present, implied
from openlpm.engine.estate import Estate
from openlpm.engine.states import must_be_ours
from openlpm.engine.views import ProfilesView, profiles_view
from openlpm.model.names import checked_name
from openlpm.model.partition import Partition
from openlpm.model.profile import Profiles
from openlpm.model.profile_document import changed, read_profiles


class ProfileUses:
    """Raises as `Console` says. `idle` finds a partition that does not move."""

    def __init__(self, estate: Estate, idle: Callable[[str], Partition]) -> None:
        self._estate = estate
        self._idle = idle

    def show(self, name: str) -> ProfilesView:
        """All of one partition's."""
        partition = self._estate.partition_now(name)
        return profiles_view(partition, self._kept(partition))

    def create(self, name: str, profile: str, change: object) -> ProfilesView:
        """A new one: what the partition is now, but for what `change` says."""
        checked_name("profile", profile)

        def make(partition: Partition, kept: Profiles) -> Profiles:
            present = at_present(kept.named(), self._implied(partition).named())
            return kept.with_new(changed(replace(present, name=profile), change))

        return self._rewrite(name, make)

    def copy(self, name: str, profile: str, to: str, change: object) -> ProfilesView:
        """A new one like another one, but for what `change` says."""
        checked_name("profile", to)

        def make(_: Partition, kept: Profiles) -> Profiles:
            return kept.with_new(changed(replace(kept.named(profile), name=to), change))

        return self._rewrite(name, make)

    def change(
        self,
        name: str,
        profile: str,
        change: object,
        *,
        require: Collection[str],
        desire: Collection[str],
        current: bool,
    ) -> ProfilesView:
        """Change what `change` says, and which adapters are required or desired.

        `current`: the partition is activated with it from now on.
        """

        def make(_: Partition, kept: Profiles) -> Profiles:
            after = changed(kept.named(profile), change).needing(require, desire)
            after = kept.with_changed(after)
            return after.with_current(profile) if current else after

        return self._rewrite(name, make)

    def delete(self, name: str, profile: str) -> ProfilesView:
        """One less; the current one stays."""
        return self._rewrite(name, lambda _, kept: kept.without(profile))

    def replace_all(self, name: str, document: object) -> ProfilesView:
        """Those of a document in place of all that there are, damaged ones too."""
        profiles = read_profiles(document)
        with self._claimed(name) as partition:
            return self._write(partition, profiles)

    def _rewrite(self, name: str, make: Callable[[Partition, Profiles], Profiles]) -> ProfilesView:
        with self._claimed(name) as partition:
            return self._write(partition, make(partition, self._kept(partition)))

    @contextmanager
    def _claimed(self, name: str) -> Generator[Partition]:
        """One of ours that does not move, and that nobody else changes meanwhile."""
        found = self._estate.partition(name)
        with self._estate.claims.partition(found.uuid, found.name, "being given profiles"):
            partition = self._idle(found.uuid)
            must_be_ours(partition)
            yield partition

    def _write(self, partition: Partition, profiles: Profiles) -> ProfilesView:
        self._estate.host(partition.system).write_profiles(partition.uuid, profiles)
        return profiles_view(partition, profiles)

    def _kept(self, partition: Partition) -> Profiles:
        kept = self._estate.host(partition.system).profiles(partition.uuid)
        return self._implied(partition) if kept is None else kept

    def _implied(self, partition: Partition) -> Profiles:
        return implied(partition, self._estate.host(partition.system).describe(partition.uuid))
