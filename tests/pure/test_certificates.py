# ruff: noqa: E501 (the words are libvirt's, QEMU's and GnuTLS's)
"""What their words say of a certificate: each was seen on real servers (see tests/lab)."""

import pytest

from openlpm.adapters.libvirt.certificates import Call, bad_daemon, tls_place, told
from openlpm.model.certificate import Flaw

PKI = "/etc/pki"
QEMU_SAYS = "internal error: unable to execute QEMU command 'object-add':"
UNTRUSTED = "authentication failed: Failed to verify peer's certificate"

SAID = (
    (f"{QEMU_SAYS} The server certificate {PKI}/server-cert.pem has expired", Flaw.EXPIRED, "s2"),
    (f"{QEMU_SAYS} The client certificate {PKI}/client-cert.pem has expired", Flaw.EXPIRED, "s1"),
    (f"The client certificate {PKI}/clientcert.pem is not yet active", Flaw.EXPIRED, "s1"),
    ("Certificate does not match the hostname 198.18.1.12", Flaw.OTHER_HOST, "s2"),
    ("job 'migration out' failed: The certificate hasn't got a known issuer", Flaw.OTHER_CA, "s2"),
    (
        f"Our own certificate {PKI}/clientcert.pem failed validation against {PKI}/cacert.pem: The certificate hasn't got a known issuer.",
        Flaw.OTHER_CA,
        "s1",
    ),
    (
        f"{QEMU_SAYS} Our own certificate {PKI}/server-cert.pem failed validation against {PKI}/ca-cert.pem: The certificate hasn't got a known issuer",
        Flaw.OTHER_CA,
        "s2",
    ),
    (
        f"{QEMU_SAYS} Unable to access credentials {PKI}/server-cert.pem: No such file or directory",
        Flaw.MISSING,
        "s2",
    ),
    ("job 'migration out' failed: Cannot write to TLS channel: Input/output error", Flaw.REFUSED, "s2"),
    ("Unable to read TLS confirmation: Input/output error", Flaw.REFUSED, "s1"),
    (UNTRUSTED, Flaw.REFUSED, "s2"),
)  # fmt: skip


@pytest.mark.parametrize(("said", "flaw", "owner"), SAID)
def test_the_flaw_and_its_owner(said: str, flaw: Flaw, owner: str) -> None:
    found = told(said, Call("s1", "s2", "QEMU"))
    assert found is not None
    assert (found.flaw, found.owner, found.said) == (flaw, owner, said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "unable to connect to server at '198.18.1.12:16514': No route to host",
        "internal error: unsupported migration cookie feature memory-hotplug",
        "operation failed: domain 'web1' already exists with uuid x",
    ],
)
def test_other_words_are_about_no_certificate(said: str) -> None:
    assert told(said, Call("s1", "s2", "QEMU")) is None


def test_who_cannot_be_looked_at_is_just_refused() -> None:
    found = bad_daemon(UNTRUSTED, Call("s1", "s2", "libvirtd"), ("127.0.0.1", 1), "s2")
    assert found is not None
    assert found.flaw is Flaw.REFUSED
    assert "cannot look at it" in found.said


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("qemu+tls://s1/system", ("s1", 16514)),
        ("qemu://[fd00::1]:99/system", ("fd00::1", 99)),
        ("qemu:///system", None),
        ("qemu+ssh://s1/system", None),
    ],
)
def test_where_a_daemon_shows_its_certificate(uri: str, place: tuple[str, int] | None) -> None:
    assert tls_place(uri) == place
