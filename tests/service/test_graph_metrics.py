"""What is exported of edges, experiments and contradictions: bounded, and the same series while nothing is new."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from worlds import World, with_interventions

from datasource.demo.processes import wait_until
from datasource.discovery.falsification import Contradiction, Falsification
from datasource.interventions.trial import TrialTold
from datasource.service import Snapshot, samples, weighing
from datasource.service.sample import Sample
from datasource.service.weighing import Weighing


@pytest.fixture(scope="module")
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot is not None
    return with_interventions(world.clock.snapshot)


def named(snapshot: Snapshot, name: str) -> list[Sample]:
    return [one for one in samples(snapshot) if one.name == name]


def labels_of(found: Iterable[Sample]) -> set[frozenset[str]]:
    return {frozenset(one.labels) for one in found}


def test_verdicts_on_edges_are_numbers_with_their_measurements(snapshot: Snapshot) -> None:
    edge = {"intervention": "2", "cause": "platform/inventory.latency", "effect": "shop/catalog.latency"}
    (verdict,) = [one for one in named(snapshot, "causal_edge_verdict") if one.labels.items() >= edge.items()]
    assert verdict.value == 1
    assert "no other way of the graph leads there" in verdict.labels["why"]
    (said,) = [one for one in snapshot.assessed.verdicts if {str(one.cause), str(one.effect)} <= set(edge.values())]
    for end, value in (("", said.measured.value), ("_lower", said.measured.lower), ("_upper", said.measured.upper)):
        assert Sample(f"causal_edge_verdict_measured{end}", edge, value) in samples(snapshot)
    assert {one.value for one in named(snapshot, "causal_edge_verdict")} == {0, 1}


def test_of_many_verdicts_the_decided_ones_are_exported(snapshot: Snapshot) -> None:
    one = snapshot.assessed.verdicts[0]
    undecided = [one._replace(kind="undecided", intervention=number) for number in range(300)]
    said = (*undecided, one._replace(kind="refuted", intervention=1000))
    many = named(replace(snapshot, assessed=snapshot.assessed._replace(verdicts=said)), "causal_edge_verdict")
    assert len(many) == 100
    assert (many[0].value, many[0].labels["intervention"]) == (-1, "1000")


def test_an_intervention_that_lasts_says_since_when(snapshot: Snapshot) -> None:
    (since,) = named(snapshot, "causal_intervention_start_timestamp_seconds")
    assert (since.labels, since.value) == ({"intervention": "2"}, snapshot.interventions[0].start)


def trial(question: str, incident: str, number: int) -> TrialTold:
    return TrialTold(question, incident, f"do {number}", "it tells", "touches nobody", 0.5, 10.0)


def test_of_each_question_the_best_three_are_exported_those_about_incidents_first(snapshot: Snapshot) -> None:
    (going_on,) = (one.id for one in snapshot.incidents if one.open)
    asked = (("who?", going_on), ("who was it?", "over"), ("is the graph true?", ""))
    trials = tuple(trial(question, incident, number) for question, incident in asked for number in range(10))
    known = replace(snapshot, trials=trials)
    told = named(known, "causal_next_experiment_info")
    assert Counter(one.labels["question"] for one in told) == {"who?": 3, "is the graph true?": 3}
    ranks = [one.labels["rank"] for one in told]
    assert ranks == sorted(set(ranks))
    assert [one.labels["what"] for one in told[:3]] == ["do 0", "do 1", "do 2"]
    numbers = [*named(known, "causal_next_experiment_bits"), *named(known, "causal_next_experiment_cost_minutes")]
    assert labels_of(numbers) == {frozenset({"question", "incident", "rank"})}
    assert {one.value for one in numbers} == {0.5, 10.0}


def test_the_clearest_contradictions_are_exported_with_few_names(snapshot: Snapshot) -> None:
    first, second, *others = snapshot.matrix.variables
    found = tuple(
        Contradiction(first, second._replace(signal=f"s{n}"), tuple(others[:30]), 1 - n / 100, 0.0, 0.0)
        for n in range(50)
    )
    tested = replace(snapshot, falsification=Falsification(tested=100, contradictions=found))
    told = named(tested, "causal_graph_contradiction")
    assert [one.value for one in told] == [one.explained for one in found[:20]]
    assert told[0].labels["given"].endswith(" and 25 more")


def test_which_experiment_next_is_found_out_once_for_a_fit_and_its_incidents(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Snapshot] = []

    def told(one: Snapshot) -> tuple[TrialTold, ...]:
        asked.append(one)
        return (trial("?", "", len(asked)),)

    monkeypatch.setattr(weighing, "told_trials", told)
    one = Weighing()

    def follow(now: Snapshot) -> int:
        one.follow(now)
        assert wait_until(lambda: not one.under_way, 60)
        return len(asked)

    assert follow(replace(snapshot, structural=None)) == 0, "without equations nobody knows what would tell"
    assert follow(snapshot) == 1
    assert follow(replace(snapshot, time=snapshot.time + 30)) == 1
    assert follow(replace(snapshot, incidents=())) == 2
    assert follow(replace(snapshot, incidents=(), structural=replace(snapshot.structural))) == 3  # type: ignore[type-var]
    assert one.found == (trial("?", "", 3),)


def test_what_cannot_be_found_out_is_not_told_as_of_before(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Snapshot) -> tuple[TrialTold, ...]:
        raise ValueError("no")

    one = Weighing()
    one.found = (trial("?", "", 1),)
    monkeypatch.setattr(weighing, "told_trials", fails)
    one.follow(snapshot)
    assert wait_until(lambda: not one.under_way, 60)
    assert one.found == ()
    assert "which experiment would tell most is not known" in caplog.text


def test_a_running_clock_shows_what_was_found_out_with_a_later_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    told = (trial("?", "", 1),)
    monkeypatch.setattr(weighing, "told_trials", lambda _: told)
    clock = World(steps=130).clock
    monkeypatch.setattr(clock, "_until_next", lambda: 0.01)
    running = threading.Thread(target=clock._run, daemon=True)
    running.start()
    try:
        assert wait_until(lambda: clock.snapshot is not None and clock.snapshot.trials == told, 60)
    finally:
        clock._stop.set()
        running.join(30)
