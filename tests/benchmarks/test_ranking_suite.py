"""The simulated suite says what is true, judges ties fairly, and can be read by others."""

import json

import numpy as np
import pytest

from benchmarks.incidents.export import export
from benchmarks.incidents.incident import Incident
from benchmarks.incidents.judging import average_at_5, found_within, sign_test, wilson
from benchmarks.incidents.ours import ours
from benchmarks.incidents.paths import Matched, match, scores
from benchmarks.incidents.resources import BLAMELESS
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from benchmarks.incidents.train_ticket import read_train_ticket, servers
from benchmarks.peers import PEERS
from datasource.data.csv.calls import read_calls
from datasource.data.csv.files import read_csv
from datasource.data.matrix import empty_matrix


def judged(*causes: str) -> Incident:
    return Incident(
        "", "", empty_matrix(0, 60), empty_matrix(0, 60), {}, causes=tuple(frozenset(c.split()) for c in causes)
    )


def test_ties_are_worth_what_they_give_on_average():
    tied = dict.fromkeys("abcd", 1.0)
    assert found_within(judged("a"), tied, 1) == pytest.approx(1 / 4)
    assert found_within(judged("a"), tied, 3) == pytest.approx(3 / 4)
    assert found_within(judged("a b"), tied, 1) == pytest.approx(1 / 2)
    assert found_within(judged("a"), {**tied, "b": 2.0}, 2) == pytest.approx(1 / 3)


def test_two_roots_share_the_places():
    scores = {"a": 3.0, "x": 2.0, "b": 1.0}
    assert found_within(judged("a", "b"), scores, 1) == 1
    assert found_within(judged("a", "b"), scores, 2) == 0.5
    assert average_at_5(judged("a", "b"), scores) == pytest.approx((1 + 0.5 + 1 + 1 + 1) / 5)


def test_a_cause_without_a_score_is_not_found():
    assert found_within(judged("unseen"), {"a": 1.0}, 5) == 0


def test_intervals_and_signs_are_the_published_ones():
    assert wilson(0.5, 24) == pytest.approx((0.3143, 0.6857), abs=1e-3)
    assert sign_test([1, 1, 1, 0], [0, 0, 0, 0]) == (3, 0, 0.25)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_case_is_the_same_every_time_and_knows_its_truth(scenario):
    one, again = simulate_incident(scenario, 3), simulate_incident(scenario, 3)
    assert np.array_equal(one.incident.values, again.incident.values, equal_nan=True)
    assert one.causes == again.causes
    assert bool(one.causes) == (scenario not in ("traffic surge", "quiet", "seconds: quiet", *BLAMELESS))


def test_a_fault_travels_to_the_entry_and_along_calls_only():
    shared = simulate_incident("shared callee", 3)
    calls = {(str(caller), str(callee)) for caller, callee in shared.calls}
    (cause,) = shared.causes[0]
    assert shared.path <= calls
    assert match([], shared.path, cause, str(shared.symptom.entity)) is not None
    assert not simulate_incident("message queue", 3).path, "nobody waits"
    assert not simulate_incident("noisy neighbour", 3).path
    assert not simulate_incident("resources: cpu hog", 3).path, "nobody knows"


def test_edges_on_any_true_way_are_right_and_the_best_of_them_has_to_be_found():
    travelled = [("web", "a"), ("web", "b"), ("a", "db"), ("b", "db"), ("batch", "db")]
    assert match([("a", "db"), ("web", "a")], travelled, "db", "web") == Matched(2, 2, 2, 2)
    assert match([("a", "db"), ("web", "b")], travelled, "db", "web") == Matched(2, 2, 1, 2)
    assert match([("batch", "db")], travelled, "db", "web") == Matched(1, 0, 0, 2)
    assert match([], travelled, "db", "batch") == Matched(0, 0, 0, 1)
    assert match([("a", "db")], travelled, "web", "db") is None, "it did not travel that way"
    assert match([], travelled, "db", "db") is None
    assert scores([Matched(2, 2, 2, 2), Matched(2, 1, 1, 4)]) == pytest.approx((0.75, 0.5, 0.6))
    assert scores([Matched(0, 0, 0, 2)]) == (0, 0, 0)


