"""Which label values carry a change, through every door: the panel, plain JSON, and when it is not there yet."""

import threading

import pytest
from explained_service import ERRORS, PlantedClient
from flask.testing import FlaskClient
from worlds import World

from datasource.attribution.syntax import QueryError
from datasource.prometheus import PrometheusError
from datasource.service import explaining
from datasource.service.explaining import ChangeQuestion, Explaining, HurriedClient
from datasource.service.later import NotYetError
from datasource.settings.prometheus import Prometheus
from datasource.web.app import create_app


@pytest.fixture
def planted(world: World) -> PlantedClient:
    return PlantedClient(world.now - 1800)


@pytest.fixture
def client(world: World, planted: PlantedClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    app = create_app(world.clock)
    monkeypatch.setattr(explaining, "PATIENCE", 60.0)
    app.extensions["explaining"] = Explaining(lambda _: planted)  # type: ignore[arg-type, return-value]
    return app.test_client()


def panel(client: FlaskClient, world: World, **payload: str) -> list[dict]:
    body = {
        "range": {"from": (world.now - 3600) * 1000, "to": world.now * 1000},
        "targets": [{"refId": "A", "target": "explain", "payload": payload}],
    }
    return client.post("/query", json=body).get_json()


def column(frame: dict, name: str) -> list:
    return next(field["values"] for field in frame["fields"] if field["name"] == name)


def notices(frame: dict) -> list[str]:
    return [one["text"] for one in frame["meta"]["notices"]]


def test_the_panel_names_the_label_values_that_carry_the_change_of_its_range(client, world):
    stories, by_label = panel(client, world, query=ERRORS)
    assert column(stories, "label values") == ["version=4.2, zone=b", "all others"]
    assert sum(column(stories, "carries")) == pytest.approx(1)
    assert column(stories, "carries")[0] == pytest.approx(1, abs=0.02)
    assert notices(stories)[0].startswith("It is only version=4.2, zone=b (")
    of_zones = [
        adds for label, adds in zip(column(by_label, "label"), column(by_label, "adds"), strict=True) if label == "zone"
    ]
    assert sum(of_zones) == pytest.approx(sum(column(stories, "adds")))


def test_times_of_its_own_take_the_place_of_the_panels_range(client, world):
    (stories, _) = panel(client, world, query=ERRORS, **{"from": "-2h", "to": "-1h"})
    assert column(stories, "label values") == ["all others"]
    assert "no label value carries it" in notices(stories)[0]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({}, "write a query"),
        ({"query": "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))"}, "quantiles of label values"),
        ({"query": "sum(rate(x_total[$__rate_interval]))"}, "is a variable of a dashboard"),
        ({"query": ERRORS, "from": "yesterday-ish"}, "yesterday-ish"),
        ({"query": ERRORS, "from": "now", "to": "-1h"}, "not before the second"),
        ({"query": ERRORS, "over": "5 potatoes"}, "5 potatoes"),
        ({"query": "(" * 10_000}, "nested too deeply"),
    ],
)
def test_what_cannot_be_explained_says_why_in_the_panels_corner(client, world, payload, said):
    (frame,) = panel(client, world, **payload)
    assert said in notices(frame)[0]


def test_the_plain_door_answers_what_the_command_prints(client):
    document = client.get("/api/v1/explain", query_string={"query": ERRORS, "from": "-1h"}).get_json()
    assert document["parts"][0]["labels"] == {"version": "4.2", "zone": "b"}
    assert document["sentence"].startswith("It is only version=4.2, zone=b (")
    assert sum(one["effect"] for one in (*document["parts"], document["rest"])) == pytest.approx(document["change"])


@pytest.mark.parametrize("asked", [{}, {"query": "up{"}, {"query": ERRORS, "depth": "9"}, {"query": ERRORS, "to": "x"}])
def test_the_plain_door_says_what_is_wrong_with_a_question(client, asked):
    answer = client.get("/api/v1/explain", query_string=asked)
    assert answer.status_code == 400
    assert answer.get_json()["message"]


def test_who_asks_again_within_a_minute_asks_the_same(client, world, planted, monkeypatch):
    for later in (0, 1):
        monkeypatch.setattr(world.clock, "_now", lambda later=later: world.now + later)
        panel(client, world, query=ERRORS)
    assert planted.asked == 4  # errors and requests, before and after


class Stuck:
    """A client that waits until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __call__(self, deadline: float) -> PlantedClient:
        self.let_go.wait(60)
        return PlantedClient(0)


def test_a_slow_answer_holds_nobody_and_is_there_later():
    stuck = Stuck()
    asked = Explaining(stuck)  # type: ignore[arg-type]
    question = ChangeQuestion(ERRORS, 100_000, 103_600)
    with pytest.raises(NotYetError, match="ask again"):
        asked.ask(question, patience=0)
    stuck.let_go.set()
    assert asked.ask(question, patience=60).series == 6


def test_slow_answers_do_not_pile_up():
    stuck = Stuck()
    asked = Explaining(stuck)  # type: ignore[arg-type]
    told = []
    for number in range(20):
        with pytest.raises(NotYetError) as error:
            asked.ask(ChangeQuestion(ERRORS, 100_000, 103_600 + number), patience=0)
        told.append(str(error.value))
    assert told[-1].startswith("16 other answers are being computed")
    stuck.let_go.set()


def test_a_panel_that_waits_says_so_and_has_the_answer_at_the_next_refresh(world, planted, monkeypatch):
    app, stuck = create_app(world.clock), Stuck()
    monkeypatch.setattr(explaining, "PATIENCE", 0.0)
    app.extensions["explaining"] = kept = Explaining(stuck)
    (frame,) = panel(app.test_client(), world, query=ERRORS)
    assert "being explained; ask again" in notices(frame)[0]
    stuck.let_go.set()
    (question,) = kept._found
    kept.ask(question, patience=60)
    assert len(panel(app.test_client(), world, query=ERRORS)) == 2


def test_a_failure_is_told_once_and_asked_again():
    answers = iter([PrometheusError("timeout", "took too long"), PlantedClient(0)])

    def client(_: float) -> PlantedClient:
        one = next(answers)
        if isinstance(one, PrometheusError):
            raise one
        return one

    asked = Explaining(client)  # type: ignore[arg-type]
    question = ChangeQuestion(ERRORS, 100_000, 103_600)
    with pytest.raises(PrometheusError, match="took too long"):
        asked.ask(question, patience=60)
    assert asked.ask(question, patience=60).series == 6


def test_after_the_deadline_prometheus_is_asked_nothing_more():
    late = HurriedClient(Prometheus(url="http://127.0.0.1:1"), deadline=0.0)
    with pytest.raises(PrometheusError, match="choose a narrower one"):
        late.query("up")


def test_a_query_that_cannot_be_read_is_refused_by_the_asker_too():
    with pytest.raises(QueryError, match="ends too early"):
        Explaining(lambda _: PlantedClient(0)).ask(ChangeQuestion("up{", 0, 3600), patience=60)  # type: ignore[arg-type, return-value]
