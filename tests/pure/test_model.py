"""The nouns: what is checked at the edge, the error tree, and the few sums they can do."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.model import errors
from openlpm.model.encryption import is_encrypted, is_plain
from openlpm.model.errors import BadRequest, Conflict, OpenLpmError, Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.migration import Phase, Progress
from openlpm.model.names import (
    as_uuid,
    checked_address,
    checked_mac,
    checked_name,
    checked_range,
    checked_unlike,
    checked_uri,
)
from openlpm.model.partition import Mark, Partition
from openlpm.model.sight import ABSENT, CANNOT_SEE, Place, Sight, Why
from openlpm.model.spoken import spoken
from openlpm.model.system import Resources, System, SystemFacts, VirtualSwitch, configurable


class TestNames:
    @pytest.mark.parametrize("name", ["web1", "a", "9to5", "db.prod_2-b", "x" * 63])
    def test_a_good_name_comes_back_unchanged(self, name: str) -> None:
        assert checked_name("partition", name) == name

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " web1",
            "web1\n",
            "-rf",
            ".hidden",
            "a/b",
            "../x",
            "wéb",
            "x" * 64,
            "a b",
            "a\0",
            "<a>",
        ],
    )
    def test_a_bad_name_is_refused_with_the_rule(self, name: str) -> None:
        with pytest.raises(BadRequest, match="cannot be the name of a partition") as refused:
            checked_name("partition", name)
        assert refused.value.code == "bad-name"
        assert "letters, digits" in refused.value.remedy

    @given(st.text())
    def test_whatever_passes_is_harmless_anywhere(self, text: str) -> None:
        try:
            name = checked_name("system", text)
        except BadRequest:
            return  # refused
        assert name.isascii()
        assert not set(name) & set("/\\'\"<>&;|$` \t\n\0")


class TestUris:
    @pytest.mark.parametrize(
        "uri",
        [
            "qemu:///system",
            "qemu+ssh://root@server/system",
            "qemu+ssh://lpm@[fd00::1]:2222/system?keyfile=/etc/openlpm/key&no_tty=1&proxy=netcat",
            "qemu+ssh://server/system?no_verify=1&mode=direct&socket=/run/libvirt/libvirt-sock",
            "qemu+tls://server.example:16514/system?no_verify=1",
            "qemu+unix:///session?socket=/run/x/libvirt-sock",
            "qemu+tcp://[fd00::1]/system",
        ],
    )
    def test_a_good_one_comes_back_unchanged(self, uri: str) -> None:
        assert checked_uri(uri) == uri

    @pytest.mark.parametrize(
        ("uri", "why"),
        [
            ("test:///default", "scheme"),
            ("qemu+ext://server/system", "scheme"),
            ("server", "scheme"),
            ("", "scheme"),
            ("qemu://server", "path"),
            ("qemu:///default", "path"),
            ("qemu+ssh://server:port/system", "no URI"),
            ("qemu+tls://[fd00/system", "no URI"),
            ("qemu+ssh://ser ver/system", "blanks"),
            ("qemu:///system\n", "blanks"),
            ("qemu:///system\x07", "control"),
            ("qemu+ssh://-oProxyCommand=x/system", "option"),
            ("qemu+ssh://%2DoProxyCommand=x/system", "option"),
            ("qemu+ssh://-oProxyCommand=x@server/system", "option"),
            ("qemu+ssh://root@$(reboot)/system", "command"),
            ("qemu+ssh://`reboot`@server/system", "command"),
            ("qemu+ssh://server/system?socket=/$(reboot)", "socket"),
            ("qemu+ssh://server/system?keyfile=-x", "keyfile"),
            ("qemu+ssh://server/system#", "'#'"),
            ("qemu+ssh://server/system?socket=/" + "x" * 1024, "longer"),
            ("qemu+ssh://root@server/system?command=/tmp/x", "command"),
            ("qemu+ssh://root@server/system?no_tty=1&netcat=/tmp/x", "would run"),
            ("qemu+ssh://root@server/system?Command=/tmp/x", "Command"),
            ("qemu+ssh://root@server/system?known_hosts=/k", "~/.ssh/known_hosts"),
            ("qemu+ssh://root@server/system?known_hosts_verify=ignore", "not allowed"),
            ("qemu+ssh://-l@server/system", "option"),
            ("qemu+ssh://server/system?proxy=-oProxyCommand=x", "proxy"),
        ],
    )
    def test_a_bad_one_is_refused_with_the_cause(self, uri: str, why: str) -> None:
        with pytest.raises(BadRequest) as refused:
            checked_uri(uri)
        assert refused.value.code == "bad-uri"
        assert why in refused.value.cause


class TestOtherInput:
    @pytest.mark.parametrize("address", ["server", "10.0.0.1", "fd00::1", "a-b.example"])
    def test_an_address(self, address: str) -> None:
        assert checked_address("migration address", address) == address

    @pytest.mark.parametrize(
        "address",
        ["", "a b", "a/b", "host\n", "x" * 254, "a;b", "-x", "host:22", "::g", ":::", "::1%$(x)"],
    )
    def test_no_address(self, address: str) -> None:
        with pytest.raises(BadRequest, match="migration address"):
            checked_address("migration address", address)

    @pytest.mark.parametrize("value", [1, 2.5, 10])
    def test_in_range(self, value: float) -> None:
        checked_range("The pause", value, 1, 10)

    @pytest.mark.parametrize("value", [0.99, 10.1, float("nan"), float("inf")])
    def test_out_of_range(self, value: float) -> None:
        with pytest.raises(BadRequest, match="between 1 and 10"):
            checked_range("The pause", value, 1, 10)

    def test_a_number_that_no_float_holds_is_out_of_range(self) -> None:
        with pytest.raises(BadRequest, match="too large a number"):
            checked_range("Memory in MiB", 10**400, 1, 10)

    def test_a_name_is_not_repeated_at_length(self) -> None:
        with pytest.raises(BadRequest) as refused:
            checked_name("partition", "x" * 10**6)
        assert len(str(refused.value)) < 250

    def test_a_command_that_we_propose_holds_no_name_that_a_shell_would_take_apart(self) -> None:
        assert spoken("web-1.a_b", "uuid") == "web-1.a_b"
        for name in ("x;reboot", "$(reboot)", "-rf", "a b", "", "x" * 64, "web1\n", "é"):
            assert spoken(name, "uuid") == "uuid"

    def test_a_mac_address_is_one_adapters(self) -> None:
        assert checked_mac("52:54:00:aB:cD:eF") == "52:54:00:aB:cD:eF"

    @pytest.mark.parametrize(
        "mac",
        [
            *("", "zz", "52:54:00:00:00", "52:54:00:00:00:01:02", "52-54-00-00-00-01"),
            *("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"),
        ],
    )
    def test_a_bad_mac_address(self, mac: str) -> None:
        with pytest.raises(BadRequest, match="cannot be an adapter's MAC address"):
            checked_mac(mac)

    def test_what_is_given_twice(self) -> None:
        checked_unlike("The disk", ["a", "b", "", ""])
        with pytest.raises(BadRequest, match="The disk 'A' is given twice"):
            checked_unlike("The disk", ["a", "b", "A"])

    def test_a_uuid_is_brought_into_one_form(self) -> None:
        form = "6695eb01-f6a4-8304-79aa-97f2502e193f"
        assert as_uuid(form.upper()) == form
        assert as_uuid(form.replace("-", "")) == form

    @pytest.mark.parametrize("text", ["", "web1", "6695eb01", "z" * 32, "{" + "a" * 34 + "}"])
    def test_what_is_no_uuid(self, text: str) -> None:
        assert as_uuid(text) is None


class TestErrors:
    def test_what_is_read_has_cause_and_remedy(self) -> None:
        error = OpenLpmError("c", "It failed.", cause="No disk.", remedy="Add one.")
        assert str(error) == "It failed. No disk. Add one."
        assert str(OpenLpmError("c", "It failed.")) == "It failed."

    def test_the_tree_is_the_one_in_the_docstring(self) -> None:
        classes = {
            n: c
            for n, c in inspect.getmembers(errors, inspect.isclass)
            if issubclass(c, OpenLpmError)
        }
        tree, above = {}, ["OpenLpmError"]
        for line in (errors.__doc__ or "").splitlines():
            name = line.lstrip(" │├└─").split(" ")[0]
            if name in classes:
                depth = (len(line) - len(line.lstrip(" │├└─"))) // 4 - 1
                tree[name] = above[depth - 1] if depth else "OpenLpmError"
                above[depth:] = [name]
        del tree["OpenLpmError"]
        assert tree == {n: c.__base__.__name__ for n, c in classes.items() if n != "OpenLpmError"}

    def test_a_branch_hands_its_kind_down(self) -> None:
        assert (errors.Busy.kind, errors.TooLate.kind) == ("conflict", "conflict")
        assert issubclass(errors.Busy, Conflict)

    def test_a_refusal_carries_its_findings(self) -> None:
        found = Finding("memory-short", Severity.ERROR, "s2", "memory", "Too little.", "Add some.")
        assert Refused("no-room", "No.", [found]).findings == (found,)


class TestSums:
    def test_processing_units_do_not_drift(self) -> None:
        ten = sum([Resources(0.1, 1)] * 10, Resources(0.0, 0))
        assert ten == Resources(1.0, 10)
        assert ten - Resources(0.05, 4) == Resources(0.95, 6)

    def test_the_operators_figures_win_even_when_they_are_zero(self) -> None:
        facts = SystemFacts("h", "one", "QEMU", 1, 1, "x86_64", 4, 4096)
        host = System("s1", "qemu:///system", "qemu+tls://s1/system")
        assert configurable(host, facts) == Resources(4.0, 4096)
        less = System("s1", host.uri, host.peer_uri, processors=0.0, memory_mib=0)
        assert configurable(less, facts) == Resources(0.0, 0)

    def test_a_switch_is_known_by_kind_and_name(self) -> None:
        switch = VirtualSwitch("guests", "bridge")
        facts = SystemFacts("h", "one", "QEMU", 1, 1, "x86_64", 4, 4096, switches=(switch,))
        assert facts.switch("bridge", "guests") == switch
        assert facts.switch("network", "guests") is None

    def test_an_unmarked_partition_needs_half_a_processor_for_each_of_its_own(
        self,
    ) -> None:
        web = Partition("u", "web1", "s1", Sight.RUNNING, Why.NONE, 3, 512)
        assert web.demand == Resources(1.5, 512)
        marked = Partition(
            "u", "web1", "s1", Sight.RUNNING, Why.NONE, 3, 512, mark=Mark(1, processing_units=0.2)
        )
        assert marked.demand == Resources(0.2, 512)

    @pytest.mark.parametrize(
        ("total", "remaining", "fraction"),
        [(0, 0, 0.0), (100, 25, 0.75), (100, 400, 0.0), (100, 0, 1.0)],
    )
    def test_progress_stays_between_nothing_and_all(
        self, total: int, remaining: int, fraction: float
    ) -> None:
        progress = Progress(total_bytes=total, remaining_bytes=remaining)
        assert progress.after(None).memory_done == fraction

    @pytest.mark.parametrize(
        ("uri", "plain"),
        [
            ("qemu+tcp://s1/system", True),
            ("QEMU+TCP://s1/system", True),
            ("qemu+tls://s1/system?no_verify=1", True),
            ("qemu+ssh://s1/system?keyfile=/k;no_verify=1", True),
            ("qemu+ssh://s1/system?keyfile=/k&no_verify=0", False),
            ("qemu+tls://s1/system?pkipath=/pki", False),
            ("qemu+ssh://s1/system", False),
            ("qemu+libssh2://s1/system?known_hosts_verify=ignore", True),
            ("qemu+libssh2://s1/system?keyfile=/k&known_hosts_verify=auto", True),
            ("qemu+libssh2://s1/system?known_hosts_verify=normal&known_hosts=/k", False),
            ("qemu://s1/system", False),
            ("qemu:///system", False),
        ],
    )
    def test_what_is_not_encrypted_or_says_not_who_answers(self, uri: str, plain: bool) -> None:
        assert is_plain(uri) == plain

    def test_memory_is_encrypted_unless_given_up_for_either(self) -> None:
        safe = System("s1", "qemu:///system", "qemu+tls://s1/system")
        open_ = System("s2", safe.uri, safe.peer_uri, insecure=True)
        assert is_encrypted(safe, safe)
        assert not is_encrypted(safe, open_)
        assert not is_encrypted(open_, safe)

    def test_only_three_phases_are_ends(self) -> None:
        assert {p for p in Phase if p.final} == {Phase.DONE, Phase.FAILED, Phase.STOPPED}

    def test_only_what_has_a_process_is_alive(self) -> None:
        assert Place(Sight.RUNNING).alive
        assert Place(Sight.PAUSED).alive
        assert not any(p.alive for p in (ABSENT, CANNOT_SEE, Place(Sight.OFF)))
