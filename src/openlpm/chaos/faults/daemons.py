"""What happens to libvirt's daemons and to QEMUs."""

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.faults.fault import (
    AND_POSTCOPY,
    WITH_TARGET,
    Act,
    Fault,
    hold,
    sides,
    until_unreachable,
)
from openlpm.chaos.judge import Death
from openlpm.chaos.moments import AROUND_SWITCH, Moment
from openlpm.chaos.scene import Scene

_DAEMONS_BYTES = 1 << 30
# libvirtd took QEMU's late answer to a killed one for its own, and gave QEMU up.
_GIVEN_UP = Death("shut off (daemon)")
# libvirtd lost its peer, and cancelled what it had just let QEMU finish. QEMU 7.2 may then resume
# with disks that it has given away already, and trip over them.
_TRIPPED = Death("shut off (crashed)", "Assertion `!(bs->open_flags & BDRV_O_INACTIVE)' failed")

# libvirt's daemons


def _kill_libvirtd(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            scene.lab.kill_libvirtd(server)

    return strike


def _start_libvirtd(side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            scene.lab.start_libvirtd(server)

    return heal


def _freeze_libvirtd(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            os.kill(scene.libvirtd(server), signal.SIGSTOP)
        until_unreachable(scene, attempt, side)

    return strike


def _thaw_libvirtd(side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            os.kill(scene.libvirtd(server), signal.SIGCONT)

    return heal


# QEMUs


def _kill_qemu(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        killed = sum(scene.signal_qemu(s, signal.SIGKILL) for s in sides(attempt, side))
        attempt.notes.append(f"{killed} QEMU killed")

    return strike


def _freeze_target_qemu(scene: Scene, attempt: Attempt) -> None:
    stopped = scene.signal_qemu(attempt.target, signal.SIGSTOP)
    attempt.notes.append(f"{stopped} QEMU frozen")
    hold()


def _thaw_target_qemu(scene: Scene, attempt: Attempt) -> None:
    scene.signal_qemu(attempt.target, signal.SIGCONT)


def _starve_target(scene: Scene, attempt: Attempt) -> None:
    """The target's QEMU gets no more memory than it has; one that starts now, next to none."""
    for pid in scene.qemus(attempt.target):
        _limit(pid, int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize())
    # libvirtd itself has what it needs; what it starts inherits the limit.
    _limit(scene.libvirtd(attempt.target), _DAEMONS_BYTES)
    hold()


def _feed_target(scene: Scene, attempt: Attempt) -> None:
    for pid in (scene.libvirtd(attempt.target), *scene.qemus(attempt.target)):
        _limit(pid, resource.RLIM_INFINITY)


def _limit(pid: int, size: int) -> None:
    """The soft limit only: not everybody may raise a hard one again."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (size, hard))


ROWS = (
    Fault(
        "source-libvirtd-killed",
        "kill -9 of the source's libvirtd",
        _kill_libvirtd("source"),
        _start_libvirtd("source"),
        where=AND_POSTCOPY,
    ),
    Fault(
        "target-libvirtd-killed",
        "kill -9 of the target's libvirtd",
        _kill_libvirtd("target"),
        _start_libvirtd("target"),
        deaths=dict.fromkeys(AROUND_SWITCH, _GIVEN_UP) | {Moment.SWITCH_OVER: _TRIPPED},
        where=AND_POSTCOPY,
    ),
    Fault(
        "source-libvirtd-frozen",
        "the source's libvirtd is stopped and goes on",
        _freeze_libvirtd("source"),
        _thaw_libvirtd("source"),
        deaths=dict.fromkeys((Moment.SEND, Moment.SWITCH_OVER, Moment.STOP), _TRIPPED),
    ),
    Fault(
        "target-libvirtd-frozen",
        "the target's libvirtd is stopped and goes on",
        _freeze_libvirtd("target"),
        _thaw_libvirtd("target"),
    ),
    Fault(
        "source-qemu-killed",
        "kill -9 of the source's QEMU",
        _kill_qemu("source"),
        may_kill=True,
        where=AND_POSTCOPY,
    ),
    Fault(
        "target-qemu-killed",
        "kill -9 of the target's QEMU",
        _kill_qemu("target"),
        may_kill=True,
        where=WITH_TARGET | {*AROUND_SWITCH},
    ),
    Fault(
        "target-qemu-frozen",
        "the target's QEMU is stopped and goes on",
        _freeze_target_qemu,
        _thaw_target_qemu,
        where=WITH_TARGET,
    ),
    Fault(
        "target-out-of-memory",
        "the target's QEMU is given no more memory",
        _starve_target,
        _feed_target,
        may_kill=True,
    ),
)
