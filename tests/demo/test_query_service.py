"""`causal-datasource demo --story query-service`: the story is true, and every number of it comes from data."""

import re

import pytest
import requests
from click.testing import CliRunner

from datasource.cli import main
from datasource.demo.query_service import CALLS, MORE, Story, tell_story, told
from datasource.demo.story_server import serve_story


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
    assert re.search(r"throttling an extra 50 ms adds 198 ms \[\d+ ms, \d+ ms\]", printed)
    assert "disable of sidecar.delay took 24.0 ms [-" in printed
    assert "refuted: sidecar.delay -> search.latency" in printed


def test_the_page_the_panels_and_the_metrics_show_it(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    looked = []

    def look(url: str) -> None:
        looked.append(url)
        rows = requests.get(f"{url}/api/v1/snapshot", timeout=30).json()
        (off,) = rows["interventions"]
        sentences = {one["outcome"]: one["sentence"] for one in off["impacts"]}
        assert sentences["query.latency"].startswith("disable of sidecar.delay took 24 ms [-2")
        (effect,) = rows["effects"]
        assert effect["lower"] < CALLS < effect["upper"]
        assert effect["association"] > 2 * CALLS
        exported = requests.get(f"{url}/metrics", timeout=30).text
        assert re.search(r"^causal_impact\{.*query.* -0.02", exported, re.MULTILINE)
        said = [line for line in exported.splitlines() if 'cause="sidecar.delay"' in line and "search" in line]
        (edge,) = (line for line in said if line.startswith("causal_edge_info"))
        assert "refuted" in edge
        (verdict,) = (line for line in said if line.startswith("causal_edge_verdict{"))
        assert verdict.endswith(" -1.0")
        panel = {"targets": [{"target": "intervention_verdicts"}]}
        (frame,) = requests.post(f"{url}/query", json=panel, timeout=30).json()
        (verdicts,) = (one["values"] for one in frame["fields"] if one["name"] == "verdict")
        assert sorted(verdicts) == ["confirmed", "refuted"]
        (written,) = requests.get(f"{url}/api/v1/interventions", timeout=30).json()
        assert written["why"] == "is it the sidecar?"

    matrix = story.matrix
    serve_story(story._replace(matrix=matrix.between(matrix.end - 3 * 86400, matrix.end)), 0, look)
    assert f"are at {looked[0]}/ until Ctrl-C" in capsys.readouterr().out


def test_only_a_story_is_served_afterwards() -> None:
    refused = CliRunner().invoke(main, ["demo", "--serve"])
    assert (refused.exit_code, "--serve goes with --story" in refused.output) == (2, True)
