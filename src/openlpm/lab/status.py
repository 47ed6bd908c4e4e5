"""What a lab looks like now, for people and for programs."""

import os
from typing import Any

from openlpm.lab import control, state
from openlpm.lab.lab import Lab
from openlpm.lab.server import LabServer


def look_at(name: str) -> dict[str, Any]:
    """As `lpm lab status --json` prints it; a lab that `up` did not complete has no servers."""
    plan, complete = state.load(state.folder_of(name))
    lab = Lab(plan)
    return {
        "name": name,
        "complete": complete,
        "running": control.answers(lab.hub.socket),
        "link": plan.link,
        "mtu": plan.mtu,
        "servers": [_server(lab, server) for server in lab.servers] if complete else [],
        "volumes": [volume.export for volume in lab.volumes()],
    }


def _server(lab: Lab, server: LabServer) -> dict[str, Any]:
    running = control.answers(server.socket)
    machine_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return {
        "name": server.name,
        "running": running,
        "pid": server.pid if running else None,
        "frozen": running and server.is_frozen(),
        "daemons": server.daemons() if running else [],
        "uri": server.uri,
        "peer_uri": server.peer_uri,
        "ssh_uri": server.ssh_uri,
        "migration_address": server.migration_address,
        "host_uuid": server.host_uuid,
        "processors": server.processors or os.cpu_count(),
        "memory_mib": server.memory_mib or machine_mib,
        "cut": lab.cut_links(server) if running else [],
    }


def as_table(seen: dict[str, Any]) -> str:
    """For people."""
    rows = [["SERVER", "STATE", "CONSOLE REACHES IT AT", "PEERS AT", "CPUS", "MEMORY"]]
    rows += [
        [
            one["name"],
            _state(one),
            one["uri"],
            one["peer_uri"],
            str(one["processors"]),
            f"{one['memory_mib']} MiB",
        ]
        for one in seen["servers"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    name = seen["name"]
    about = f"Lab {name}: migration links {seen['link']}, MTU {seen['mtu']}"
    if not (seen["complete"] and seen["running"]):
        about = f"Lab {name} is incomplete. Unless it is being made: lpm lab down --name {name}"
    return "\n".join([about, *table] if seen["servers"] else [about])


def _state(one: dict[str, Any]) -> str:
    if not one["running"]:
        return "gone"
    if one["frozen"]:
        return "frozen"
    if "libvirtd" not in one["daemons"]:
        return "no libvirtd"
    return f"cut from {'+'.join(one['cut'])}" if one["cut"] else "running"
