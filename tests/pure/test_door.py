"""Connections are opened in bounded time, also where libvirt itself never comes back."""

from threading import Event, Semaphore
from typing import Any

import pytest

from openlpm.adapters.libvirt import door
from openlpm.adapters.libvirt.door import MOST_HANGING, Door
from openlpm.model.errors import ServerUnreachable

URI = "qemu+tls://s1/system"


class FakeRaw:
    """libvirt's own object. It answers."""

    def __init__(self) -> None:
        self.closed = Event()

    def setKeepAlive(self, _interval: int, _count: int) -> None:
        """It is asked to."""

    def registerCloseCallback(self, _callback: object, _opaque: None) -> None:
        """It is asked to."""

    def unregisterCloseCallback(self) -> None:
        """It is asked to."""

    def isAlive(self) -> int:
        return int(not self.closed.is_set())

    def close(self) -> None:
        self.closed.set()


class Doorbell:
    """A libvirt whose `open` hangs until an answer is released."""

    def __init__(self) -> None:
        self.answers = Semaphore(0)
        self.raw = FakeRaw()
        self.door = Door(self._opened)

    def _opened(self, _uri: str) -> Any:
        self.answers.acquire()
        return self.raw


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Doorbell:
    monkeypatch.setattr(door, "OPEN_S", 0.2)
    return Doorbell()


def test_an_answer_that_never_comes_does_not_keep_the_server_out_of_sight(bell: Doorbell) -> None:
    with pytest.raises(ServerUnreachable):
        bell.door.open("s1", URI)
    bell.answers.release(2)  # one is the first's, who is not waited for any more
    assert bell.door.open("s1", URI).name == "s1"


def test_few_attempts_hang_at_a_time(bell: Doorbell) -> None:
    for _ in range(MOST_HANGING):
        with pytest.raises(ServerUnreachable) as error:
            bell.door.open("s1", URI)
        assert "No answer within" in error.value.cause
    with pytest.raises(ServerUnreachable) as error:
        bell.door.open("s1", URI)
    assert "Earlier attempts" in error.value.cause
    bell.answers.release(MOST_HANGING)
    assert bell.raw.closed.wait(5)
    bell.answers.release()
    assert bell.door.open("s1", URI).name == "s1"


def test_an_answer_that_comes_too_late_is_not_kept_open(bell: Doorbell) -> None:
    with pytest.raises(ServerUnreachable):
        bell.door.open("s1", URI)
    bell.answers.release()
    assert bell.raw.closed.wait(5)
