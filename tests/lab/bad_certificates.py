"""Certificates gone bad on a lab's server, for as long as a block lasts.

with bad(site, "s2", QEMU, "expired"): …
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console_fixtures import Site, until

from openlpm.lab.pki import LIBVIRT, Authority, Names

ELSEWHERE = ["192.0.2.1"]
FLAWS = ("expired", "other-host", "other-ca")


def past() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


def lab_authority(site: Site) -> Authority:
    return Authority(site.stage.lab.folder.authority)


def other_authority(site: Site) -> Authority:
    """One that nobody was told of."""
    found = Authority(site.stage.lab.folder.data / "other-authority")
    if not found.folder.exists():
        found.make()
    return found


def spoil(site: Site, names: Names, to: Path, owner: str, addresses: list[str], flaw: str) -> None:
    """Put a bad certificate into a folder; what else the program needs stays good."""
    ours = lab_authority(site)
    match flaw:
        case "expired":
            ours.issue(names, to, owner, addresses, ends=past())
        case "other-host":
            ours.issue(names, to, "elsewhere", ELSEWHERE)
        case _:
            other_authority(site).issue(names, to, owner, addresses)


@contextmanager
def bad(site: Site, server: str, names: Names, flaw: str) -> Iterator[None]:
    """QEMU and the daemon as a caller read their files each time anew; nothing is restarted."""
    one = site.stage.lab.server(server)
    spoil(site, names, one.pki, server, [one.management_address, one.migration_address], flaw)
    try:
        yield
    finally:
        one.certify()


def restart(site: Site, server: str) -> None:
    """Let libvirtd read its certificate; partitions run on."""
    lab = site.stage.lab
    lab.kill_libvirtd(server)
    lab.server(server).start_daemons()


def reconnected(site: Site, server: str) -> None:
    """The same, and wait until the console has connected anew."""
    since = site.system(server)["since"]
    restart(site, server)

    def connected() -> bool:
        view = site.system(server)
        return view["link"] == "connected" and view["since"] > since

    until(connected, 20, f"{server} to be connected anew")


@contextmanager
def daemon_certified(site: Site, server: str) -> Iterator[Path]:
    """Its folder, to be changed by the block; whole again afterwards, and connected."""
    one = site.stage.lab.server(server)
    try:
        yield one.pki
    finally:
        one.certify()
        reconnected(site, server)


def trust_both(site: Site, folder: Path) -> None:
    """Whoever reads this folder takes certificates of the other authority too."""
    both = [a.folder / "ca.pem" for a in (lab_authority(site), other_authority(site))]
    text = "".join(path.read_text() for path in both)
    (folder / LIBVIRT.authority).write_text(text)
