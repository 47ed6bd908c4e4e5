"""The fake world: servers, partitions and transfers in memory, behaving as libvirt's do.

world.py        the world: servers, partitions, time, faults; tests begin here
server.py       one server and its domains
guest.py        a guest, and a domain: that guest on one server
transfer.py     one peer-to-peer transfer, stage by stage; sending.py: its memory on its way
hypervisors.py  `ports.Hypervisors`: one console's connections, which die with it
host.py         `ports.Host`: one connection
clock.py        `ports.Clock`; stream.py: a serial console; news.py: libvirt's events
"""
