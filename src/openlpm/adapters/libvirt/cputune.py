"""A partition's entitlement as `<cputune>`: the kernel's shares and quota.

    sharing     shares               quota (of each virtual processor)
    dedicated   100 for each unit    none
    capped      100 for each unit    units / processors of a period
    uncapped    100 for each unit    none; weight 0 is as capped

*Shares* count among the partitions of a server where processors are short: 0.5 units get half of
what 1.0 get, and as promised units never exceed the processors, each gets its entitlement at least.
100 for each is what cgroup v2 gives a group that says nothing, and fits both versions' range.
A *quota* ends what a virtual processor may use in a period, idle or not. The emulator's own threads
(disks, network, a move's memory) have none: that is the server's work, as a VIOS's is.

Why weights are not in the shares: docs/design/0014-profiles.md.
"""

from lxml import etree

from openlpm.adapters.libvirt.xml import Element, child, number, take_out, text
from openlpm.model.assignment import Assignment
from openlpm.model.profile import Sharing

SHARES_A_UNIT = 100
LEAST_SHARES, MOST_SHARES = 2, 10_000
"""What cgroup v1 and v2 both take."""
PERIOD_US = 20_000
"""The shortest in which 0.05 units are no less than the kernel's shortest quota, 1 ms."""
_OURS = ("shares", "period", "quota")


def put(domain: Element, wanted: Assignment) -> None:
    """Into a definition; pinning and limits of the emulator that it has stay."""
    remove(domain)
    tune = child(domain, "cputune")
    for tag, value in reversed(figures(wanted)):
        leaf = etree.Element(tag)
        leaf.text = str(value)
        tune.insert(0, leaf)


def remove(domain: Element) -> bool:
    """Take them out; whether there were any."""
    found = [leaf for tag in _OURS for leaf in domain.findall(f"cputune/{tag}")]
    take_out(found)
    return bool(found)


def is_tuned(domain: Element) -> bool:
    """Whether libvirt needs the cpu controller for this definition."""
    tags = (str(leaf.tag) for leaf in domain.iterfind("cputune/*"))
    return any(tag.endswith(_OURS) for tag in tags)  # also emulator_quota, global_period, …


def read(domain: Element) -> tuple[int | None, bool]:
    """The shares that a definition gives, None for none; whether it has a quota."""
    told = text(domain, "cputune/shares")
    quota = text(domain, "cputune/quota")
    shares = number(told, "number of shares", most=2**32) if told else None
    return shares, bool(quota) and not quota.startswith("-")


def shares(units: float) -> int:
    """Of so many processing units."""
    return min(max(round(units * SHARES_A_UNIT), LEAST_SHARES), MOST_SHARES)


def quota_us(units: float, processors: int) -> int:
    """Of each virtual processor, in a period."""
    return round(units / processors * PERIOD_US)


def figures(wanted: Assignment) -> list[tuple[str, int]]:
    """The elements and their values."""
    told = [("shares", shares(wanted.units))]
    capped = wanted.sharing is Sharing.CAPPED or (
        wanted.sharing is Sharing.UNCAPPED and wanted.weight == 0
    )
    if capped:
        told.append(("period", PERIOD_US))
        told.append(("quota", quota_us(wanted.units, wanted.processors)))
    return told
