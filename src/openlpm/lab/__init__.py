"""Real libvirt servers on one machine, for the demo, the tests and the benchmark.

Each server is a set of Linux namespaces with its own libvirtd; see `lab.py` for how to use it and
`plan.py` for what is in it. This package knows nothing of the console.
"""

from openlpm.lab.accelerator import accel
from openlpm.lab.errors import LabError
from openlpm.lab.lab import Lab
from openlpm.lab.server import LabServer
from openlpm.lab.storage import Volume

__all__ = ["Lab", "LabError", "LabServer", "Volume", "accel"]
