"""What a partition must be for a use case, or the error that says what it is instead."""

from openlpm.model.errors import Conflict, ServerUnreachable
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight
from openlpm.model.spoken import spoken


def must_be(partition: Partition, *states: Sight) -> None:
    """In one of these states. Raises `Conflict`, or `ServerUnreachable` where nobody knows."""
    if partition.state is Sight.UNKNOWN:
        raise ServerUnreachable(
            "server-unreachable",
            f"{partition.system} does not answer, so nothing is known of {partition.name!r}.",
            remedy=f"lpm system show {partition.system} tells more.",
        )
    if partition.state not in states:
        raise Conflict(
            "wrong-state",
            f"{partition.name!r} is {partition.state} on {partition.system}.",
            cause=f"It must be {' or '.join(states)} for this.",
            remedy="lpm partition show tells its state.",
        )


def must_be_ours(partition: Partition) -> None:
    """Made or adopted by us. Raises `Conflict`."""
    if partition.mark is None:
        word = spoken(partition.name, partition.uuid)
        raise Conflict(
            "not-adopted",
            f"{partition.name!r} was made by others.",
            remedy=f"Adopt it first: lpm partition adopt {word}.",
        )
