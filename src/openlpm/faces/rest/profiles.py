"""A partition's profiles: what it gets when it is activated. See docs/profiles.md.

A profile is a document, the same here as in files: the console checks it, and names the place of
what is wrong in it (`model/profile_document.py`).
"""

from typing import Any

from fastapi import APIRouter

from openlpm.engine.views import ProfilesView
from openlpm.faces.rest.bodies import NewProfileBody, ProfileBody
from openlpm.faces.rest.uses import Uses

router = APIRouter(prefix="/partitions/{partition}/profiles", tags=["profiles"])


@router.get("")
def profiles(partition: str, console: Uses) -> ProfilesView:
    """All of them, and which one is current; told from what the partition is, if it keeps none."""
    return console.profiles(partition)


@router.post("", status_code=201)
def create_profile(partition: str, body: NewProfileBody, console: Uses) -> ProfilesView:
    """Add one."""
    if body.copy_of:
        return console.copy_profile(partition, body.copy_of, body.name, body.change)
    return console.create_profile(partition, body.name, body.change)


@router.put("")
def replace_profiles(partition: str, body: dict[str, Any], console: Uses) -> ProfilesView:
    """Keep those of this document in place of all that there are, damaged ones too."""
    return console.replace_profiles(partition, body)


@router.patch("/{profile}")
def change_profile(partition: str, profile: str, body: ProfileBody, console: Uses) -> ProfilesView:
    """Change it. A running partition is not changed by that."""
    return console.change_profile(
        partition,
        profile,
        body.change,
        require=body.require,
        desire=body.desire,
        current=body.current,
    )


@router.delete("/{profile}")
def delete_profile(partition: str, profile: str, console: Uses) -> ProfilesView:
    """Remove it; the current one cannot be."""
    return console.delete_profile(partition, profile)
