"""Bad input on real servers: a clear error with its remedy, nothing changed, nothing lost."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from console_fixtures import Site

from openlpm.lab.configuration import LEASE_POOL

pytestmark = pytest.mark.lab

# Accepts connections, and never says a word.
MUTE = """
import socket, time
with socket.create_server(("198.18.0.1", 16999)) as server:
    print("ready", flush=True)
    time.sleep(60)
"""
OURS = "<openlpm:partition xmlns:openlpm='urn:openlpm:partition:1' {}/>"
CSI = "\x9b31m"


def test_unknown_names(site: Site):
    for words in (
        ("partition", "show", "nobody"),
        ("partition", "activate", "nobody"),
        ("validate", "nobody", "--to", "s2"),
        ("migrate", "nobody", "--to", "s2"),
        ("system", "remove", "nobody"),
        ("migration", "show", "nobody"),
    ):
        done = site.cli(*words)
        assert done.returncode == 2, words
        assert "nobody" in done.stderr
        assert len(done.stderr.strip().splitlines()) >= 2, "a remedy"
    with site.guest() as tiny:
        done = site.cli("migrate", tiny.name, "--to", "nobody", "--json")
        assert (done.returncode, json.loads(done.stderr)["code"]) == (2, "no-such-system")
        assert site.cli("migrate", tiny.name[:-1], "--to", "s2").returncode == 2, "no guessing"
        assert site.cli("return", tiny.name).returncode == 6


def test_addresses_that_answer_nothing(site: Site):
    """Nobody there, nobody listening, packets dropped, and one that accepts and stays mute."""
    before = [view["system"] for view in site.client.get("/v1/systems")]
    hub = site.stage.lab
    mute = hub.popen(["python3", "-u", "-c", MUTE], stdout=-1)
    hub.run(["iptables", "-I", "OUTPUT", "-d", "198.18.0.98", "-j", "DROP"])
    try:
        assert mute.stdout is not None
        assert mute.stdout.readline() == "ready\n"
        places = ("198.18.0.99", "198.18.0.98", "198.18.0.11:1", "198.18.0.1:16999", "nosuch.lab")

        def add(number_and_place: tuple[int, str]) -> tuple[float, int, dict[str, str]]:
            number, place = number_and_place
            began = time.monotonic()
            done = site.cli("system", "add", f"x{number}", f"qemu+tls://{place}/system", "--json")
            return time.monotonic() - began, done.returncode, json.loads(done.stderr)

        with ThreadPoolExecutor() as pool:
            for took, code, problem in pool.map(add, enumerate(places)):
                assert (code, problem["kind"]) == (5, "unreachable"), problem
                assert took < 10
                assert problem["detail"]
                assert problem["cause"]
                assert problem["remedy"]
    finally:
        mute.kill()
        mute.wait()
        hub.run(["iptables", "-D", "OUTPUT", "-d", "198.18.0.98", "-j", "DROP"])
    assert [view["system"] for view in site.client.get("/v1/systems")] == before


def test_systems_that_cannot_be(site: Site):
    uri = site.system("s1")["system"]["uri"]
    for name, address, code in (
        ("s1", "qemu+tls://198.18.0.77/system", "system-exists"),
        ("again", uri, "system-exists"),
        ("again", uri.replace("tls://", "tls://root@"), "host-uuid-taken"),
        ("a b", uri, "bad-name"),
        ("x", "test:///default", "bad-uri"),
        ("x", f"{uri}&command=/tmp/evil", "bad-uri"),
        ("x", "qemu+ssh://-oProxyCommand=evil/system", "bad-uri"),
    ):
        problem = site.problem("POST", "systems", body={"name": name, "uri": address})
        assert problem.code == code
        assert problem.remedy
    assert [view["system"]["name"] for view in site.client.get("/v1/systems")] == ["s1", "s2"]


def test_partitions_that_cannot_be(site: Site):
    def left() -> tuple[str, str]:
        leases = site.virsh("s1", "vol-list", LEASE_POOL)
        return site.virsh("s1", "list", "--all", "--uuid"), leases

    with site.guest() as other:
        before = left()
        wish = {"name": "vbad", "system": "s1", "memory_mib": 32}
        for change, kinds in (
            ({"name": other.name}, ("conflict",)),
            ({"name": "../evil"}, ("bad-request",)),
            ({"name": "x" * 64}, ("bad-request",)),
            ({"system": "nobody"}, ("not-found",)),
            ({"memory_mib": 1}, ("bad-request",)),
            ({"memory_mib": 2**40}, ("bad-request",)),
            ({"processors": 0}, ("bad-request",)),
            ({"processors": 1000}, ("hypervisor", "bad-request")),
            ({"processing_units": 0.07}, ("bad-request",)),
            ({"processing_units": 2.0}, ("bad-request",)),
            ({"processing_units": float("nan")}, ("bad-request",)),
            ({"ethernets": [{"switch": "nosuch"}]}, ("not-found", "bad-request")),
            ({"ethernets": [{"switch": "guest", "mac": "zz"}]}, ("bad-request",)),
            ({"ethernets": [{"switch": "guest", "mac": "ff:ff:ff:ff:ff:ff"}]}, ("bad-request",)),
            (
                {"ethernets": [{"switch": "guest", "mac": "52:54:00:00:00:01"}] * 2},
                ("bad-request",),
            ),
            ({"disks": [{"url": "nbd://h/x"}] * 2}, ("bad-request",)),
            ({"disks": [{"url": "file:///etc/passwd"}]}, ("bad-request",)),
            ({"disks": [{"url": "nbd://host:99999/x"}]}, ("bad-request",)),
            ({"disks": [{"url": "nbd://h/x", "bus": "evil"}]}, ("bad-request",)),
            ({"machine": "nosuch"}, ("hypervisor",)),
            ({"cpu_model": "a\x1b[31m"}, ("bad-request",)),
            ({"cpu_model": "nosuch"}, ("not-found",)),
        ):
            problem = site.problem("POST", "partitions", body=wish | change)
            assert problem.kind in kinds, (change, problem.text())
            assert problem.message
        assert left() == before
        done = site.cli("partition", "create", "vbad", "--on", "s1", "--memory", "12 parsecs")
        assert done.returncode == 2


def test_power_that_is_wrong(site: Site):
    with site.guest(start="running") as tiny:
        assert site.cli("partition", "delete", tiny.name).returncode == 6
        assert site.cli("partition", "activate", tiny.name).returncode == 6
        assert site.problem("POST", "partitions", tiny.name, "resume").code == "wrong-state"
        assert site.partition(tiny.name)["state"] == "running"
    with site.guest(marked=False) as tiny:
        assert site.problem("DELETE", "partitions", tiny.name).code == "not-adopted"
    with site.guest() as tiny:
        body = {"to": "s2", "max_pause_ms": 0}
        problem = site.problem("POST", "partitions", tiny.name, "migrate", body=body)
        assert problem.kind == "bad-request"


TRAPS = (
    "id='NaN'",
    "id='99999999999999999999'",
    "id='-1'",
    "units='nan' id='1'",
    "units='1e308' id='1'",
    f"id='1' os='{CSI}' came-from='../../etc'",
    "id='1' came-from='s1&#10;s9  connected'",
    "id='1' surprise='yes'",
    "",
)


def test_definitions_that_others_laid_as_traps(site: Site):
    """Strange marks, names and lengths: listed, moved or refused, and never obeyed."""
    long = "q" * 10_000
    disk = f"""<disk type='network'><source protocol='nbd' name='{CSI}{long}'><host name='h'/>
      </source><target dev='vda'/></disk>"""
    names = (f"a{CSI}red", "b\u202egpj", "--help", "-rf", "&lt;script&gt;alert(1)", "g h")
    uuids: list[str] = []
    with (
        site.guest(lease=False) as pattern,
        site.guest(disk, "<title>" + CSI + "</title>") as long_disk,
    ):
        for number, trap in enumerate((*TRAPS, *names)):
            uuids.append(f"{pattern.uuid[:8]}-0000-4000-9000-{number:012d}")
            is_name = number >= len(TRAPS)
            name = trap if is_name else f"{pattern.name}-{number}"
            xml = pattern.xml(mark=OURS.format("id='7'" if is_name else trap))
            xml = xml.replace(pattern.uuid, uuids[-1]).replace(
                f"<name>{pattern.name}<", f"<name>{name}<"
            )
            site.virsh("s1", "define", "/dev/stdin", stdin=xml)
        try:
            for uuid in uuids:
                shown = site.seen(uuid, "off")
                assert shown["memory_mib"] == 32, shown
            for words in (
                ("partition", "list"),
                ("partition", "list", "--json"),
                ("events", "--last", "40"),
                ("targets", long_disk.name),
                ("validate", long_disk.uuid, "--to", "s2", "--json"),
                ("partition", "show", uuids[5]),
                ("partition", "show", uuids[6]),
                ("return", uuids[5]),
                ("partition", "show", f"nobody{CSI}"),
            ):
                done = site.cli(*words)
                assert "Traceback" not in done.stderr, words
                for character in done.stdout + done.stderr:
                    assert character == "\n" or character.isprintable(), (words, character)
                if "--json" in words:
                    json.loads(done.stdout)
            sheet = site.cli("partition", "show", uuids[6]).stdout
            assert not any(line.startswith("s9") for line in sheet.splitlines())
            site.refused(uuids[0], "not-adopted")
            assert site.system("s1")["link"] == "connected"
            # One of these moves as any other does, by its UUID.
            moved = uuids[len(TRAPS)]
            assert site.ended(site.migrate(moved))["phase"] == "done"
            assert site.seen(moved, "off")["system"] == "s2"
        finally:
            for server in ("s1", "s2"):
                script = "".join(f"undefine {uuid}\n" for uuid in uuids)
                site.virsh(server, stdin=script, check=False)
        assert site.target(pattern.name).keys() == {"lease-none"}


def test_requests_that_are_no_http(site: Site):
    """The socket takes anything and lives on."""
    for junk in (b"\x00" * 1000, b"GET /" + b"a" * 100_000, b"POST /v1/systems HTTP/1.1\r\n"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(site.stage.socket))
            raw.sendall(junk)
    assert site.client.get("/v1/systems")
