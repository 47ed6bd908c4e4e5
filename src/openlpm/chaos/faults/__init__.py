"""What goes wrong: the rows of the matrix.

A fault strikes and heals; in between it waits for what an operator would notice, or for `HOLD_S`.

    fault.py      what a row is
    console.py    the console, and operators
    daemons.py    libvirt's daemons, QEMUs
    links.py      cables, connections, power
    leader.py     the one that leads, of two consoles on one PostgreSQL
"""

from openlpm.chaos.faults import console, daemons, leader, links
from openlpm.chaos.faults.fault import Fault

__all__ = ["FAULTS", "Fault"]

FAULTS = (*console.ROWS, *daemons.ROWS, *links.ROWS, *leader.ROWS)
