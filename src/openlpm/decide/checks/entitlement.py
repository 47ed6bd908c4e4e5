"""Would the partition's entitlement and cap be kept at the target?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding, Severity

LET_DIVIDE = (
    "Let its libvirtd use the kernel's cpu controller (cgroup_controllers in "
    "/etc/libvirt/qemu.conf, docs/profiles.md)."
)
_LOOKED_AT = "a throwaway QEMU at the target that has CPU shares"


def target_divides_time(e: Examination) -> Iterator[Finding]:
    """libvirt refuses shares without the cpu controller, or takes them and does nothing."""
    if e.time is None:
        return
    if e.time.refusal and e.is_live:
        yield Finding(
            "cpu-controller-missing",
            Severity.ERROR,
            e.target.name,
            _LOOKED_AT,
            f"libvirt on {e.target.name} takes no partition with an entitlement: {e.time.refusal}",
            LET_DIVIDE,
        )
    elif why := e.time.refusal or e.time.trouble:
        yield Finding(
            "time-not-divided",
            Severity.WARNING,
            e.target.name,
            _LOOKED_AT,
            f"Entitlement and cap are not kept on {e.target.name}, as far as can be told: {why}",
            LET_DIVIDE,
        )


def runs_without_entitlement(e: Examination) -> Iterator[Finding]:
    """A server that divides no time took its shares away: a move cannot give them back."""
    if e.is_live and e.hardware and e.hardware.profiled and not e.hardware.entitled:
        yield Finding(
            "time-not-divided",
            Severity.WARNING,
            e.source.name,
            "shares and quota in the partition's definition",
            f"It runs on {e.source.name} without those of its profile, and so it will on "
            f"{e.target.name}: entitlement and cap are not kept until its next activation.",
            "Power it off and activate it on a server that divides processor time.",
        )
