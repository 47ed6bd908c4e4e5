"""When an encrypted way is tried, when an earlier trial is good enough, and what is not."""

from dataclasses import replace

import pytest

from engine.conftest import Stand
from fakes.fault import Fault, Stage
from openlpm.engine.trials import GOOD_FOR_S
from openlpm.model.certificate import BadCertificate, Flaw
from openlpm.model.errors import BadRequest, Refused
from openlpm.model.migration import Phase
from openlpm.model.system import System
from openlpm.model.verdict import PeerVerdict

EXPIRED = PeerVerdict(certificate=BadCertificate(Flaw.EXPIRED, "s2", "QEMU", "It has expired."))


def tries(stand: Stand) -> int:
    return stand.world.server("s1").encryption_tries


def moved(stand: Stand, to: str) -> Phase:
    return stand.settle(stand.console.migrate("web1", to)).migration.phase


@pytest.fixture
def ready(stand: Stand) -> Stand:
    stand.world.add_partition("web1", on="s1")
    stand.wait_for(lambda: bool(stand.console.partitions()))
    return stand


def test_a_validation_always_tries_and_a_move_takes_its_word(ready: Stand) -> None:
    for count in (1, 2):
        assert ready.console.validate("web1", "s2").validation.passed
        assert tries(ready) == count
    assert moved(ready, "s2") is Phase.DONE
    assert moved(ready, "s1") is Phase.DONE
    assert tries(ready) == 2
    assert ready.world.server("s2").encryption_tries == 1


def test_a_trial_of_long_ago_is_no_news(ready: Stand) -> None:
    ready.console.validate("web1", "s2")
    ready.world.clock.advance(GOOD_FOR_S + 1)
    assert moved(ready, "s2") is Phase.DONE
    assert tries(ready) == 2


def test_bad_news_is_not_remembered_and_forbids_the_move(ready: Stand) -> None:
    server = ready.world.server("s1")
    server.encryption = EXPIRED
    for count in (1, 2):
        with pytest.raises(Refused) as refused:
            ready.console.migrate("web1", "s2")
        assert [f.code for f in refused.value.findings if f.code != "lease-none"] == [
            "certificate-expired"
        ]
        assert tries(ready) == count
    server.encryption = PeerVerdict()
    assert moved(ready, "s2") is Phase.DONE


def test_after_a_failed_move_the_way_is_tried_anew(ready: Stand) -> None:
    ready.console.validate("web1", "s2")
    ready.world.fail_transfer(Fault(Stage.SEND, "Cannot write to TLS channel"))
    assert moved(ready, "s2") is Phase.FAILED
    ready.world.server("s1").encryption = EXPIRED
    with pytest.raises(Refused):
        ready.console.migrate("web1", "s2")


def test_an_insecure_system_s_memory_goes_in_the_clear_with_a_warning(ready: Stand) -> None:
    ready.console.remove_system("s2")
    ready.console.add_system(replace(ready.world.server("s2").system, insecure=True))
    view = ready.console.migrate("web1", "s2")
    assert "unencrypted" in [f.code for f in view.findings]
    assert ready.settle(view).migration.phase is Phase.DONE
    assert tries(ready) == 0
    assert [request.encrypted for request in ready.world.requests] == [False]


def test_all_others_memory_is_encrypted(ready: Stand) -> None:
    assert moved(ready, "s2") is Phase.DONE
    assert [request.encrypted for request in ready.world.requests] == [True]


@pytest.mark.parametrize(
    "change",
    [
        {"uri": "qemu+tcp://s3/system"},
        {"peer_uri": "qemu+tcp://s3/system"},
        {"peer_uri": "qemu+tls://s3/system?no_verify=1"},
    ],
)
def test_a_plain_uri_needs_insecure(stand: Stand, change: dict[str, str]) -> None:
    wish: System = replace(stand.world.server("s3").system, **change)
    with pytest.raises(BadRequest) as refused:
        stand.console.add_system(wish)
    assert refused.value.code == "unencrypted-uri"
    assert "--insecure" in refused.value.remedy
    assert stand.console.add_system(replace(wish, insecure=True)).system.insecure
