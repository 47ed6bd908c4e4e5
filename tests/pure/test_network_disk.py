"""A network volume's URL: which are one, and which is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.model.errors import BadRequest
from openlpm.model.network_disk import checked_bus, network_disk


@pytest.mark.parametrize(
    ("url", "spelling"),
    [
        ("nbd://storage/web1", "nbd://storage:10809/web1"),
        ("NBD://Storage:10809/web1", "nbd://storage:10809/web1"),
        ("nbds://[::1]:99/a%20b", "nbds://[::1]:99/a%20b"),
        ("nbd://storage/%77eb1", "nbd://storage:10809/web1"),
        ("nbd://storage", "nbd://storage:10809/"),
    ],
)
def test_two_spellings_name_one_volume(url: str, spelling: str) -> None:
    assert network_disk(url).url == spelling


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/shadow", "nbd:///run/nbd.sock/web1", "nbd://h:99999/x", "nbd://[1/x", ""),
        *("nbd://h/a%0ab", "nbd://h/a\x1bb"),
    ],
)
def test_what_names_no_volume_is_refused(url: str) -> None:
    with pytest.raises(BadRequest) as refused:
        network_disk(url)
    assert refused.value.code == "bad-disk"
    assert "nbd://storage:10809/web1" in refused.value.remedy


@given(st.text())
def test_the_spelling_of_a_spelling_is_the_same(text: str) -> None:
    for url in (f"nbd://{text}", f"nbds://h/{text}"):
        try:
            spelling = network_disk(url).url
        except BadRequest:
            continue
        assert network_disk(spelling).url == spelling


def test_a_bus_that_no_disk_fits_is_refused() -> None:
    assert checked_bus("virtio") == "virtio"
    with pytest.raises(BadRequest, match="mfm"):
        checked_bus("mfm")


@pytest.mark.parametrize("rest", ["u:p@s/web1", "s/web1?x", "s/web1#x", "s:0/web1"])
def test_what_would_be_dropped_of_a_url_is_refused(rest: str) -> None:
    with pytest.raises(BadRequest, match="no disk"):
        network_disk(f"nbd://{rest}")
