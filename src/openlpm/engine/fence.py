"""Servers, as a console may use them: all may look, and only the one that leads may act.

    hypervisors = Fence(hypervisors, leading.confirm)

`confirm` is called right before each call that could change something; it raises `NotLeader`. What
is not known to be a look is an act, so that a new method is not forgotten here.
"""

from collections.abc import Callable
from typing import Any, cast

from openlpm.model.system import System
from openlpm.ports import Host, Hypervisors

LOOKS = frozenset(
    (
        *("alive", "facts", "partitions", "partition", "rmc", "look", "describe", "exported"),
        *("progress", "completed", "busy", "load", "compare_cpu", "call_peer", "open_disks"),
        *("offered_cpus", "baseline_cpu", "partition_cpus", "profiles", "watch", "close"),
        *("pools", "volumes", "partition_io"),
        *("running",),
    )
)


class Fence:
    """`ports.Hypervisors` with fenced hosts."""

    def __init__(self, hypervisors: Hypervisors, confirm: Callable[[], None]) -> None:
        self._hypervisors = hypervisors
        self._confirm = confirm

    def connect(self, system: System) -> Host:
        """A new connection. Raises `ServerUnreachable` within a few seconds."""
        return cast("Host", _FencedHost(self._hypervisors.connect(system), self._confirm))


class _FencedHost:
    """Any host; its acts ask first."""

    def __init__(self, host: Host, confirm: Callable[[], None]) -> None:
        self._host = host
        self._confirm = confirm

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._host, name)
        return found if name in LOOKS else self._asking(found)

    def _asking(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **options: Any) -> Any:
            self._confirm()
            return act(*arguments, **options)

        return asked
