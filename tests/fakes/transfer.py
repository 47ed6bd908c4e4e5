"""One peer-to-peer transfer between two servers, stage by stage. No console takes part in it.

    stage     source                    target
    PREPARE   runs                      absent
    SEND      runs                      paused (migration): the shell
    PAUSE     paused (migration)        the shell
    FINISH    paused (migration)        the shell
    CONFIRM   paused (migration)        runs
    OVER      off (migrated)            runs

A failure before CONFIRM takes the shell down (libvirt lists it a second longer) and lets the
source run on. One in CONFIRM is the ugly one: the target runs, the source stays paused.

Switched to post-copy in SEND, it goes another way (measured on libvirt 9.0 with QEMU 7.2):

    SWITCH    paused (post-copy)        the shell
    FETCH     paused (post-copy)        runs (post-copy)
    CONFIRM   paused (post-copy)        runs
    OVER      off (migrated)            runs
    BROKEN    paused (failed)           runs (failed): waits, until somebody resumes the fetching
    BROKEN    paused (failed)           absent (it broke in SWITCH) or off: for good

Disks that are copied come first in SEND, at the link's rate less what the guest writes.

In BROKEN the call has come back, refused; the job stays as long as the source's QEMU lives, and
still tells its figures.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.fault import Fault, Stage
from fakes.guest import Domain
from fakes.sending import MIB, Sending
from openlpm.model.errors import HypervisorRefused
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.migration import Progress
from openlpm.model.sight import Place, Sight, Why
from openlpm.ports import Transfer

if TYPE_CHECKING:
    from fakes.server import FakeServer

LINGERS_S = 1.0


class FakeTransfer:
    """A transfer under way. `refusal` is None until it is over, then why it failed, or ''."""

    def __init__(
        self,
        source: "FakeServer",
        target: "FakeServer",
        domain: Domain,
        request: Transfer,
        fault: Fault | None,
    ) -> None:
        self.source, self.target = source, target
        self.domain, self.request = domain, request
        self.stage = Stage.PREPARE
        self.refusal: str | None = None
        self.aborted = False
        self.copies = request.copies
        self.disk_total = self.disk_left = float(sum(c.capacity_bytes for c in self.copies))
        self.disk_s = 0.0
        self.disk_write_s = domain.guest.writes_mib_s * MIB
        self._fault = fault
        self._fault_left = fault.after_s if fault else 0.0
        self._left_s = source.world.pace.prepare_s
        link = source.world.link_mib_s
        rate = min(link, request.bandwidth_mib_s or link)
        paused = domain.place.state is Sight.PAUSED
        self.sending = Sending(
            total=domain.guest.hardware.memory_mib * MIB,
            dirty_s=0.0 if paused else domain.guest.dirty_mib_s * MIB,
            rate_s=rate * MIB,
            pause_ms=request.pause_ms,
            throttled=request.throttled,
        )

    @property
    def over(self) -> bool:
        return self.stage is Stage.OVER

    @property
    def answered(self) -> bool:
        """The call that began it has come back."""
        return self.over or self.stage is Stage.BROKEN

    @property
    def in_postcopy(self) -> bool:
        return self.stage in (Stage.SWITCH, Stage.FETCH, Stage.BROKEN)

    @property
    def shell(self) -> Domain | None:
        """The guest's domain at the target."""
        return self.target.domains.get(self.domain.guest.uuid)

    def progress(self) -> Progress:
        told = self.sending.progress()
        if not self.copies:
            return told
        copies = self.disk_left > 0
        memory = 0 if copies else told.total_bytes
        return replace(
            told,
            iteration=0 if copies else told.iteration,
            total_bytes=memory + int(self.disk_total),
            remaining_bytes=(0 if copies else told.remaining_bytes) + int(self.disk_left),
            disk_total_bytes=int(self.disk_total),
            disk_remaining_bytes=int(self.disk_left),
            elapsed_ms=told.elapsed_ms + int(1000 * self.disk_s),
        )

    def _copy(self, seconds: float) -> float:
        """Copy disks for so long; what is left of it once they have caught up."""
        speed = self.sending.rate_s - self.disk_write_s
        step = seconds if speed <= 0 else min(seconds, self.disk_left / speed)
        self.disk_left = max(0.0, self.disk_left - step * speed) if speed > 0 else self.disk_left
        self.disk_s += step
        return seconds - step

    def advance(self, seconds: float) -> None:
        """Go on for so long, unless one end is frozen or the network between them is cut."""
        ends = (self.source, self.target)
        is_cut = any(end.network_cut for end in ends)
        if is_cut and self.stage in (Stage.SWITCH, Stage.FETCH):
            self._break("operation failed: job 'migration out' failed in post-copy phase")
        if is_cut or any(end.frozen for end in ends) or self.stage is Stage.BROKEN:
            return
        while seconds > 1e-9 and not self.answered:
            seconds = self._advance_stage(seconds)

    def _advance_stage(self, seconds: float) -> float:
        fault = self._fault if self._fault and self._fault.stage is self.stage else None
        slice_s = min(seconds, self._fault_left) if fault else seconds
        used = slice_s - self._spend(slice_s)
        if fault:
            self._fault_left -= used
            if self._fault_left <= 1e-9 and fault.stage is self.stage:
                self.fail(fault.message, source_stays_paused=fault.source_stays_paused)
        return seconds - used

    def _spend(self, seconds: float) -> float:
        """Spend time on this stage; returns what is left once it has ended."""
        if self.stage is Stage.SEND and self.disk_left > 0:
            return self._copy(seconds)
        if self.stage in (Stage.SEND, Stage.FETCH):
            left = self.sending.advance(seconds)
            if self.sending.converged:
                self._next()
            return left
        step = min(seconds, self._left_s)
        self._left_s -= step
        if self._left_s <= 1e-9:
            self._next()
        return seconds - step

    def _next(self) -> None:
        pace = self.source.world.pace
        match self.stage:
            case Stage.PREPARE:
                self._make_shell()
            case Stage.SEND:
                if self.domain.runs:
                    self.source.put(self.domain, Place(Sight.PAUSED, Why.MIGRATION))
                self.stage, self._left_s = Stage.PAUSE, self.sending.pause_s
            case Stage.SWITCH:
                self._fetch()
            case Stage.FETCH:
                self._fetched()
            case Stage.PAUSE:
                self.stage, self._left_s = Stage.FINISH, pace.finish_s
            case Stage.FINISH:
                self._arrive()
            case _:
                self._over()
                self.source.put(self.domain, Place(Sight.OFF, Why.MIGRATED))

    def _make_shell(self) -> None:
        if self.target.refuses_guests or self.shell is not None:
            self.fail(self.target.refuses_guests or "operation failed: domain exists already")
            return
        if missing := [
            c.to_path for c in self.copies if not self.target.file(c.to_pool, c.to_volume)
        ]:
            self.fail(f"operation failed: cannot open {missing[0]}")
            return
        place = Place(Sight.PAUSED, Why.MIGRATION)
        shell = Domain(self.domain.guest, place, self.request.mark, persistent=False)
        shell.profiles = self.domain.profiles
        self.target.add(shell)
        self.stage = Stage.SEND

    def _arrive(self) -> None:
        """Finish: the shell becomes the partition, if its lease lets it run."""
        shell, guest = self.shell, self.domain.guest
        stays_paused = self.request.suspended or self.domain.place.why is Why.USER
        if shell is None or not (stays_paused or self.target.may_run(guest)):
            self.fail("operation failed: the guest could not be started at the target")
            return
        pause_s = self.sending.pause_s + self.source.world.pace.finish_s
        shell.completed = self.domain.completed = self._figures(pause_s)
        shell.persistent = True
        self.stage, self._left_s = Stage.CONFIRM, self.source.world.pace.confirm_s
        guest.hardware = replace(
            guest.hardware, disks=tuple(map(self._moved, guest.hardware.disks))
        )
        arrived = Place(Sight.PAUSED, Why.USER) if stays_paused else Place(Sight.RUNNING)
        self.target.put(shell, arrived)

    def _moved(self, disk: VirtualDisk) -> VirtualDisk:
        for copy in self.copies:
            if copy.disk == disk.target:
                is_file = disk.kind is DiskKind.FILE
                there = copy.to_path if is_file else f"{copy.to_pool}/{copy.to_volume}"
                return replace(disk, source=there)
        return disk

    def _figures(self, pause_s: float) -> Progress:
        pause_ms = max(1, round(1000 * pause_s))
        return replace(self.progress(), remaining_bytes=0, pause_ms=pause_ms)

    # --- post-copy ----------------------------------------------------------------------------

    def switch(self) -> None:
        """Let the target run it. Repeated, or in the last pages, it changes nothing."""
        if not self.request.postcopy:
            raise HypervisorRefused("hypervisor-refused", "post-copy was not asked for (code 55)")
        if self.stage is Stage.PREPARE:
            raise HypervisorRefused("hypervisor-refused", "Enable postcopy first (code 1)")
        if self.stage is Stage.SEND:
            self.stage, self._left_s = Stage.SWITCH, self.source.world.pace.switch_s
            self.source.put(self.domain, Place(Sight.PAUSED, Why.POSTCOPY))

    def _fetch(self) -> None:
        """The target takes the lease, and runs it."""
        shell = self.shell
        if shell is None or not self.target.may_run(self.domain.guest):
            self._break("operation failed: the guest could not be started at the target")
            return
        world = self.source.world
        self.sending.begin_fetching((world.fetch_mib_s or world.link_mib_s) * MIB)
        self.stage = Stage.FETCH
        shell.persistent = True
        self.target.put(shell, Place(Sight.RUNNING, Why.POSTCOPY))

    def _fetched(self) -> None:
        """The target has all of it. Only the source tells figures of such a transfer."""
        self.domain.completed = self._figures(self.source.world.pace.switch_s)
        self.stage, self._left_s = Stage.CONFIRM, self.source.world.pace.confirm_s
        if self.shell is not None:
            self.target.put(self.shell, Place(Sight.RUNNING))

    def _break(self, message: str) -> None:
        """Both wait, and keep what they have; a target that does not run yet is gone."""
        in_switch = self.stage is Stage.SWITCH
        self.stage, self.refusal = Stage.BROKEN, message
        self._put_if_other(self.source, self.domain, Place(Sight.PAUSED, Why.POSTCOPY_FAILED))
        if in_switch:
            self.target.remove(self.domain.guest.uuid)
        elif self.shell is not None and self.shell.runs:
            self._put_if_other(self.target, self.shell, Place(Sight.RUNNING, Why.POSTCOPY_FAILED))

    def _put_if_other(self, server: "FakeServer", domain: Domain, place: Place) -> None:
        if domain.place != place:
            server.put(domain, place)

    def resume(self, fault: Fault | None) -> None:
        """Go on where the connection broke."""
        shell = self.shell
        if self.stage is not Stage.BROKEN or shell is None or not shell.runs:
            raise HypervisorRefused(
                "transfer-failed", "there is no failed post-copy migration that could be resumed"
            )
        self._fault, self._fault_left = fault, fault.after_s if fault else 0.0
        self.stage, self.refusal = Stage.FETCH, None
        self.source.put(self.domain, Place(Sight.PAUSED, Why.POSTCOPY))
        self.target.put(shell, Place(Sight.RUNNING, Why.POSTCOPY))

    # --- what goes wrong ----------------------------------------------------------------------

    def abort(self) -> None:
        """The operator's cancel: it comes too late once the last pages are on their way."""
        if self.stage in (Stage.PREPARE, Stage.SEND):
            self.aborted = True
            self.fail("operation aborted: migration out job: canceled by client")

    def lost_daemon(self) -> None:
        """The source's daemon died. A target that is finishing finishes without it."""
        if self.stage is Stage.FINISH:
            self._arrive()
        if self.stage in (Stage.FETCH, Stage.BROKEN):  # QEMU goes on by itself
            return
        if not self.over:
            self.fail("operation failed: the daemon was restarted")

    def lost_source(self, why: Why) -> None:
        """The source's guest died; once the target has all of it, nobody minds."""
        if self.stage is Stage.CONFIRM:
            self._over()
        elif self.in_postcopy:
            self._break("operation failed: the guest died at the source")
            self._over(self.refusal or "")
        else:
            self.fail("operation failed: the guest died at the source")
        self.source.put(self.domain, Place(Sight.OFF, why))

    def lost_target(self) -> None:
        """The target's guest died; after it had run there, the source must not run on."""
        if self.stage is not Stage.CONFIRM:
            self.fail("operation failed: the guest died at the target")

    def fail(self, message: str, *, source_stays_paused: bool = False) -> None:
        """End badly."""
        if self.in_postcopy:
            self._break(message)
            return
        confirming = self.stage is Stage.CONFIRM
        self._over(message)
        if confirming:
            return
        shell = self.shell
        if shell is not None and shell.is_shell:
            shell.vanishes_at = self.source.world.clock.monotonic() + LINGERS_S
        paused_by_us = self.domain.place == Place(Sight.PAUSED, Why.MIGRATION)
        if paused_by_us and not source_stays_paused and self.source.may_run(self.domain.guest):
            self.source.put(self.domain, Place(Sight.RUNNING, Why.RESUMED))
            # QEMU did it by itself, and nobody took the lease.
            self.domain.guest.unfenced = self.domain.guest.leased

    def _over(self, refusal: str = "") -> None:
        self.stage = Stage.OVER
        self.refusal = refusal
