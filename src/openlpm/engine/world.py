"""What a mover needs of the outside, in one value."""

from collections.abc import Callable
from dataclasses import dataclass

from openlpm.engine.bell import Bell
from openlpm.model.system import System
from openlpm.ports import Clock, Host, Journal


@dataclass(frozen=True, slots=True)
class World:
    """`host` raises `ServerUnreachable` when a system is out of reach; `follow` (system,
    UUID, callback) calls back at each event of a partition until what it returns is called;
    `refresh` looks at one partition (system, UUID) again, so that the inventory shows at once
    what a move has changed; `forget` drops what was last seen of one on a system out of reach;
    `systems` names all.
    """

    journal: Journal
    clock: Clock
    news: Bell
    host: Callable[[str], Host]
    system: Callable[[str], System]
    follow: Callable[[str, str, Callable[[], None]], Callable[[], None]]
    refresh: Callable[[str, str], None]
    forget: Callable[[str, str], None]
    systems: Callable[[], list[str]]
