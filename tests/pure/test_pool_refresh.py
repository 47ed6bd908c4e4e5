"""libvirt refuses to refresh a pool while somebody makes a volume in it: asked again, it does."""

from typing import Any, cast

import libvirt
import pytest

from openlpm.adapters.libvirt import pools


class Pool:
    """Refuses so often, in these words."""

    def __init__(self, refusals: int, words: str) -> None:
        self.refusals, self.words, self.asked = refusals, words, 0

    def refresh(self) -> None:
        self.asked += 1
        if self.asked <= self.refusals:
            error = libvirt.libvirtError("")
            error.err = (libvirt.VIR_ERR_INTERNAL_ERROR, 18, self.words, 2, "", "", "", -1, -1)
            raise error


BUSY = "internal error: pool 'openlpm-leases' has asynchronous jobs running."


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_REST_S", 0.0)


def refreshed(pool: Pool) -> int:
    pools.refresh(cast("Any", pool))
    return pool.asked


def test_a_pool_in_which_somebody_makes_a_volume_is_refreshed_after_that():
    assert refreshed(Pool(0, BUSY)) == 1
    assert refreshed(Pool(3, BUSY)) == 4


@pytest.mark.parametrize(("refusals", "words"), [(1, "cannot open directory"), (1000, BUSY)])
def test_what_stays_wrong_is_told(refusals: int, words: str):
    with pytest.raises(libvirt.libvirtError) as caught:
        refreshed(Pool(refusals, words))
    assert caught.value.get_error_message() == words
