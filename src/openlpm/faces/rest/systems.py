"""Managed systems: add, list, show, remove."""

from urllib.parse import quote

from fastapi import APIRouter, Response

from openlpm.engine.views import SystemView
from openlpm.faces.rest.bodies import SystemBody
from openlpm.faces.rest.uses import Uses

router = APIRouter(prefix="/systems", tags=["systems"])

# Kilobytes a system, and of use only where one system is looked at.
_NOT_IN_LISTS = {"facts": {"cpu_xml", "machines", "lockspace"}}


@router.get("", response_model_exclude={"__all__": _NOT_IN_LISTS})
def systems(console: Uses) -> list[SystemView]:
    """Every managed system; without its host's `cpu_xml`, `machines` and `lockspace`."""
    return console.systems()


@router.post("", status_code=201)
def add_system(body: SystemBody, console: Uses, response: Response) -> SystemView:
    """Add a libvirt host. It is connected to before the answer, and not changed."""
    view = console.add_system(body.value())
    response.headers["Location"] = f"/v1/systems/{quote(view.system.name, safe='')}"
    return view


@router.get("/{system}")
def system(system: str, console: Uses) -> SystemView:
    """One managed system."""
    return console.system(system)


@router.delete("/{system}", status_code=204)
def remove_system(system: str, console: Uses) -> None:
    """Forget a managed system. It and its partitions are not touched."""
    console.remove_system(system)
