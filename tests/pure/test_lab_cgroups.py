"""The control groups of a lab's servers: found on the machine, made, told, removed.

On folders that look like the kernel's: what a real one does with them is seen in tests/lab.
"""

from pathlib import Path

import pytest

from openlpm.lab import cgroups
from openlpm.lab.cgroups import Tree
from openlpm.lab.configuration import qemu
from openlpm.lab.state import Folder

V1 = """
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
32 31 0:29 / {0}/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / {0}/cpuacct rw,relatime shared:4 - cgroup cgroup rw,cpuacct
34 31 0:31 / {0}/cpuset rw,relatime - cgroup cgroup rw,cpuset
41 31 0:38 / {0}/unified rw,relatime - cgroup2 cgroup2 rw
42 31 0:29 / {0}/again rw,relatime - cgroup cgroup rw,cpu
""".strip()
V2 = "30 24 0:26 / {0}/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
TOGETHER = "30 24 0:26 / {0}/both rw - cgroup cgroup rw,cpu,cpuacct"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in ("cpu", "cpuacct", "unified", "again", "both"):
        (tmp_path / name).mkdir()
    (tmp_path / "unified/cgroup.controllers").write_text("hugetlb\n")
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(Path("/run/openlpm-lab/demo"), tmp_path / "data")


def test_v1_has_a_tree_for_each_controller(machine: Path) -> None:
    found = cgroups.trees(V1.format(machine))
    assert {tree.options for tree in found} == {"cpu", "cpuacct"}


def test_v1_may_have_both_in_one_tree(machine: Path) -> None:
    assert cgroups.trees(TOGETHER.format(machine)) == [Tree(machine / "both", "cpu,cpuacct")]


def test_v2_is_taken_where_it_has_the_cpu_controller(machine: Path) -> None:
    assert cgroups.trees(V2.format(machine)) == []
    (machine / "unified/cgroup.controllers").write_text("cpuset cpu io memory\n")
    assert cgroups.trees(V2.format(machine)) == [Tree(machine / "unified", "")]
    assert cgroups.trees(V1.format(machine)) == [Tree(machine / "unified", "")]


def given(monkeypatch: pytest.MonkeyPatch, *trees: Tree) -> None:
    monkeypatch.setattr(cgroups, "_here", lambda: list(trees))


def emptied(top: Path) -> None:
    """The kernel's files go with their group; here they are files."""
    for path in [*top.rglob("*")]:
        if path.is_file():
            path.unlink()


def test_groups_are_made_told_and_removed_on_v1(
    machine: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, Tree(machine / "cpu", "cpu"), Tree(machine / "cpuacct", "cpuacct"))
    told = cgroups.prepare(folder, "s1")
    own = machine / "cpu/openlpm-lab-run-openlpm-lab-demo/s1"
    assert told[0] == {"folder": str(own), "options": "cpu"}
    assert (own.parent / "cpu.shares").read_text() == "2048"
    assert cgroups.divides(told)
    assert cgroups.groups_of(folder) == [own.parent, machine / f"cpuacct/{own.parent.name}"]
    emptied(machine)
    (own / "machine/qemu-1-web1").mkdir(parents=True)
    cgroups.remove(folder)
    assert cgroups.groups_of(folder) == []


def test_groups_are_made_on_v2(
    machine: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, Tree(machine / "unified", ""))
    told = cgroups.prepare(folder, "s1")
    own = Path(told[0]["folder"])
    assert cgroups.divides(told)
    for above in (machine / "unified", own.parent):
        assert (above / "cgroup.subtree_control").read_text() == "+cpu"
    assert (own.parent / "cpu.weight").read_text() == "200"
    assert not (own / "cgroup.subtree_control").exists(), "its daemons leave it first"


def test_a_server_that_boots_again_has_no_groups_of_before(
    machine: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, Tree(machine / "cpuacct", "cpuacct"))
    own = Path(cgroups.prepare(folder, "s1")[0]["folder"])
    other = Path(cgroups.prepare(folder, "s2")[0]["folder"])
    (own / "machine/qemu-1-web1").mkdir(parents=True)
    assert Path(cgroups.prepare(folder, "s1")[0]["folder"]) == own
    assert list(own.iterdir()) == []
    assert other.exists()


def test_a_machine_that_keeps_them_for_itself_has_none(
    machine: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = machine / "cpuacct"
    given(monkeypatch, Tree(top, "cpuacct"), Tree(Path("/proc/1/no/such"), "cpu"))
    assert cgroups.prepare(folder, "s1") == []
    assert not cgroups.divides([])
    assert not (top / "openlpm-lab-run-openlpm-lab-demo/s1").exists()


def test_libvirt_is_told_of_what_there_is() -> None:
    assert 'cgroup_controllers = ["cpu", "cpuacct"]' in qemu(1, divides=True)
    assert "cgroup_controllers = []" in qemu(1, divides=False)
    assert not cgroups.divides([{"folder": "/x", "options": "cpuacct"}])
