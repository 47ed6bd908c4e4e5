"""Calls by ssh: they ask nobody, they end, and what they fail for is told with its remedy.

libvirt starts the program `ssh` for each connection and talks through it. Left alone, ssh may wait
for a word on the terminal, minutes for a TCP connection, and for ever for a server that vanished.
The console's calls go by `unattended-ssh` beside this module, which forbids all that. The servers'
daemons have none of our programs: they have no terminal either, and get `no_tty` only.

What ssh prints as it fails, libvirt passes on, if it is at most 1024 bytes.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

PROGRAM = Path(__file__).with_name("unattended-ssh")
_PORT = 22
_KEYFILE = re.compile(r"(?:^|[&;])keyfile=([^&;]+)")
_WORDLESS = re.compile(r"End of file while reading data[ :]*Input/output error")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]+")


def is_ssh(uri: str) -> bool:
    """libvirt reaches it by the program `ssh`."""
    return urlsplit(uri).scheme.endswith("+ssh")


def from_console(uri: str) -> str:
    """The URI as the console opens it."""
    if not is_ssh(uri):
        return uri
    return f"{from_daemon(uri)}&command={quote(str(PROGRAM))}"


def from_daemon(uri: str) -> str:
    """The URI as a server's daemon is to open it: nobody sits at its terminal."""
    parts = urlsplit(uri)
    if not is_ssh(uri) or "no_tty=" in parts.query:
        return uri
    return f"{uri}{'&' if parts.query else '?'}no_tty=1"


def is_swallowed(said: str) -> bool:
    """The other end hung up without a word, as it did after about one in six refusals.

    By its source, `virt-ssh-helper` there drops what it has not passed on when its libvirtd closes
    the connection; that was not traced. The caller tells of the end, not of why it was refused.
    """
    return bool(_WORDLESS.search(said))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why ssh did not let the caller in: a stable code, the cause, the remedy."""

    code: str
    cause: str
    remedy: str


def trouble(said: str, uri: str, caller: str) -> Trouble | None:
    """What an error's text says of a call by ssh; None when it is about something else.

    `caller` is who has to do what the remedy says, such as "the console's user" or "root on s1".
    """
    if not is_ssh(uri):
        return None
    to = _Called.by(uri)
    for pattern, explained in _EXPLAINED:
        if pattern.search(said):
            return explained(said, to, caller)
    return None


@dataclass(frozen=True, slots=True)
class _Called:
    """Who is called, in words that a shell takes as they are."""

    host: str
    port: int
    login: str
    key: str

    @classmethod
    def by(cls, uri: str) -> "_Called":
        parts = urlsplit(uri)
        host = parts.hostname or ""
        login = f"{parts.username}@{host}" if parts.username else host
        key = _KEYFILE.search(parts.query)
        port = parts.port or _PORT
        return cls(shlex.quote(host), port, shlex.quote(login), shlex.quote(key[1]) if key else "")

    @property
    def known_as(self) -> str:
        """Its name in a file of known hosts."""
        bare = self.host.strip("'")
        return self.host if self.port == _PORT else f"'[{bare}]:{self.port}'"

    @property
    def option(self) -> str:
        return "" if self.port == _PORT else f"-p {self.port} "

    @property
    def scan(self) -> str:
        return f"ssh-keyscan {self.option}{self.host} >> ~/.ssh/known_hosts"


_COMPARE = (
    "compare the key with that on the server itself "
    "(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)"
)


def _changed(said: str, to: _Called, caller: str) -> Trouble:
    shown = _FINGERPRINT.search(said)
    key = f"a host key, {shown[0]}," if shown else "a host key"
    return Trouble(
        "ssh-host-key-changed",
        f"{to.host} shows {key} other than the one that {caller} knows it by: "
        "it was installed anew, or somebody else answers in its place.",
        f"First {_COMPARE}. If it is right, as {caller}: ssh-keygen -R {to.known_as} && {to.scan}",
    )


def _unknown(_said: str, to: _Called, caller: str) -> Trouble:
    return Trouble(
        "ssh-host-key-unknown",
        f"The host key of {to.host} is not among those that {caller} knows.",
        f"As {caller}: {to.scan}, then {_COMPARE}; yours: ssh-keygen -lF {to.known_as}",
    )


def _key_refused(said: str, to: _Called, caller: str) -> Trouble:
    key = f"-i {to.key} " if to.key else ""
    return Trouble(
        "ssh-key-refused",
        f"{to.host} lets in nobody by a key of {caller}: {said}",
        f"As {caller}: ssh-copy-id {key}{to.option}{to.login}. The key must be readable, "
        "and have no passphrase: nobody is there to type it.",
    )


def _no_program(_said: str, _to: _Called, caller: str) -> Trouble:
    return Trouble(
        "ssh-missing",
        f"{caller[0].upper()}{caller[1:]} has no program ssh.",
        "Install it there: apt-get install openssh-client.",
    )


def _not_told(_said: str, to: _Called, caller: str) -> Trouble:
    return Trouble(
        "ssh-failed",
        "ssh said more than libvirt passes on, as it does where a host key has changed.",
        f"As {caller}: ssh -o BatchMode=yes {to.option}{to.login} true shows it.",
    )


def _not_in_group(said: str, to: _Called, _caller: str) -> Trouble:
    return Trouble(
        "libvirt-not-allowed",
        f"{to.login} may log in, but may not command libvirt there: {said}",
        f"On {to.host}, make the user a member of the group libvirt (adduser USER libvirt), "
        "or let the URI name root.",
    )


_EXPLAINED = (
    (re.compile(r"IDENTIFICATION HAS CHANGED"), _changed),
    (re.compile(r"Host key verification failed"), _unknown),
    (re.compile(r"Permission denied \(|Too many authentication failures"), _key_refused),
    (re.compile(r"ssh: not found|cannot execute binary"), _no_program),
    (re.compile(r"Value too large for defined data type"), _not_told),
    (re.compile(r"libvirt-sock.*Permission denied|authentication unavailable"), _not_in_group),
)
