"""What no fence has stopped is seen, and what only looks like it is not told."""

from dataclasses import replace

import pytest

from openlpm.decide.clash import Clash, clashes, in_use, over
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight, Why

DISK = "nbd://storage:10809/web1"
WEB1 = Partition("u-1", "web1", "s1", Sight.RUNNING, Why.NONE, 1, 256, writes=(DISK,))
COPY = replace(WEB1, uuid="u-2", name="copy", system="s2")


def test_a_copy_on_the_same_disk_clashes_whatever_its_name() -> None:
    (clash,) = clashes([WEB1, COPY])
    assert clash == Clash("'copy' on s2", "'web1' on s1", DISK)
    assert clash.message == f"'copy' on s2 and 'web1' on s1 both write to disk {DISK}."


def test_a_paused_one_still_has_its_disk() -> None:
    assert clashes([WEB1, replace(COPY, state=Sight.PAUSED)])


@pytest.mark.parametrize("state", [Sight.OFF, Sight.ABSENT, Sight.UNKNOWN])
def test_one_that_is_off_or_out_of_sight_clashes_with_nobody(state: Sight) -> None:
    assert not clashes([WEB1, replace(COPY, state=state)])


def test_other_disks_do_not_clash() -> None:
    assert not clashes([WEB1, replace(COPY, writes=("nbd://storage:10809/copy",))])
    assert not clashes([WEB1, replace(COPY, writes=())])


def test_a_partition_that_arrives_does_not_clash_with_itself() -> None:
    shell = replace(WEB1, system="s2", state=Sight.PAUSED, why=Why.MIGRATION)
    assert not clashes([WEB1, shell])


def test_a_partition_that_runs_twice_clashes_unless_a_mover_looks_after_it() -> None:
    both = [WEB1, replace(WEB1, system="s2")]
    (clash,) = clashes(both)
    assert clash.message == ("'web1' on s1 and 'web1' on s2 are the same partition, running twice.")
    assert not clashes(both, {"u-1"})


def test_of_three_each_pair_is_told() -> None:
    assert len(clashes([WEB1, COPY, replace(COPY, uuid="u-3", name="third")])) == 3


def test_it_is_over_when_it_is_seen_to_be_and_not_when_one_is_out_of_sight() -> None:
    told = clashes([WEB1, COPY])
    assert not over(told, [WEB1, COPY])
    assert not over(told, [WEB1, replace(COPY, state=Sight.UNKNOWN)])
    assert over(told, [WEB1, replace(COPY, state=Sight.OFF)]) == told
    assert over(told, [WEB1]) == told


def test_who_writes_to_a_disk_that_another_wants() -> None:
    assert in_use({DISK}, "u-2", [WEB1, COPY]) == {DISK: "'web1' on s1 writes to it."}
    assert in_use({DISK}, "u-1", [WEB1, replace(WEB1, system="s2")]) == {}, "it is that one itself"
    assert in_use({"nbd://storage:10809/other"}, "u-2", [WEB1]) == {}
    assert in_use({DISK}, "u-2", [replace(WEB1, state=Sight.OFF)]) == {}
    lost = in_use({DISK}, "u-2", [replace(WEB1, state=Sight.UNKNOWN)])
    assert "out of sight and may write" in lost[DISK]
