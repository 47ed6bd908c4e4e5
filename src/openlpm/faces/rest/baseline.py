"""The processor baseline of some systems. A question, so that a follower answers it too."""

from typing import Annotated

from fastapi import APIRouter, Query

from openlpm.faces.rest.uses import Uses
from openlpm.model.baseline import Baseline

router = APIRouter(prefix="/baseline", tags=["systems"])


@router.get("")
def baseline(console: Uses, system: Annotated[list[str], Query(default_factory=list)]) -> Baseline:
    """What processor all of these x86-64 systems can give, and which of their partitions fit it.

    `system` is given again for each. Nothing is changed by it.
    """
    return console.baseline(system)
