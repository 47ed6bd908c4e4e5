"""KVM is believed only when it ran something, and asked once per boot of the machine."""

from pathlib import Path

import pytest

from openlpm.lab import accel, accelerator


@pytest.mark.lab
def test_a_file_that_is_no_kernel_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLPM_CACHE", str(tmp_path))
    bogus = tmp_path / "vmlinuz"
    bogus.write_bytes(bytes(4096))
    assert accel(bogus, seconds=3) == "tcg"


@pytest.mark.lab
def test_the_answer_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLPM_CACHE", str(tmp_path / "new"))
    first = accel()
    monkeypatch.setattr(accelerator, "_runs_firmware", lambda _seconds: pytest.fail("probed again"))
    assert accel() == first
