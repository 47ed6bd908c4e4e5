"""A benchmark on one guest: idle, then dirtying memory, its clients outside; figures to a file."""

import argparse
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openlpm.lab.probe.clients import OutsideClients
from openlpm.lab.stage import SERVES_WITHIN_S, Guest, Stage

LOADS = {"idle": 0, "dirty_20": 20}
"""MB/s that the guest dirties."""

Pairs = Callable[[int], dict[str, Any]]


def run(about: str | None, out: Path, make: Callable[[Stage, Guest, OutsideClients], Pairs]) -> int:
    """Measure so many pairs for each load by what `make` gives, and write the figures.

    The exit code is 0 whatever they are: a benchmark is no test.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--memory", type=int, default=256, help="the guest's memory in MiB")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    with Stage.up(f"bench-{secrets.token_hex(2)}") as stage:
        guest = stage.make_partition("bench1", on="s1", memory_mib=arguments.memory)
        stage.lpm("partition", "activate", guest.name)
        with stage.clients(guest) as clients:
            clients.wait_until_served(SERVES_WITHIN_S)
            pairs = make(stage, guest, clients)
            for name, rate in LOADS.items():
                stage.fetch(guest, f"/dirty?mb_per_s={rate}&mib=128")
                print(f"{name}: {arguments.pairs} pairs", flush=True)
                result[name] = pairs(arguments.pairs)
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0
