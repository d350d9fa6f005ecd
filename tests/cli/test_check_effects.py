"""`check` looks at the answers of the configured effects: which are not to be trusted, and what to do."""

from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest
import yaml
from asking_effects import write
from click.testing import CliRunner

from datasource.cli import main
from datasource.cli.check_effects import check_effects, check_impacts
from datasource.data import Entity, Matrix, Variable
from datasource.graph import CausalGraph, Edge
from datasource.settings import Settings

START, STEP, POINTS = 1_700_000_040, 60, 1440
NAMES = ("web", "cart", "payment", "search")


def settings(effect=None, impact=None, **changes):
    plain = {"entity": "service", "query": "q", "window": "1m"}
    return Settings.model_validate(
        {
            "prometheus": {"url": "http://prometheus:9090"},
            "step": "1m",
            "baseline": "1d",
            "entities": {"service": {"labels": ["service"]}},
            "signals": {name: plain | changes.get(name, {}) for name in ("load", "latency")},
            "effects": [effect] if effect else [],
            "impacts": [impact] if impact else [],
        }
    )


ASKED = {"treatment": "load", "outcome": "latency"}


def entity(name):
    return Entity("service", (("service", name),))


def measured(rows):
    """Matrix and graph of (load, latency) by service."""
    variables = tuple(Variable(entity(name), signal) for name in rows for signal in ("load", "latency"))
    values = np.array([row for pair in rows.values() for row in pair])
    edges = tuple(Edge(Variable(entity(name), "load"), Variable(entity(name), "latency"), 0) for name in rows)
    return Matrix(variables, START, STEP, values), CausalGraph(tuple(sorted(variables)), edges)


def sound(seed, points=POINTS):
    rng = np.random.default_rng(seed)
    load = rng.normal(100, 10, points)
    return load, 2 * load + rng.normal(0, 5, points)


def confounded(seed):
    """Both follow a trend that nobody adjusts for, and have nothing else in common."""
    rng, trend = np.random.default_rng(seed), 0.02 * np.arange(POINTS)
    return trend + rng.normal(size=POINTS), trend + rng.normal(size=POINTS)


def rarely(moves, seed):
    rng = np.random.default_rng(seed)
    event = np.zeros(POINTS)
    for move in range(moves):
        event[200 + move * 90 : 230 + move * 90] = 1
    return event, rng.normal(0, 1, POINTS) + event


def estimates(told):
    return [one for one in told if one.amount.endswith("estimated")]


def checked(rows, own=None, **more):
    return estimates(check_effects(own or settings(ASKED), *measured(rows), **more))


def test_a_sound_effect_is_fine():
    assert [one.state for one in checked({"web": sound(1)})] == ["ok"]


def test_an_effect_that_a_placebo_has_too_is_wrong_and_says_what_to_do():
    (found,) = checked({"web": confounded(3)})
    assert found.state == "wrong"
    assert found.text.startswith("not to be trusted: placebo treatment fails: ")
    assert "season is in both and not adjusted for" in found.text


def test_whose_effects_are_not_to_be_trusted_is_told():
    rows = {name: confounded(seed) for seed, name in enumerate(NAMES[:2], 3)} | {"search": sound(3)}
    (found,) = checked(rows)
    assert (found.state, found.amount) == ("wrong", "3 of 3 estimated")
    assert "placebo treatment fails at cart and 1 other: " in found.text


def test_one_entity_of_very_many_may_fail_by_chance():
    rows = {f"s{seed:02}": sound(seed, 400) for seed in range(11)} | {"web": tuple(10 * r[:400] for r in rarely(1, 5))}
    (found,) = checked(rows)
    assert found.state == "note"
    assert "fails at web: " in found.text


def test_a_doubtful_effect_is_a_note():
    rng = np.random.default_rng(4)
    load = rng.normal(0, 10, POINTS)
    (found,) = checked({"web": (load, np.abs(load) + 0.5 * load + rng.normal(0, 1, POINTS))})
    assert found.state == "note"
    assert found.text.startswith("doubtful: straight line fails: ")


def test_what_happens_rarely_is_no_mistake_of_the_settings():
    rows = {"web": rarely(1, 5)}
    (found,) = checked(rows, settings(ASKED, load={"kind": "event", "encode": "active"}))
    assert found.state == "note"
    assert found.text.startswith("not to be trusted yet: too few points fails: web.load went on or off 2 times")
    assert [one.state for one in checked(rows)] == ["wrong"], "a level that never moves is one"


def test_a_history_that_is_too_young_is_no_mistake_of_the_settings():
    (found,) = checked({"web": tuple(row[:300] for row in rarely(1, 5))})
    assert found.state == "note"
    assert found.text.startswith("not to be trusted yet: too few points fails: ")


def test_why_nothing_is_estimated_is_told_once():
    told = list(check_effects(settings(ASKED), *measured({"web": sound(6, 20)})))
    assert [(one.amount, one.state) for one in told] == [("1 question", "ok"), ("not estimated", "note")]
    assert told[-1].text.startswith("20 complete rows; 30 are needed")


def test_estimating_ends_in_bounded_time_and_says_so(capsys):
    ticks = count(0, 25)
    rows = {name: sound(seed, 400) for seed, name in enumerate(NAMES)}
    (found,) = checked(rows, now=lambda: next(ticks))
    assert found.amount == "2 of 4 estimated"
    assert "estimating load -> latency, 4 questions ..." in capsys.readouterr().err
    late = count(0, 100)
    told = list(check_effects(settings(ASKED), *measured(rows), now=lambda: next(late)))
    assert told[-1].state == "note"
    assert "not estimated: 1m were used up" in told[-1].text


@pytest.mark.parametrize(("drift", "state"), [(0.0, "ok"), (0.05, "wrong")])
def test_an_impact_on_somebody_who_went_another_way_before_is_not_to_be_trusted(drift, state):
    began = 900
    at = datetime.fromtimestamp(START + began * STEP, UTC).isoformat()
    rng = np.random.default_rng(7)
    rows = {name: (rng.normal(100, 5, POINTS), rng.normal(100, 1, POINTS)) for name in NAMES}
    rows["web"][1][:] += drift * np.arange(POINTS)
    rows["web"][1][began:] += 10
    (found,) = check_impacts(
        settings(impact={"outcome": "latency", "treated": "web", "at": at}), measured(rows)[0], None
    )
    assert found.state == state, found
    assert ("not to be trusted: parallel trends fails" in found.text) == (state == "wrong")


def test_a_file_with_settings_is_asked_too(tmp_path):
    own = {
        "prometheus": {"url": "http://prometheus:9090"},
        "step": "1m",
        "entities": {"service": {"labels": ["service"]}},
        "signals": {name: {"entity": "service", "query": name, "window": "1m"} for name in ("load", "latency")},
        "graph": {"templates": ["load -> latency"]},
        "effects": [ASKED],
    }
    config = tmp_path / "causal.yaml"
    config.write_text(yaml.safe_dump(own))

    def run(rows):
        load, latency = rows
        times = START + STEP * np.arange(POINTS)
        data = write(tmp_path / "data.csv", **{"time": times, "web.load": load, "web.latency": latency})
        return CliRunner().invoke(main, ["check", "--data", str(data), "--config", str(config)])

    assert run(sound(1)).exit_code == 0
    failed = run(confounded(3))
    assert failed.exit_code == 1
    assert "WRONG: effect load -> latency: not to be trusted: placebo treatment fails: " in failed.stdout
