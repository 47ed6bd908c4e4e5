"""Resizing asked for from outside: steps within the limits, or a refusal of ours."""

from typing import Any

from bounds import fuzzed, outcome
from hostile import JSON, texts
from hypothesis import strategies as st
from pydantic import ValidationError

from openlpm.decide.resize import plan, require_limits, wanted
from openlpm.engine.asked_resize import checked
from openlpm.faces.rest.bodies import ResizeBody
from openlpm.model.errors import OpenLpmError
from openlpm.model.partition import Mark, Partition
from openlpm.model.profile import DiskAdapter, EthernetAdapter, Profile, Span
from openlpm.model.resize import Change, Resize, Running
from openlpm.model.sight import Sight, Why

DISK = DiskAdapter("nbd://storage:10809/web1")
WEB = Profile(*("default", Span(16, 32, 64), Span(1, 2, 4), Span(0.1, 0.5, 2.0)), adapters=(DISK,))
RUNNING = Running(32, 64, 2, 4, 0.5, adapters=(DISK,))
P = Partition("u", "web1", "s1", Sight.RUNNING, Why.NONE, 2, 32, Mark(1))
WORDS = st.one_of(texts(), st.sampled_from([DISK.url, "52:54:00:00:00:01", "nbd://a/b"]))
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "memory_mib": st.integers() | st.integers(1, 100),
        "processors": st.integers() | st.integers(1, 5),
        "processing_units": st.floats() | st.integers(0, 60).map(lambda n: n / 20),
        "add": st.lists(
            st.one_of(
                st.builds(lambda url, bus: {"disk": url, "bus": bus}, WORDS, WORDS),
                st.builds(lambda name, mac: {"network": name, "mac": mac}, WORDS, WORDS),
                st.dictionaries(texts(10), JSON, max_size=3),
            ),
            max_size=3,
        ),
        "remove": st.lists(WORDS, max_size=3),
        "save": st.booleans(),
    },
)


def planned(body: dict[str, Any]) -> tuple[Resize, list[Change]]:
    asked = checked(ResizeBody(**body).value())
    after = wanted(P, RUNNING, WEB, asked)
    require_limits(P, RUNNING, WEB, asked, after)
    return asked, plan(P, RUNNING, WEB, after, asked)


@fuzzed(400, body=BODIES)
def test_any_request_is_steps_within_the_limits_or_refused(body: dict[str, Any]) -> None:
    try:
        done, refusal = outcome(OpenLpmError, planned, body)
    except ValidationError:
        return  # told as `bad-body`
    if done is None:
        assert refusal is not None
        assert len(str(refusal)) < 2000
        return
    asked, _ = done
    assert asked.memory_mib is None or 16 <= asked.memory_mib <= 64
    assert asked.processors is None or 1 <= asked.processors <= 4
    for adapter in asked.add:
        assert adapter.key.isprintable()
        assert isinstance(adapter, EthernetAdapter) or adapter.url == adapter.key
