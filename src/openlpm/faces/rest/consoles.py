"""The console itself: does it lead, or who does?"""

from fastapi import APIRouter

from openlpm.engine.views import ConsoleView
from openlpm.faces.rest.uses import Uses

router = APIRouter(tags=["console"])


@router.get("/console")
def the_console(console: Uses) -> ConsoleView:
    """This console, and the one that leads."""
    return console.console()
