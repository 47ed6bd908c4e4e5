"""The checks of validation, by what they look at. Each is a generator of findings.

A check yields nothing when all is well. Its finding codes are stable and listed with their
remedies in docs/validation.md (a style test compares).
"""

from collections.abc import Callable, Iterator

from openlpm.decide.checks import (
    capacity,
    encryption,
    entitlement,
    network,
    platform,
    postcopy,
    reach,
    state,
    storage,
    ties,
)
from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding

Check = Callable[[Examination], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    reach.systems_differ,
    reach.source_answers,
    reach.target_answers,
    reach.questions_were_answered,
    reach.daemons_reach_each_other,
    reach.source_hypervisor_agrees,
    encryption.certificates_are_trusted,
    encryption.memory_can_be_encrypted,
    encryption.nothing_goes_in_the_clear,
    state.state_allows_a_move,
    state.has_run_since_it_arrived,
    state.partition_is_ours,
    state.no_other_job,
    state.movers_have_room,
    state.agent_answers,
    platform.hypervisor_fits,
    platform.memory_is_sent_whole,
    platform.machine_type_known,
    platform.processor_fits,
    postcopy.target_can_postcopy,
    capacity.room_is_free,
    entitlement.target_divides_time,
    entitlement.runs_without_entitlement,
    capacity.huge_pages_are_free,
    capacity.identity_is_free,
    storage.disks_are_shared,
    storage.pools_are_the_same,
    storage.caches_are_safe,
    storage.disks_open_at_target,
    storage.lease_follows,
    network.switches_exist,
    network.vlans_agree,
    network.mtu_is_enough,
    ties.no_physical_adapters,
    ties.no_host_local_media,
    ties.no_snapshots_or_block_jobs,
)
