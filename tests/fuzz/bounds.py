"""How far a fuzz test goes: the same few examples each time, or as many as OPENLPM_FUZZ says.

    @fuzzed(text=st.text())
    def test_…(text): …

Without OPENLPM_FUZZ the examples are derived from the test itself, so that a failure is the same
on every machine. With it, each run is another one, and what it found is kept in .hypothesis/.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings

R = TypeVar("R")
E = TypeVar("E", bound=Exception)

_LONG = int(os.environ.get("OPENLPM_FUZZ", "0"))


def fuzzed(
    examples: int = 150, **strategies: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each of these strategies, `examples` times unless it runs for long."""
    bounded = settings(
        max_examples=_LONG or examples,
        derandomize=not _LONG,
        deadline=None,  # a busy machine is no reason to fail
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        return bounded(given(**strategies)(test))

    return decorate


def outcome(refusal: type[E], action: Callable[..., R], *given: Any) -> tuple[R | None, E | None]:
    """What `action` returned, or how it refused. Any other exception ends the test."""
    try:
        return action(*given), None
    except refusal as error:
        return None, error
