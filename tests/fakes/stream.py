"""A serial console that echoes what it is sent, and closes when its domain goes."""

import queue


class FakeStream:
    """`ports.Stream`."""

    def __init__(self) -> None:
        self._bytes: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read(self, timeout_s: float) -> bytes | None:
        try:
            data = self._bytes.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if data == b"":
            self._bytes.put(b"")  # closed stays closed
        return data

    def write(self, data: bytes) -> None:
        if data:
            self._bytes.put(data)

    def close(self) -> None:
        self._bytes.put(b"")
