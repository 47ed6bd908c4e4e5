"""What an outage of post-copy tells, however long it lasts and whatever its ends say meanwhile."""

from dataclasses import replace

from fakes.places import BROKEN_OFF, CRASHED, FETCHED_FROM, FETCHES, LACKS, MIGRATED, RUNS
from openlpm.decide.advance import advance
from openlpm.engine.telling import Teller
from openlpm.model.migration import Kind, Migration, Phase
from openlpm.model.sight import CANNOT_SEE, Job, Sighting

MOVE = Migration(
    "m1", "u-1", "web1", "s1", "s2", Kind.ACTIVE, Phase.SWITCH_OVER, asked=True, switched=True
)
FLOWS = Sighting(FETCHED_FROM, FETCHES, Job.RUNNING)
UNSURE = replace(FLOWS, settled=False)
CUT = Sighting(BROKEN_OFF, LACKS)
TRIED = replace(CUT, settled=False)
TRY, ON = "migration-resume-postcopy", "migration-postcopy-goes-on"


class Story:
    """A mover's, told turn by turn."""

    def __init__(self) -> None:
        self.teller = Teller(MOVE)
        self.codes: list[str] = []
        self.text = ""

    def turn(self, seen: Sighting, sent_bytes: int | None = 100) -> None:
        step = advance(MOVE, seen)
        for event in self.teller.told(step, seen, MOVE, sent_bytes):
            self.codes.append(event.code)
            self.text += event.message

    def count(self, code: str) -> int:
        return self.codes.count(code)


def test_what_a_try_makes_both_ends_say_is_not_told() -> None:
    story = Story()
    for _ in range(50):
        for seen in (TRIED, CUT, TRIED, UNSURE, FLOWS):
            story.turn(seen)
    assert story.codes == ["migration-attention", TRY]
    assert "nothing is lost" in story.text


def test_memory_that_comes_again_is_told_and_a_break_after_that_is_another_one() -> None:
    story = Story()
    for sent in (100, 200, 200):
        story.turn(CUT, sent)
    story.turn(FLOWS, 300)
    story.turn(CUT, 300)
    first = [TRY, "migration-attention"]
    assert story.codes == [*first, ON, *first, ON, *first]


def test_where_the_figures_cannot_be_told_both_ends_words_count_after_some_seconds() -> None:
    story = Story()
    for seen in (CUT, UNSURE, CUT):
        story.turn(seen, None)
    assert story.count(ON) == 0
    story.turn(FLOWS, None)
    assert (story.count(TRY), story.count(ON)) == (1, 1)


def test_when_it_has_all_it_goes_on() -> None:
    for end in (replace(FLOWS, target=RUNS), Sighting(MIGRATED, RUNS)):
        story = Story()
        story.turn(CUT)
        story.turn(end, 150)
        assert story.count(ON) == 1


def test_nothing_goes_on_that_died_or_is_out_of_sight() -> None:
    for end in (
        Sighting(CRASHED, LACKS),
        Sighting(BROKEN_OFF, CRASHED),
        Sighting(FETCHED_FROM, CANNOT_SEE),
    ):
        story = Story()
        story.turn(CUT)
        story.turn(end, 150)
        assert story.count(ON) == 0


def test_few_of_many_answers_are_told() -> None:
    story = Story()
    for port in range(100):
        story.turn(replace(CUT, refusal=f"No route to port {port}."))
        story.turn(TRIED)
    assert story.count("migration-attention") == 3
    assert "port 2" in story.text
    assert story.count(TRY) == 1
