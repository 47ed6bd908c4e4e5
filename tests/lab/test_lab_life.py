"""Up, down, and everything that can interrupt them: nothing is ever left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from guests import make_lease, start

from openlpm.lab import Lab, LabError, look, state
from openlpm.lab.state import folder_of
from openlpm.lab.status import look_at

pytestmark = pytest.mark.lab


@contextmanager
def removed_afterwards(name: str) -> Iterator[str]:
    try:
        yield name
    finally:
        Lab.remove(name)


def start_up(name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "openlpm.lab", "up", "--name", name],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_second_lab_comes_up_quickly_beside_and_goes_without_trace(lab: Lab, run_id: str) -> None:
    with removed_afterwards(f"{run_id}-two") as name:
        begun = time.monotonic()
        second = Lab.up(name, servers=2, processors=64, memory_mib=1 << 20)
        assert time.monotonic() - begun < 10
        assert Lab.load(name).servers[0].memory_mib == 1 << 20
        make_lease(second, second.servers[0], "busy")
        start(second, second.servers[0], "busy")
        second.popen(["sleep", "1000"])  # a client outside, forgotten
        second.freeze("s1")
        os.kill(second.servers[1].pid, signal.SIGSTOP)
        assert len(second.left_overs()) > 10, "the look must see a living lab"
        begun = time.monotonic()
        second.down()
        assert time.monotonic() - begun < 10
        assert second.left_overs() == []
        assert lab.servers[0].daemons() == ["dropbear", "libvirtd", "virtlockd", "virtlogd"]


def test_the_same_name_is_refused_and_the_lab_unharmed(lab: Lab) -> None:
    with pytest.raises(LabError) as refused:
        Lab.up(lab.name)
    assert refused.value.code == "lab-exists"
    assert len(lab.servers[0].daemons()) == 4


@pytest.mark.parametrize("moment", [0.25, 0.6, 1.0])
def test_an_up_killed_half_way_ends_by_itself_and_down_removes_its_files(
    run_id: str, moment: float
) -> None:
    with removed_afterwards(f"{run_id}-kill") as name:
        process = start_up(name)
        time.sleep(moment)
        process.kill()
        process.wait()
        folder = folder_of(name)
        deadline = time.monotonic() + 10
        while look.processes(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert look.processes(folder) == []
        assert Lab.remove(name) == []


@pytest.mark.parametrize("moment", [0.2, 0.4, 0.8, 1.2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_removes_everything_itself(
    run_id: str, moment: float, number: signal.Signals
) -> None:
    with removed_afterwards(f"{run_id}-int") as name:
        process = start_up(name)
        time.sleep(moment)
        process.send_signal(number)
        assert process.wait(20) != 0
        assert look.left_overs(folder_of(name)) == []


def test_down_removes_a_lab_whose_processes_were_all_killed(run_id: str) -> None:
    with removed_afterwards(f"{run_id}-dead") as name:
        lab = Lab.up(name, servers=1)
        os.kill(lab.hub.pid, signal.SIGKILL)
        lab.down()
        assert lab.left_overs() == []


def test_a_down_killed_half_way_is_shown_so(lab: Lab, run_id: str) -> None:
    with removed_afterwards(f"{run_id}-half") as name:
        folder = folder_of(name)
        state.claim(folder)
        state.save(folder, replace(lab.plan, name=name), complete=True)
        shutil.rmtree(folder.data)
        shown = look_at(name)
        assert (shown["running"], shown["volumes"]) == (False, [])
        assert not any(server["running"] for server in shown["servers"])


def test_down_of_nothing_is_no_error(run_id: str) -> None:
    assert Lab.remove(f"{run_id}-none") == []


def test_no_interface_is_made_in_the_machines_own_network(lab: Lab) -> None:
    names = {path.name for path in Path("/sys/class/net").iterdir()}
    assert not {name for name in names if "guest" in name or "migration" in name}
