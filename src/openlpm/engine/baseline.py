"""Use case: the processor baseline of some systems. It looks at servers, and changes nothing.

offers of all      what QEMU gives at most on each system, under a hypervisor that all have
the baseline       libvirt computes it on one of them, and each must be able to give it
partitions of all  each processor that one of them has is compared on each system, once
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from openlpm.decide.baseline import Chosen, as_guest, no_baseline, require_x86, shared
from openlpm.decide.fit import Question, Verdicts, asked, judged, once
from openlpm.engine.estate import Estate
from openlpm.model.baseline import Baseline
from openlpm.model.errors import BadRequest, HypervisorRefused
from openlpm.model.processor import GuestCpu, NamedCpu
from openlpm.ports import Host

T = TypeVar("T")
AT_ONCE = 16
"""Systems that are asked at the same time."""


class Baselines:
    """Asks the systems, all at once; `decide` judges what they say."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def compute(self, systems: Sequence[str]) -> Baseline:
        """The baseline of these systems, each counted once, and their partitions against it.

        Raises `NotFound`, `ServerUnreachable`, `BadRequest` for none or other architectures,
        `Conflict` where they have nothing in common.
        """
        names = list(dict.fromkeys(systems))
        if not names:
            raise BadRequest(
                "no-system-given",
                "A baseline is that of at least one system, and none is given.",
                remedy="Name the systems: lpm system baseline server1 server2.",
            )
        watches = [self._estate.watch(name) for name in names]
        hosts = {watch.system.name: watch.host for watch in watches}
        require_x86(_of_each(hosts, lambda host: host.facts()))
        offers = _of_each(hosts, lambda host: host.offered_cpus())
        chosen = Chosen(tuple(watch.system for watch in watches), shared(offers))
        cpu = _common(hosts, chosen)
        listed = _of_each(hosts, lambda host: host.partition_cpus()).values()
        found = once(each for partitions in listed for each in partitions)
        verdicts = _compared(hosts, {q for each in found for q in asked(each, chosen)})
        fits = tuple(judged(each, chosen, verdicts) for each in found)
        return Baseline(chosen.names, chosen.hypervisor, cpu, chosen.models, fits)


def _common(hosts: dict[str, Host], chosen: Chosen) -> NamedCpu:
    """libvirt's baseline, from the first system whose answer each of them can give.

    The models that libvirt knows grow with its version: an older one fails on a newer one's, and
    a newer one may choose a model that an older one lacks. So each is asked before giving up.
    """
    offered = [chosen.offers[name].cpu for name in chosen.names]
    causes: list[str] = []
    for name, host in hosts.items():
        try:
            cpu = host.baseline_cpu(chosen.hypervisor, offered)
        except HypervisorRefused as error:
            causes.append(f"{name}: {error.cause or error.message}")
            continue
        guest = as_guest(cpu, chosen.hypervisor)
        verdicts = _compared(hosts, {(other, guest) for other in hosts})
        lacking = [f"{n}: {v.missing}" for (n, _), v in verdicts.items() if not v.compatible]
        if not lacking:
            return cpu
        causes += sorted(lacking)
    raise no_baseline(chosen, list(dict.fromkeys(causes)))


def _compared(hosts: dict[str, Host], questions: Iterable[Question]) -> Verdicts:
    """Each system's answers, one after the other; the systems side by side."""
    mine: dict[Host, list[GuestCpu]] = {host: [] for host in hosts.values()}
    for name, cpu in questions:
        mine[hosts[name]].append(cpu)
    answers = _of_each(hosts, lambda host: [(cpu, host.compare_cpu(cpu)) for cpu in mine[host]])
    return {(name, cpu): verdict for name, told in answers.items() for cpu, verdict in told}


def _of_each(hosts: dict[str, Host], question: Callable[[Host], T]) -> dict[str, T]:
    """What each says, all asked at once. Raises what the first of them raised."""
    with ThreadPoolExecutor(AT_ONCE, "baseline") as pool:
        return dict(zip(hosts, pool.map(question, hosts.values()), strict=True))
