"""A serial console: libvirt's stream, turned into reads that end.

The event loop's thread takes bytes as they come and queues them; `read` waits at the queue. When
the partition moves away or goes off, the stream ends and `read` returns b"".
"""

import time
from contextlib import suppress
from queue import Empty, SimpleQueue

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import said
from openlpm.model.errors import HypervisorRefused

_CHUNK = 65536
_MOST_WAITING = 256
"""Pieces that wait for a reader: 16 MiB at most. As on any serial line, who reads too slowly loses
what comes meanwhile; a guest that never stops talking must not fill the console's memory."""
_WOULD_BLOCK = -2
_STEP_S, _PATIENCE_S = 0.01, 5.0
_END = b""


class ConsoleStream:
    """Fills `ports.Stream`."""

    def __init__(self, line: Connection, stream: libvirt.virStream) -> None:
        self._system = line.name
        self._line = line
        self._stream = stream
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._open = True
        stream.eventAddCallback(
            libvirt.VIR_STREAM_EVENT_READABLE
            | libvirt.VIR_STREAM_EVENT_ERROR
            | libvirt.VIR_STREAM_EVENT_HANGUP,
            self._ready,
            None,
        )

    def _ready(self, stream: libvirt.virStream, events: int, _opaque: None) -> None:
        data: bytes | int = _END
        with suppress(libvirt.libvirtError):
            if events & libvirt.VIR_STREAM_EVENT_READABLE:
                data = stream.recv(_CHUNK)
        if isinstance(data, int):
            return  # nothing there after all
        if data == _END:
            with suppress(libvirt.libvirtError):
                stream.eventRemoveCallback()
        elif self._queue.qsize() >= _MOST_WAITING:
            return
        self._queue.put(data)

    def read(self, timeout_s: float) -> bytes | None:
        """Some bytes; b"" when closed; None when nothing came in time."""
        if not self._open:
            return _END
        try:
            data = self._queue.get(timeout=timeout_s)
        except Empty:
            return None
        if data == _END:
            self._open = False
        return data

    def write(self, data: bytes) -> None:
        """All of it, unless the guest takes nothing for seconds."""
        patience = time.monotonic() + _PATIENCE_S
        while data and self._open:
            try:
                taken = self._stream.send(data)
            except libvirt.libvirtError as error:
                raise self._closed(said(error)) from error
            if taken == _WOULD_BLOCK:
                if time.monotonic() > patience:
                    raise self._closed("It took no input for some seconds.")
                time.sleep(_STEP_S)
            else:
                data = data[taken:]

    def close(self) -> None:
        """Idempotent."""
        if self._open:
            self._open = False
            self._queue.put(_END)
            with suppress(libvirt.libvirtError):
                self._stream.eventRemoveCallback()
            with suppress(libvirt.libvirtError):
                self._stream.abort()
        self._line.close()

    def _closed(self, cause: str) -> HypervisorRefused:
        return HypervisorRefused(
            "console-closed",
            f"The console of the partition on {self._system} is closed.",
            cause=cause,
            remedy="Open it again: lpm partition console.",
        )


def open_console(connection: Connection, uuid: str) -> ConsoleStream:
    """One user at a time: libvirt refuses a second."""

    def connect() -> libvirt.virStream:
        stream = line.raw.newStream(libvirt.VIR_STREAM_NONBLOCK)
        line.domain(uuid).openConsole(None, stream)
        return stream

    line = connection.fresh()  # its own: what comes in does not wait for other calls
    try:
        return ConsoleStream(line, line.ask("open the console", connect))
    except BaseException:
        line.close()
        raise
