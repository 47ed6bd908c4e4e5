"""Values known by number, so that a state is three small integers."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Numbers(Generic[T]):
    """Gives each different thing a number, so that it is hashed and kept only once.

    `by_id` spares what is kept here its hash: it lives as long, so nothing else gets its id.
    """

    def __init__(self) -> None:
        self.of: dict[T, int] = {}
        self.by_id: dict[int, int] = {}
        self.things: list[T] = []

    def number(self, thing: T) -> int:
        known = self.by_id.get(id(thing))
        if known is None:
            known = self.of.get(thing)
        if known is None:
            known = self.of[thing] = self.by_id[id(thing)] = len(self.things)
            self.things.append(thing)
        return known

    def kept(self, thing: T) -> T:
        """The one that is kept of all that are equal to it."""
        return self.things[self.number(thing)]
