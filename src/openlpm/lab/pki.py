"""The lab's own certificate authority: who has no certificate of it is let in nowhere.

Made with the `openssl` program, as docs/servers.md shows it for real servers, so that the lab needs
no library of its own for this. Keys are elliptic curves: a certificate takes 20 ms.

    authority = Authority(folder)
    authority.make()
    authority.issue(LIBVIRT, Path("/…/pki"), "s1", ["198.18.0.11"])

A certificate is for a server and for a client at once, as every libvirtd and QEMU is both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from openlpm.lab.command import run

LASTS = timedelta(days=365)
_DATABASE, _SETTINGS, _CERTIFICATE, _KEY = "index.txt", "openssl.cnf", "ca.pem", "ca.key"
_GROUP = "ffdhe2048.pem"


@dataclass(frozen=True)
class Names:
    """What a program calls the files in its folder; `{}` is "server" or "client"."""

    authority: str
    certificate: str
    key: str
    group: str = ""
    """Diffie-Hellman's; QEMU without it looks for primes, a second at worst, at each move."""


LIBVIRT = Names("cacert.pem", "{}cert.pem", "{}key.pem")
QEMU = Names("ca-cert.pem", "{}-cert.pem", "{}-key.pem", "dh-params.pem")


@dataclass(frozen=True)
class Authority:
    """A folder with the key that all trust, and the list of what it signed."""

    folder: Path

    def make(self) -> None:
        """Its key and its own certificate."""
        self.folder.mkdir(mode=0o700, parents=True)
        (self.folder / _SETTINGS).write_text(_settings(self.folder))
        (self.folder / _DATABASE).touch()
        self._openssl(
            *("req", "-x509", "-out", self._path(_CERTIFICATE), *_new_key(self._path(_KEY))),
            *("-subj", "/CN=OpenLPM lab", "-days", str(LASTS.days)),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-addext", "keyUsage=critical,keyCertSign"),
        )
        known_group = ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")  # RFC 7919
        argv = ["openssl", "genpkey", "-genparam", *known_group, "-out", self._path(_GROUP)]
        run(argv, doing="write Diffie-Hellman parameters")

    def issue(
        self,
        names: Names,
        to: Path,
        owner: str,
        addresses: Sequence[str] = (),
        *,
        ends: datetime | None = None,
    ) -> None:
        """Put a new key, its certificate and ours into a folder, in the place of older ones.

        It is valid for the owner's name and addresses until `ends`, from a year before that.
        """
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, request = self.folder / f"{owner}.key", self.folder / f"{owner}.csr"
        signed = self.folder / f"{owner}.pem"
        self._openssl(
            *("req", "-new", "-out", str(request), *_new_key(str(key)), "-subj", f"/CN={owner}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            # libvirt demands what only RSA keys would use.
            *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment"),
            *("-addext", "extendedKeyUsage=serverAuth,clientAuth"),
            *("-addext", f"subjectAltName={_alternatives(owner, addresses)}"),
        )
        # Now is too late a beginning for a clock that is a little behind.
        end = ends or datetime.now(UTC) + LASTS / 2
        self._openssl(
            *("ca", "-batch", "-notext", "-in", str(request), "-out", str(signed)),
            *("-startdate", _moment(end - LASTS), "-enddate", _moment(end)),
        )
        for role in ("server", "client"):
            (to / names.certificate.format(role)).write_bytes(signed.read_bytes())
            place = to / names.key.format(role)
            place.touch(mode=0o600)
            place.write_bytes(key.read_bytes())
        (to / names.authority).write_bytes((self.folder / _CERTIFICATE).read_bytes())
        if names.group:
            (to / names.group).write_bytes((self.folder / _GROUP).read_bytes())
        for draft in (key, request, signed):
            draft.unlink()

    def _openssl(self, command: str, *words: str) -> None:
        settings = ("-config", self._path(_SETTINGS))
        run(["openssl", command, *settings, *words], doing="make a certificate")

    def _path(self, name: str) -> str:
        return str(self.folder / name)


def _new_key(path: str) -> tuple[str, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    return (*curve, "-noenc", "-keyout", path)


def _alternatives(owner: str, addresses: Sequence[str]) -> str:
    """The names that a caller may know it by."""
    return ",".join([f"DNS:{owner}", *(f"IP:{ip_address(one)}" for one in addresses)])


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y%m%d%H%M%SZ}"


def _settings(folder: Path) -> str:
    """For `openssl ca`, which unlike `openssl req` can be told when a certificate ends."""
    return f"""[ca]
default_ca = lab
[lab]
database = {folder / _DATABASE}
new_certs_dir = {folder}
certificate = {folder / _CERTIFICATE}
private_key = {folder / _KEY}
default_md = sha256
policy = any
copy_extensions = copyall
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = owner
[owner]
"""
