"""The processor baseline of two real servers: by libvirt, and what it says of partitions.

Both servers run on this machine's processor, so what is too much for the baseline here is a model
that neither can give, and a mode that libvirt cannot compare. Servers that differ are the fake
world's (tests/engine/test_baselines.py) and, for libvirt's computation, tests/contract's.
"""

import json
from typing import Any

import pytest
from console_fixtures import Site, Tiny

from openlpm.faces.cli.client import path_of

pytestmark = pytest.mark.lab

MILAN = "<cpu mode='custom' match='exact'><model>EPYC-Milan</model></cpu>"
MAXIMUM = "<cpu mode='maximum'/>"
BOTH = ("s1", "s2")


def fit(site: Site, tiny: Tiny) -> dict[str, Any]:
    """What the baseline's answer says of one partition."""
    found = site.client.get(path_of("baseline"), system=BOTH)
    (told,) = [each for each in found["partitions"] if each["uuid"] == tiny.uuid]
    return told


def test_each_partition_is_told_what_it_needs(site: Site):
    with (
        site.guest(start="running") as fine,
        site.guest(cpu=MAXIMUM, start="running") as whole,
        site.guest(cpu=MILAN) as rich,
    ):
        told = fit(site, fine)
        assert (told["fit"], told["reason"], told["processor"]) == ("fits", "", "qemu64")
        told = fit(site, rich)
        assert (told["fit"], told["state"]) == ("change", "off")
        assert told["reason"].startswith("s1, s2: ")
        assert "clzero" in told["reason"]
        told = fit(site, whole)
        assert told["fit"] == "change"
        assert "mode maximum" in told["reason"]
        site.define(whole)  # what is stored is a plain model now; what runs is as it was
        assert fit(site, whole)["fit"] == "restart"
        site.virsh("s1", "destroy", whole.name)
        site.virsh("s1", "start", whole.name)
        assert fit(site, whole)["fit"] == "fits"


def test_a_partition_that_is_given_the_baseline_moves(site: Site):
    printed = site.cli("system", "baseline", *BOTH, "--xml")
    assert printed.returncode == 0, printed
    with site.guest(cpu=MILAN) as rich:
        assert fit(site, rich)["fit"] == "change"
        site.define(rich, cpu=printed.stdout)
        assert fit(site, rich)["fit"] == "fits"
        site.virsh("s1", "start", rich.name)
        site.seen(rich.uuid, "running")
        assert fit(site, rich)["fit"] == "fits"
        moved = site.cli("migrate", rich.name, "--to", "s2")
        assert moved.returncode == 0, moved
        assert (fit(site, rich)["fit"], fit(site, rich)["system"]) == ("fits", "s2")


def test_the_command_line_names_models_that_can_be_asked_for(site: Site):
    found = json.loads(site.cli("system", "baseline", *BOTH, "--json").stdout)
    assert found["hypervisor"] == "qemu"
    assert {"qemu64", "Nehalem"} <= set(found["models"])
    assert site.cli("system", "baseline", "s1", "s9").returncode == 2
