# The one function that openlpm.adapters.libvirt uses of libvirt's QEMU-only library.
from libvirt import virDomain

def qemuAgentCommand(domain: virDomain, cmd: str, timeout: int, flags: int) -> str: ...
