"""The lab's init is PID 1 of a server: should a request end it, the kernel would end all of it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bounds import fuzzed, outcome
from hostile import JSON, texts
from hypothesis import strategies as st

from openlpm.lab import control, storage
from openlpm.lab.errors import LabError
from openlpm.lab.init import MOST_BYTES, Init
from openlpm.lab.state import Folder, load

HARMLESS = {
    "start": lambda *, name, argv, log: {"pid": len(name) + len(argv[0]) + len(log)},
    "kill": lambda *, name: {"was_running": {}.pop(name, None) is not None},
    "status": lambda: {"daemons": []},
    "keep": dict,
}


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Init]:
    """An init whose requests do nothing: neither kill(-1) nor fork may ever be reached here."""
    init = object.__new__(Init)
    init.requests = HARMLESS  # type: ignore[assignment]
    init.listener = socket.socket(socket.AF_UNIX)
    init.listener.bind(str(tmp_path_factory.mktemp("i") / "s"))
    init.listener.listen()
    yield init
    init.listener.close()


REQUESTS = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"do": st.one_of(st.sampled_from(tuple(HARMLESS)), JSON)},
        optional={"name": JSON, "argv": JSON, "log": JSON, "odd": JSON},
    ),
)
LINES = st.one_of(
    REQUESTS.map(lambda request: json.dumps(request).encode()),
    texts().map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=50),
    st.sampled_from((b"[" * 50_000, b"9" * 5000, b'{"do": "status"}', b'"' + b"x" * 200_000)),
)


@fuzzed(200, line=LINES)
def test_any_request_is_answered_and_init_lives_on(init: Init, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(10)
        caller.connect(init.listener.getsockname())

        def ask() -> None:
            with suppress(OSError):
                caller.sendall(line + b"\n")
                caller.shutdown(socket.SHUT_WR)

        asking = threading.Thread(target=ask)
        asking.start()
        init.answer()
        # What it did not read of too long a line may cut its answer off.
        with suppress(ConnectionResetError):
            answer = caller.makefile("rb").readline()
            assert isinstance(json.loads(answer), dict)
        asking.join(10)


@pytest.mark.parametrize("line", [b"\xff", b"[" * 50_000, b'{"do": []}', b"5", b"x" * 10**6])
def test_a_request_that_ended_init_is_an_error(line: bytes) -> None:
    init = object.__new__(Init)
    init.requests = HARMLESS  # type: ignore[assignment]
    assert "error" in init.obey(line[:MOST_BYTES])


@fuzzed(answer=st.one_of(LINES, st.sampled_from((b"", b"[]", b'{"error": 5}', b'{"daemons": []}'))))
def test_any_answer_of_an_init_is_one_or_an_error(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)

    def say() -> None:
        with theirs, suppress(OSError):
            theirs.recv(4096)
            theirs.sendall(answer + b"\n")

    saying = threading.Thread(target=say)
    saying.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control, "_connect", lambda *_: ours)
        told, _ = outcome(LabError, lambda: control.ask(Path("/x/s1.sock"), do="status"))
    saying.join(10)
    assert told is None or isinstance(told, dict)


@pytest.mark.parametrize("answer", [b"\xff", b"[]", b"5", b"no", b"[" * 50_000])
def test_an_init_that_talks_nonsense_does_not_answer(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(control, "_connect", lambda *_: ours)
    theirs.sendall(answer + b"\n")
    with theirs, pytest.raises(LabError, match="does not answer"):
        control.ask(Path("/x/s1.sock"), do="status")


@fuzzed(state=st.one_of(JSON, st.fixed_dictionaries({"plan": JSON, "complete": JSON})))
def test_any_state_file_is_a_lab_or_none(state: Any, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab.json").write_text(json.dumps(state))
    plan, error = outcome(LabError, load, Folder(folder, folder))
    assert error or plan


def test_an_image_whose_name_is_an_option_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("--help").write_text("image")
    folder = Folder(tmp_path, tmp_path)
    folder.volumes.mkdir()
    made = storage.create(folder, "v", Path("--help"), None)
    assert made.path.read_text() == "image"
