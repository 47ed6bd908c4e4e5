"""The fault matrix: every fault at every step of a move, on real servers.

    lpm lab chaos                                   # all of it
    lpm lab chaos target-libvirtd-killed@send       # one case

A case is a fault (`faults`) at a moment (`moments`). `run` begins a move, waits for the moment,
strikes, heals, waits for the end, and lets `judge` look at both servers, the disk, the locks and
the console's own words. Nothing here knows the engine: it works the console as an operator does,
and the servers as a vandal does.
"""
