"""Bad certificates on real servers: refused at validation, each by its name, and whose it is."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bad_certificates import (
    FLAWS,
    bad,
    daemon_certified,
    lab_authority,
    other_authority,
    reconnected,
    restart,
    spoil,
    trust_both,
)
from console_fixtures import Site, until

from openlpm.faces.cli.problem import Problem
from openlpm.lab.pki import LIBVIRT, QEMU

pytestmark = pytest.mark.lab


def refused_for(site: Site, name: str, flaw: str, *, at: str, program: str) -> None:
    """Validation finds this flaw, and no other error; a move is refused, nothing has changed."""
    code = f"certificate-{flaw}"
    found = site.fires(name, code, at=at)
    assert found[code]["message"].startswith(f"{program}'s certificate of {at} ")
    assert {c for c, finding in found.items() if finding["severity"] == "error"} == {code}


@pytest.mark.parametrize("flaw", FLAWS)
def test_qemu_at_the_target(site: Site, flaw: str) -> None:
    with site.guest(start="running") as tiny:
        with bad(site, "s2", QEMU, flaw):
            refused_for(site, tiny.name, flaw, at="s2", program="QEMU")
        assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_qemu_at_the_source(site: Site) -> None:
    """As a client, it is known by its authority: there is no host to compare its name with."""
    with site.guest(start="running") as tiny:
        with bad(site, "s1", QEMU, "expired"):
            refused_for(site, tiny.name, "expired", at="s1", program="QEMU")
        with bad(site, "s1", QEMU, "other-host"):
            assert site.target(tiny.name).keys() == {"rmc-inactive"}
        with bad(site, "s1", QEMU, "other-ca"):
            # The two trust different authorities: the source says so of the target's.
            refused_for(site, tiny.name, "other-ca", at="s2", program="QEMU")


def test_qemu_without_a_certificate(site: Site) -> None:
    file = site.stage.lab.server("s2").pki / "server-cert.pem"
    with site.guest(start="running") as tiny:
        file.rename(file.with_suffix(".away"))
        try:
            refused_for(site, tiny.name, "missing", at="s2", program="QEMU")
        finally:
            file.with_suffix(".away").rename(file)


def test_the_source_s_daemon_as_a_caller(site: Site) -> None:
    with site.guest(start="running") as tiny:
        with bad(site, "s1", LIBVIRT, "expired"):
            refused_for(site, tiny.name, "expired", at="s1", program="libvirtd")
        with bad(site, "s1", LIBVIRT, "other-ca"):
            refused_for(site, tiny.name, "other-ca", at="s2", program="libvirtd")


def test_the_target_s_daemon_is_for_another_host(site: Site) -> None:
    """It is right where the console calls it, and wrong on the servers' own network."""
    one = site.stage.lab.server("s2")
    with site.guest(start="running") as tiny, daemon_certified(site, "s2") as pki:
        lab_authority(site).issue(LIBVIRT, pki, "s2", [one.management_address])
        reconnected(site, "s2")
        refused_for(site, tiny.name, "other-host", at="s2", program="libvirtd")


def test_the_target_s_daemon_is_of_another_authority(site: Site) -> None:
    """The console trusts both authorities, and s1 only the first."""
    one = site.stage.lab.server("s2")
    console = site.stage.lab.folder.console_pki
    with site.guest(start="running") as tiny, daemon_certified(site, "s2") as pki:
        other_authority(site).issue(LIBVIRT, pki, "s2", [one.management_address, "198.18.1.12"])
        trust_both(site, pki)
        trust_both(site, console)
        try:
            reconnected(site, "s2")
            refused_for(site, tiny.name, "other-ca", at="s2", program="libvirtd")
        finally:
            lab_authority(site).issue(LIBVIRT, console, "console")


def test_the_target_s_daemon_has_expired_while_it_runs(site: Site) -> None:
    """It reads its certificate when it starts, and the console's own connection goes on."""
    one = site.stage.lab.server("s2")
    addresses = [one.management_address, one.migration_address]
    with site.guest(start="running") as tiny, daemon_certified(site, "s2") as pki:
        ends = datetime.now(UTC) + timedelta(seconds=10)
        lab_authority(site).issue(LIBVIRT, pki, "s2", addresses, ends=ends)
        reconnected(site, "s2")
        found = until(
            lambda: site.target(tiny.name).get("certificate-expired"), 20, "its certificate to end"
        )
        assert found["system"] == "s2"
        assert found["message"].startswith("libvirtd's certificate of s2 has expired")
        site.refused(tiny.name, "certificate-expired")


@pytest.mark.parametrize("flaw", ["other-host", "other-ca"])
def test_the_console_does_not_trust_a_server(site: Site, flaw: str) -> None:
    """What is wrong and what to do stands beside the system, and in the answer to `add`."""
    told = site.system("s2")["system"]
    with daemon_certified(site, "s2") as pki:
        spoil(site, LIBVIRT, pki, "s2", ["198.18.0.12"], flaw)
        restart(site, "s2")
        view = until(lambda: _marked(site, flaw), 20, "the console to notice")
        assert "docs/servers.md" in view["remedy"]
        assert view["trouble"] in site.cli("system", "show", "s2").stdout
        site.client.delete("/v1/systems/s2")
        try:
            problem = site.problem("POST", "systems", body=told)
            assert (problem.kind, problem.code) == ("unreachable", f"certificate-{flaw}")
            assert "libvirtd's certificate of s2" in problem.cause
            assert "docs/servers.md" in problem.remedy
        finally:
            site.stage.lab.server("s2").certify()
            restart(site, "s2")
            until(lambda: _added(site, told), 20, "s2 to be managed again")


def _marked(site: Site, flaw: str) -> dict[str, Any] | None:
    words = {"other-host": "is for another host", "other-ca": "is not from a CA"}[flaw]
    view = site.system("s2")
    return view if view["link"] == "unreachable" and words in view["trouble"] else None


def _added(site: Site, told: dict[str, Any]) -> bool:
    with suppress(Problem):
        return bool(site.client.post("/v1/systems", told))
    return False


def test_the_console_s_own_certificate_has_expired(site: Site) -> None:
    told = site.system("s2")["system"]
    console = site.stage.lab.folder.console_pki
    site.client.delete("/v1/systems/s2")
    try:
        spoil(site, LIBVIRT, console, "console", [], "expired")
        problem = site.problem("POST", "systems", body=told)
        assert problem.code == "certificate-expired"
        assert problem.cause.startswith("libvirtd's certificate of the console has expired")
    finally:
        lab_authority(site).issue(LIBVIRT, console, "console")
        site.client.post("/v1/systems", told)
