"""Fills `ports.Hypervisors` and `ports.Host` with libvirt. The only package that imports it.

Read `connection.py` first (how calls are bounded), then `host.py` (which
module does what), then `migrate.py`.
"""

from openlpm.adapters.libvirt.host import LibvirtHost, LibvirtHypervisors

__all__ = ["LibvirtHost", "LibvirtHypervisors"]
