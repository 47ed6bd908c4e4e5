"""ssh into the lab's servers, from outside and from server to server: keys, known hosts, daemons.

    known = Ssh(folder)
    known.make()
    known.furnish("s1", Path("/…/s1"), ["198.18.0.11"])     # once for each server, before it boots

Root has one home on all servers, in the lab's folder, and the outside looks there too: with one key
that lets in everywhere, and the host keys of all. Nothing of the machine's own ~/.ssh is read, and
nothing is written there: a program `ssh` that stands first in the lab's PATH sees to that.

The daemon is dropbear: Debian has it without a service, so nothing listens on the machine itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.command import run

HOST_KEY = "ssh_host_key"
_ROOT = re.compile(r"^(root(?::[^:]*){4}):[^:]*:", re.MULTILINE)
_CLIENT = """#!/bin/sh
exec /usr/bin/ssh -F none -o UserKnownHostsFile='{known_hosts}' -o GlobalKnownHostsFile=none \\
    -o IdentitiesOnly=yes -o IdentityAgent=none "$@"
"""


@dataclass(frozen=True)
class Ssh:
    """A folder with root's home, and the program `ssh`."""

    folder: Path

    @property
    def home(self) -> Path:
        """Root's, on every server."""
        return self.folder / "home"

    @property
    def programs(self) -> Path:
        """What stands first in PATH, outside and on the servers."""
        return self.folder / "bin"

    @property
    def key(self) -> Path:
        """Lets its owner in everywhere."""
        return self.home / ".ssh/id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The host keys of all servers."""
        return self.home / ".ssh/known_hosts"

    def make(self) -> None:
        """The home, its key, and `ssh`."""
        self.home.mkdir(mode=0o700, parents=True)
        self.known_hosts.parent.mkdir(mode=0o700)
        new_key(self.key)
        public = self.key.with_suffix(".pub").read_text()
        (self.known_hosts.parent / "authorized_keys").write_text(public)
        self.known_hosts.touch()
        self.programs.mkdir()
        client = self.programs / "ssh"
        client.write_text(_CLIENT.format(known_hosts=self.known_hosts))
        client.chmod(0o755)

    def furnish(self, name: str, own: Path, addresses: Sequence[str]) -> None:
        """A server's host key, known to all from now on, and its list of users.

        It keeps the key when it boots again, as real servers do.
        """
        if not (own / HOST_KEY).exists():
            made = run(
                ["dropbearkey", "-t", "ed25519", "-f", str(own / HOST_KEY)], doing="make a host key"
            )
            (public,) = [line for line in made.splitlines() if line.startswith("ssh-ed25519 ")]
            kind, key, *_ = public.split()
            with self.known_hosts.open("a") as known:
                known.write(f"{','.join([name, *addresses])} {kind} {key}\n")
        users = Path("/etc/passwd").read_text()
        (own / "passwd").write_text(_ROOT.sub(rf"\g<1>:{self.home}:", users))


def new_key(path: Path) -> None:
    """A client's key without a passphrase, and its public half beside it."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], doing="make a key")


def daemon(host_key: str, addresses: Sequence[str]) -> list[str]:
    """The command line of a server's daemon: in the foreground, and for keys only."""
    places = [word for address in addresses for word in ("-p", f"{address}:22")]
    return ["dropbear", "-F", "-E", "-s", "-r", host_key, *places]
