"""After a move the partition has all of its memory: it has not rebooted, and goes on serving.

A slow link and traffic make the odds worst: many pages are written while others are sent. Without
the guard of adapters/libvirt/lost_writes.py a guest under QEMU 7.2's emulation panics here.
"""

import moving
import pytest
from moving import NAME, Scene

pytestmark = pytest.mark.lab
scene = moving.scene

MOVES = 3


def test_a_partition_under_traffic_survives_moves_over_a_slow_link(scene: Scene) -> None:
    uptime_s, first = scene.fetch("/")["uptime_s"], scene.fetch("/seq")["last"]
    with scene.stage.clients(scene.guest) as clients:
        for _ in range(MOVES):
            clients.wait_until_served(20)
            scene.link("200mbit")
            try:
                scene.lpm("migrate", NAME, "--to", scene.there)
            finally:
                scene.link()
            clients.wait_until_served(20)
            now_s = scene.fetch("/")["uptime_s"]
            assert now_s > uptime_s, "it has rebooted: the move lost some of its memory"
            uptime_s = now_s
        assert clients.report().http_lost == 0
    scene.assert_sequence(first)
