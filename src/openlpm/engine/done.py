"""To write down what has been done to a partition already."""

import logging

from openlpm.model.errors import NotLeader, StoreFailed
from openlpm.model.event import Event
from openlpm.ports import Journal

log = logging.getLogger(__name__)


def tell_done(journal: Journal, event: Event) -> None:
    """It is done: a store that cannot be written does not make that a failure."""
    try:
        journal.tell(event)
    except (NotLeader, StoreFailed) as error:
        log.warning("Not written: %s (%s)", event.message, error.message)
