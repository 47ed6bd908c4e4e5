"""Virtual I/O Servers, and the virtual switches of all systems."""

from fastapi import APIRouter

from openlpm.engine.views import NetworksView, SystemView
from openlpm.faces.rest.bodies import ViosBody
from openlpm.faces.rest.uses import Uses
from openlpm.model.vios import Vios

router = APIRouter(tags=["virtual I/O"])


@router.get("/systems/{system}/vios")
def vios(system: str, console: Uses) -> Vios:
    """A system's Virtual I/O Server: each virtual adapter and its backing, pools, mover."""
    return console.vios(system)


@router.patch("/systems/{system}/vios")
def set_vios(system: str, body: ViosBody, console: Uses) -> SystemView:
    """Change its mover, for the moves that begin from now on; null leaves a value as it is."""
    return console.set_vios(
        system,
        mover_address=body.mover_address,
        mover_bandwidth_mib_s=body.mover_bandwidth_mib_s,
        concurrent=body.concurrent,
    )


@router.get("/networks")
def networks(console: Uses, system: str = "") -> NetworksView:
    """Every virtual switch, or those of one system: VLANs, MTU, adapters, where else it is."""
    return console.networks(system)
