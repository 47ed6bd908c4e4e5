"""`python -m openlpm.lab up`: the same as `lpm lab up`."""

from openlpm.lab.cli import main

main()
