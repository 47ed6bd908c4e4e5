"""What ssh says as it fails, in libvirt's words, and what the operator is told."""

import os
from urllib.parse import unquote

import pytest

from openlpm.adapters.libvirt.ssh import PROGRAM, from_console, from_daemon, is_swallowed, trouble

# As libvirt 9.0 and OpenSSH 9.2 said it.
CHANGED = """Cannot recv data: @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:qt+T/LpyCC3YONbjFTYQKKUR+IIyAp7h/zNlrVffgvQ.
Host key for 127.0.0.1 has changed and you have requested strict checking.
Host key verification failed.: Connection reset by peer"""
SAID = {
    "ssh-host-key-changed": CHANGED,
    "ssh-host-key-unknown": "Cannot recv data: Host key verification failed.: "
    "Connection reset by peer",
    "ssh-key-refused": "Cannot recv data: root@s1: Permission denied (publickey).: "
    "Connection reset by peer",
    "ssh-missing": "Cannot recv data: /x/unattended-ssh: 5: exec: ssh: not found: "
    "Connection reset by peer",
    "ssh-failed": "Cannot recv data: Value too large for defined data type",
    "libvirt-not-allowed": "End of file while reading data: virt-ssh-helper: cannot connect to "
    "'/var/run/libvirt/libvirt-sock': Failed to connect socket to "
    "'/var/run/libvirt/libvirt-sock': Permission denied: Input/output error",
}
URI = "qemu+ssh://root@s1/system"
ODD_PLACE = "qemu+ssh://lpm@[fd00::1]:2222/system?no_verify=0&keyfile=/k/id;no_tty=1"


@pytest.mark.parametrize("code", SAID)
@pytest.mark.parametrize("uri", [URI, ODD_PLACE])
def test_each_trouble_has_its_code_its_cause_and_a_remedy(code: str, uri: str) -> None:
    found = trouble(SAID[code], uri, "the console's user")
    assert found is not None
    assert found.code == code
    assert "\n" not in found.remedy
    assert len(found.cause) < 300
    assert found.remedy


def test_the_remedies_are_commands_that_name_the_place() -> None:
    unknown = trouble(SAID["ssh-host-key-unknown"], URI, "the console's user")
    assert unknown is not None
    assert "As the console's user: ssh-keyscan s1 >> ~/.ssh/known_hosts," in unknown.remedy
    changed = trouble(CHANGED, ODD_PLACE, "root on s2")
    assert changed is not None
    assert "SHA256:qt+T/LpyCC3YONbjFTYQKKUR+IIyAp7h/zNlrVffgvQ" in changed.cause
    assert (
        "as root on s2: ssh-keygen -R '[fd00::1]:2222' && "
        "ssh-keyscan -p 2222 fd00::1 >> ~/.ssh/known_hosts" in changed.remedy
    )
    refused = trouble(SAID["ssh-key-refused"], ODD_PLACE, "the console's user")
    assert refused is not None
    assert "ssh-copy-id -i /k/id -p 2222 lpm@fd00::1." in refused.remedy


@pytest.mark.parametrize(
    ("said", "uri"),
    [
        ("", URI),
        ("Cannot recv data: ssh: connect to host s1 port 22: Connection refused", URI),
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file", URI),
        (SAID["ssh-key-refused"], "qemu+tls://s1/system"),
    ],
)
def test_other_words_are_about_no_key(said: str, uri: str) -> None:
    assert trouble(said, uri, "the console's user") is None


def test_an_end_without_a_word_is_told_from_one_with_a_reason() -> None:
    assert is_swallowed("End of file while reading data: : Input/output error.")
    assert not is_swallowed(SAID["libvirt-not-allowed"])
    assert not is_swallowed("unsupported scheme openlpm in migration URI openlpm://nowhere.")


def test_the_console_calls_by_a_program_that_asks_nobody_and_ends() -> None:
    assert os.access(PROGRAM, os.X_OK)
    for option in ("BatchMode=yes", "ConnectTimeout=", "ServerAliveInterval=", "ControlPath=none"):
        assert f"-o {option}" in PROGRAM.read_text()
    assert unquote(from_console(URI)) == f"{URI}?no_tty=1&command={PROGRAM}"
    asked = f"{URI}?keyfile=/k&no_tty=0"
    assert unquote(from_console(asked)) == f"{asked}&command={PROGRAM}"


def test_a_daemon_calls_without_a_terminal_and_without_our_program() -> None:
    assert from_daemon(URI) == f"{URI}?no_tty=1"
    assert from_daemon(f"{URI}?keyfile=/k") == f"{URI}?keyfile=/k&no_tty=1"


@pytest.mark.parametrize("uri", ["qemu:///system", "qemu+tls://s1/system?pkipath=/p"])
def test_other_ways_are_left_alone(uri: str) -> None:
    assert from_console(uri) == from_daemon(uri) == uri
