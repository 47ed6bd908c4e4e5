"""Names and numbers that would not work are refused before anything is made."""

import pytest

from openlpm.lab import Lab, LabError
from openlpm.lab.names import lab_name, rate_in_bits, volume_name
from openlpm.lab.plan import Plan
from openlpm.lab.state import folder_of


@pytest.mark.parametrize("name", ["", "A", "1x", "a" * 17, "../etc", "a b", "a\n", "é", "-x"])
def test_a_bad_lab_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot name a lab"):
        lab_name(name)


@pytest.mark.parametrize("name", ["", ".hidden", "../x", "a/b", "x" * 64])
def test_a_bad_volume_name_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot name a volume"):
        volume_name(name)


@pytest.mark.parametrize("rate", ["", "0gbit", "1", "fast", "-1gbit", "1gbit; reboot", "1Gbit"])
def test_a_bad_rate_is_refused(rate: str) -> None:
    with pytest.raises(LabError, match="no rate of a link"):
        rate_in_bits(rate)


@pytest.mark.parametrize("numbers", [{"servers": 0}, {"servers": 33}, {"mtu": 100},
                                     {"processors": 0}, {"memory_mib": -1}])  # fmt: skip
def test_a_bad_number_is_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(LabError) as refused:
        Plan("x", **numbers)
    assert refused.value.code == "bad-number"


def test_a_folder_too_long_for_unix_sockets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLPM_LAB_DIR", "/tmp/" + "x" * 100)
    with pytest.raises(LabError) as refused:
        folder_of("demo")
    assert refused.value.code == "path-too-long"


def test_a_lab_that_is_not_there_is_named_with_a_remedy() -> None:
    with pytest.raises(LabError, match="lpm lab up --name nowhere"):
        Lab.load("nowhere")
