"""The console's own state: back it up, and take it back, while the console runs.

`file` is a path on the console's machine, written and read with the console's rights. Whoever
may open the socket commands the console, and so may do that.
"""

from fastapi import APIRouter

from openlpm.faces.rest.bodies import BackupBody, RestoreBody
from openlpm.faces.rest.uses import Uses
from openlpm.model.backup import BackupReport, RestoreReport

router = APIRouter(tags=["console"])


@router.post("/backup", status_code=201)
def backup(body: BackupBody, console: Uses) -> BackupReport:
    """Copy the state as it is now into a new file, and read that again, whole."""
    return console.backup(body.file, force=body.force)


@router.post("/restore")
def restore(body: RestoreBody, console: Uses) -> RestoreReport:
    """Take the systems back from a backup; partitions are looked up on the servers again."""
    return console.restore(body.file)
