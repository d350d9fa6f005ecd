"""`causal-datasource demo --story query-service`: the story is true, and every number of it comes from data."""

import re

import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.demo.query_service import CALLS, MORE, Story, tell_story, told


@pytest.fixture(scope="module")
def story() -> Story:
    return tell_story()


def test_the_association_misleads_and_the_effect_does_not(story: Story) -> None:
    assert story.slope_interval[0] > 2 * CALLS
    effect, lower, upper = story.effect
    assert lower < CALLS * MORE < upper
    assert effect == pytest.approx(CALLS * MORE, rel=0.03)


def test_the_off_hour_is_told_within_a_tenth_and_ten_milliseconds(story: Story) -> None:
    average = story.impact.average
    assert story.truth == pytest.approx(-0.024, abs=0.001)
    assert average.value == pytest.approx(story.truth, rel=0.1)
    assert average.lower < story.truth < average.upper
    assert average.upper - average.lower < 0.010
    assert story.impact.predicted is not None
    assert story.impact.predicted.value == pytest.approx(story.truth, rel=0.1)
    assert story.impact.placebo_larger == 0


def test_the_true_edge_is_confirmed_and_the_suspected_one_refuted(story: Story) -> None:
    kinds = {str(one.effect): one.kind for one in story.verdicts}
    assert kinds == {"user.latency": "confirmed", "search.latency": "refuted"}


def test_another_world_tells_its_own_numbers() -> None:
    other = tell_story(seed=3)
    assert other.impact.average.value == pytest.approx(other.truth, rel=0.15)
    assert {one.kind for one in other.verdicts} == {"confirmed", "refuted"}


def test_it_is_printed_with_the_sentence_that_the_project_began_with(story: Story) -> None:
    printed = CliRunner().invoke(main, ["demo", "--story", "query-service"]).output
    dated = "the log has 1 entry"
    assert [line for line in printed.splitlines() if dated not in line] == [
        line for line in told(story) if dated not in line
    ]
    assert re.search(r"throttling an extra 50 ms adds 200 ms \[\d+ ms, \d+ ms\]", printed)
    assert "disable of sidecar.delay took 24 ms [-" in printed
    assert "refuted: sidecar.delay -> search.latency" in printed
