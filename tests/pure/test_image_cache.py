"""The image's cache: entries appear whole or not at all, and old ones go."""

import os
from pathlib import Path

import pytest

from openlpm.lab.image.cache import KEEP, cache_folder, prune, published


def test_an_entry_appears_when_it_is_whole(tmp_path: Path) -> None:
    entry = tmp_path / "partition-1"
    with published(entry) as draft:
        (draft / "disk.raw").write_text("disk")
        assert not entry.exists()
    assert (entry / "disk.raw").read_text() == "disk"


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), published(tmp_path / "partition-1"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_pruning_keeps_the_newest_and_no_drafts(tmp_path: Path) -> None:
    for age in range(KEEP + 2):
        entry = tmp_path / f"partition-{age}"
        entry.mkdir()
        os.utime(entry, (1000 - age, 1000 - age))
    (tmp_path / "draft-left-by-kill").mkdir()
    prune(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"partition-{n}" for n in range(KEEP)}


def test_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLPM_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
