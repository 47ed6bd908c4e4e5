"""Processors of the fake world: a model is a set of features, and the XML is their list."""

from collections.abc import Sequence
from dataclasses import replace

from openlpm.model.errors import HypervisorRefused
from openlpm.model.processor import GuestCpu, NamedCpu

MODELS = {
    "qemu64": {"sse2"},
    "Nehalem": {"sse2", "sse4.2"},
    "Haswell": {"sse2", "sse4.2", "avx", "avx2"},
    "EPYC": {"sse2", "sse4.2", "avx", "avx2", "sse4a"},
}
MAKERS = {"Nehalem": "Intel", "Haswell": "Intel", "EPYC": "AMD"}


def xml_of(features: set[str]) -> str:
    """What stands in definitions."""
    return f"<cpu>{' '.join(sorted(features))}</cpu>"


def features_in(xml: str) -> set[str]:
    return set(xml.removeprefix("<cpu>").removesuffix("</cpu>").split())


def features_of(cpu: NamedCpu) -> set[str]:
    return MODELS[cpu.model].union(cpu.features).difference(cpu.without)


def named(model: str, *features: str) -> NamedCpu:
    """A processor that has more than its model."""
    cpu = NamedCpu(model, MAKERS.get(model, ""), features)
    return replace(cpu, xml=xml_of(features_of(cpu)))


def guest_cpu(model: str, mode: str = "custom") -> GuestCpu:
    """A partition's, of a model, or chosen by a mode."""
    if mode != "custom":
        return GuestCpu("x86_64", "pc-q35-7.2", "qemu", f"<cpu>{mode}</cpu>", mode)
    return GuestCpu("x86_64", "pc-q35-7.2", "qemu", xml_of(MODELS[model]), mode, model)


def baseline(cpus: Sequence[NamedCpu], unknown: set[str]) -> NamedCpu:
    """The most that all have, as the model that comes nearest; refused between makers."""
    asked = {cpu.model for cpu in cpus}
    strange = asked & unknown or asked - MODELS.keys()
    if strange:
        raise HypervisorRefused("hypervisor-refused", f"Unknown CPU model {strange.pop()}.")
    if len({cpu.vendor for cpu in cpus if cpu.vendor}) > 1:
        raise HypervisorRefused("hypervisor-refused", "CPU vendors do not match.")
    common = set[str].intersection(*map(features_of, cpus))
    within = [model for model, has in MODELS.items() if has <= common and model not in unknown]
    model = max(within, key=lambda each: len(MODELS[each]))
    return named(model, *sorted(common - MODELS[model]))
