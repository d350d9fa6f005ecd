"""GET /api/v1/series: results over time as rows."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from worlds import World

from datasource.service import Snapshot
from datasource.web import series

NAMES = [
    "causal_anomaly_score", "causal_marginal_anomaly_score", "causal_observed_value", "causal_expected_value",
    "causal_expected_lower", "causal_expected_upper",
]  # fmt: skip
LATENCY = {"entity": "shop/web", "signal": "latency"}


@pytest.fixture
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot
    return world.clock.snapshot


def rows(client: FlaskClient, **asked: object) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/series", query_string=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()
    return found


def refused(client: FlaskClient, **asked: object) -> str:
    answer = client.get("/api/v1/series", query_string=asked)
    assert answer.status_code == 400, answer.text
    return str(answer.get_json()["message"])


def test_a_row_for_each_time_of_the_last_hour_with_every_metric(client: FlaskClient, snapshot: Snapshot) -> None:
    found = rows(client, **LATENCY)
    assert [row["time"] for row in found] == list(range(snapshot.time - 3600, snapshot.time + 1, 30))
    assert [*found[0]] == ["time", "entity", "namespace", "service", "signal", *NAMES]
    assert found[0]["entity"] == "shop/web"
    (variable,) = [v for v in snapshot.matrix.variables if str(v) == "shop/web.latency"]
    for marginal, score in ((False, NAMES[0]), (True, NAMES[1])):
        predicted = snapshot.predict(variable, marginal=marginal)
        assert predicted
        assert [row[score] for row in found] == pytest.approx(predicted.score[-121:].tolist())
    assert [row[NAMES[2]] for row in found] == pytest.approx(snapshot.matrix.row(variable)[-121:].tolist())


def test_numbers_are_those_of_the_exposition(client: FlaskClient) -> None:
    newest = rows(client, **LATENCY)[-1]
    exposition = client.get("/metrics").text
    for name in NAMES:
        (value,) = re.findall(rf'^{name}{{.*service="web",signal="latency"}} (\S+)$', exposition, re.MULTILINE)
        assert newest[name] == pytest.approx(float(value), rel=1e-6)


def test_names_entities_signals_and_times_choose(client: FlaskClient, snapshot: Snapshot) -> None:
    ends = {"from": snapshot.time - 600, "to": snapshot.time * 1000}
    found = rows(client, entity=["shop/web", "platform/inv.*"], signal="latency|cpu", name=NAMES[0], **ends)
    assert {(row["entity"], row["signal"]) for row in found} == {
        (entity, signal) for entity in ("shop/web", "platform/inventory") for signal in ("latency", "cpu")
    }
    assert len(found) == 4 * 21
    assert [*found[0]] == ["time", "entity", "namespace", "service", "signal", NAMES[0]]


def test_one_end_is_enough(client: FlaskClient, snapshot: Snapshot) -> None:
    times = [row["time"] for row in rows(client, **LATENCY, **{"from": snapshot.time - 60})]
    assert times == [snapshot.time - 60, snapshot.time - 30, snapshot.time]
    times = [row["time"] for row in rows(client, **LATENCY, to=snapshot.time - 3600)]
    assert (times[0], times[-1]) == (snapshot.time - 7200, snapshot.time - 3600)


def test_fewer_points_keep_the_highest_score(client: FlaskClient, snapshot: Snapshot) -> None:
    ends = {"from": snapshot.time - 3600, "to": snapshot.time}
    whole = rows(client, entity="platform/inventory", signal="latency", **ends)
    few = rows(client, entity="platform/inventory", signal="latency", points=10, **ends)
    assert len(few) <= 10
    assert few[-1]["time"] == whole[-1]["time"]
    assert max(row[NAMES[0]] for row in few) == max(row[NAMES[0]] for row in whole)


def test_outside_of_what_is_kept_there_is_nothing(client: FlaskClient) -> None:
    assert rows(client, **LATENCY, **{"from": 0, "to": 1000}) == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"points": "many"}, "'points' is no number"),
        ({"points": "0"}, "'points' is no number"),
        ({"points": "²"}, "'points' is no number"),
        ({"name": "causal_effect"}, "causal_anomaly_score"),
        ({"entity": "nobody"}, "matches nothing"),
        ({"entity": "("}, "regular expression"),
        ({"from": "yesterday", "to": "now"}, "is no time"),
        ({"from": "2000", "to": "1000"}, "ends before it begins"),
    ],
)
def test_what_cannot_be_asked_is_told(client: FlaskClient, asked: dict[str, str], says: str) -> None:
    assert says in refused(client, **asked)


def test_too_many_rows_are_refused_before_they_are_computed(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Snapshot, "predict_between", None)
    assert "choose entities" in refused(client, points=11000, **{"from": 0, "to": 4000000000})
    assert series._MOST_ROWS == 50_000


def test_before_the_first_fit_it_says_why(waiting: FlaskClient) -> None:
    answer = waiting.get("/api/v1/series")
    assert answer.status_code == 503
    assert "under way" in answer.get_json()["message"]