@pytest.mark.parametrize("method", [*PEERS, "ours"])
def test_every_method_scores_every_service(method):
    incident = simulate_incident("20% missing", 1)
    scores = ours(incident) if method == "ours" else PEERS[method](incident)
    assert set(scores) == set(incident.services)
    assert all(np.isfinite(score) for score in scores.values())


def test_ours_finds_most_causes_of_the_suite():
    easy = [simulate_incident("shared callee", number) for number in range(8)]
    assert np.mean([found_within(one, ours(one), 1) for one in easy]) >= 0.8


def test_exported_files_are_the_incident(tmp_path):
    incident = simulate_incident("one fault", 2)
    folder = export(incident, tmp_path)
    read = read_csv(folder / "incident.csv").matrix
    assert {str(v) for v in read.variables} == {str(v) for v in incident.incident.variables}
    mine = {str(v): row for v, row in zip(incident.incident.variables, incident.incident.values, strict=True)}
    theirs = {str(v): row for v, row in zip(read.variables, read.values, strict=True)}
    assert all(np.allclose(theirs[name], mine[name], rtol=1e-5, equal_nan=True) for name in mine)
    assert len(read_calls(folder / "calls.csv")) == len(incident.calls)
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["root_causes"] == [sorted(cause) for cause in incident.causes]
    assert {tuple(edge) for edge in truth["path"]} == incident.path != frozenset()


@pytest.mark.parametrize("scenario", ["slow link", "unmeasured", "resources: network delay", "seconds: crash"])
def test_what_spans_and_log_lines_would_have_counted_is_exported_beside_the_signals(scenario, tmp_path):
    incident = simulate_incident(scenario, 3)
    folder = export(incident, tmp_path)
    for end, matrix in (("normal", incident.baseline), ("incident", incident.incident)):
        calls, logs = (read_csv(folder / f"{end}_{kind}.csv").matrix for kind in ("calls", "logs"))
        assert {v.signal for v in calls.variables} == {"calls", "client_seconds", "server_seconds"}
        assert {v.signal for v in logs.variables} == {"log_lines", "log_errors"}
        assert {v.entity.name for v in logs.variables} <= set(incident.services)
        assert calls.step == logs.step == matrix.step
        assert (calls.start, calls.end) == (logs.start, logs.end) == (matrix.start, matrix.end)


def test_calls_over_a_slow_link_are_exported_with_more_seconds_at_the_client_alone(tmp_path):
    incident = simulate_incident("slow link", 3)
    assert incident.traces
    (slow,) = incident.causes[0]
    before = incident.baseline.values.shape[1]
    for (_, server), (calls, client, served) in incident.traces.calls.items():
        on_the_way = [part.sum() for part in np.split(client - served, [before])]
        each = [way / part.sum() for way, part in zip(on_the_way, np.split(calls, [before]), strict=True)]
        assert (each[1] > 10 * each[0]) == (server == slow)


def test_train_ticket_incidents_are_three_minutes_against_all_others(tmp_path):
    times = [f"2023-01-29T08:{minute:02}:{second:02}Z" for minute in range(40, 50) for second in range(0, 60, 10)]
    services = [f"{time},a,2,0.1,8,4,0\n{time},b,1,0.05,4,2," for time in times]
    calls = [f"{time},a,b,1,0.06,0.05" for time in times]
    heads = (
        "time,service,requests,busy,operations,log_lines,log_errors",
        "time,client,server,calls,client_seconds,server_seconds",
    )
    for name, head, rows in (("services", heads[0], services), ("calls", heads[1], calls)):
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")
    fault = {"inject_time": "2023-01-29 08:43:35", "inject_pod": "b-5f-x1", "inject_type": "return"}
    (tmp_path / "faults.json").write_text(json.dumps({"labelled": [fault]}))
    (incident,) = read_train_ticket(tmp_path)
    assert incident.causes == (frozenset({"b"}),)
    assert servers(incident) == {"a/b": "b"}
    assert incident.incident.values.shape[1] == 18
    assert incident.incident.times[0] == np.datetime64("2023-01-29T08:43:30").astype("datetime64[s]").astype(int)
    left_out = np.isnan(incident.baseline.values).all(axis=0)
    assert left_out.sum() == 21
    roles = {
        signal: incident.signals[signal].role for signal in ("operations", "log_lines", "log_errors", "client_seconds")
    }
    assert list(roles.values()) == ["activity", "activity", "failure", "work"]
    assert incident.signals["server_seconds"].end == "server"
