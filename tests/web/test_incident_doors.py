"""Incidents through the doors: Grafana's protocol, the exposition, and plain JSON."""

from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from shop_incidents import CART, ended, going_on, seen_by_then, with_incidents
from test_json_datasource import ask, fields
from test_results_everywhere import exposed, key
from worlds import World

from datasource.data import Environment, Variable
from datasource.invariance import Invariance
from datasource.invariance.model import Shift
from datasource.service import Clock
from datasource.topology import EntityRelation
from datasource.web.app import create_app


@pytest.fixture(scope="module")
def clock() -> Clock:
    world = World(steps=130)
    world.clock.tick()
    return with_incidents(world.clock)


@pytest.fixture(scope="module")
def client(clock: Clock) -> FlaskClient:
    return create_app(clock).test_client()


def now(clock: Clock) -> int:
    assert clock.snapshot is not None
    return clock.snapshot.time


def listed(client: FlaskClient, **arguments: object) -> list[str]:
    answer = client.get("/api/v1/incidents", query_string=arguments)
    assert answer.status_code == 200, answer.json
    return [row["incident"] for row in answer.get_json()]


def incident_samples(clock: Clock) -> dict[Any, float]:
    found = exposed(create_app(clock).test_client())
    return {key: value for key, value in found.items() if key[0].startswith("causal_incident")}


def test_rows_hold_all_that_is_known(client: FlaskClient, clock: Clock) -> None:
    opened, over = client.get("/api/v1/incidents").get_json()
    causes = opened.pop("causes")
    outside = opened.pop("outside")
    assert opened == {
        "incident": "shop-web-1",
        "state": "open",
        "start": now(clock) - 720,
        "end": None,
        "updated": now(clock),
        "merged_into": "",
        "accepted": None,
        "mark": None,
        "together": [],
        "told_together": "",
        "root_cause": "platform/inventory",
        "affected_entities": 3,
        "summary": "shop/web is 180 ms slower: 150 ms from platform/inventory.",
        "symptom": "shop/web.latency",
        "gap": 0.180,
        "unit": "s",
        "unexplained": 0.004,
        "likely": [],
        "path": [],
        "suffering": [],
        "roots": ["platform/inventory"],
        "affected": ["platform/inventory", "shop/cart", "shop/web"],
        "suggestions": ["roll platform/inventory back", "runbook: https://wiki/slow"],
        "seen_before": [],
        "mechanism_changes": [],
    }
    assert [(part["entity"], part["signal"], part["confidence"]) for part in causes] == [
        ("platform/inventory", "latency", 0.9),
        ("shop/cart", "latency", 0.2),
    ]
    assert [part["where"] for part in outside] == ["whom platform/inventory calls"]
    parts = sum(part["contribution"] for part in (*causes, *outside))
    assert parts + opened["unexplained"] == pytest.approx(opened["gap"])
    assert (over["state"], over["end"], over["root_cause"]) == ("ended", now(clock) - 6600, "")


def test_what_of_the_mechanism_of_its_cause_is_another_one_is_told_beside_an_incident(clock: Clock) -> None:
    compared = copy(clock)
    assert clock.snapshot is not None
    (root,) = next(one.roots for one in clock.snapshot.incidents if one.id == "shop-web-1")
    shifts = tuple(
        Shift(Variable(root, "latency"), Environment((), f"since incident {one}"), "slopes", score, 0.001)
        for one, score in (("shop-web-1", 2.0), ("shop-web-1", 0.5), ("shop-web-0", 3.0))
    )
    compared.snapshot = replace(clock.snapshot, invariance=Invariance(now(clock), shifts))
    opened, _ = create_app(compared).test_client().get("/api/v1/incidents").get_json()
    assert [(one["part"], one["score"]) for one in opened["mechanism_changes"]] == [("slopes", 2.0)]


def test_an_open_incident_has_earlier_ones_like_it_with_what_ended_them(clock: Clock) -> None:
    remembering = copy(clock)
    assert clock.snapshot is not None
    seen = {"shop-web-1": seen_by_then(now(clock))}
    remembering.snapshot = replace(clock.snapshot, seen=seen)
    opened, over = create_app(remembering).test_client().get("/api/v1/incidents").get_json()
    (earlier,) = opened["seen_before"]
    assert (earlier["incident"], earlier["alike"], over["seen_before"]) == ("shop-web-0", 1.0, [])
    ended_by = earlier["ended_by"]
    assert (ended_by["intervention"], ended_by["seconds_after"], ended_by["level_before"]) == (7, 2040, None)
    assert earlier["told"].endswith(
        "UTC, for 40m: platform/inventory broke; ended by rollback of platform/inventory (ann), 34m after it began, "
        "over 6m later; shop/web.latency had been off by 180 ms"
    )
    told = key("causal_incident_seen_before", {"incident": "shop-web-1", "ended_by": "rollback of platform/inventory"})
    assert incident_samples(remembering)[told] == 1


def test_the_snapshot_has_the_same_rows(client: FlaskClient) -> None:
    assert client.get("/api/v1/snapshot").get_json()["incidents"] == client.get("/api/v1/incidents").get_json()


def test_rows_can_be_picked_by_state_entity_and_time(client: FlaskClient, clock: Clock) -> None:
    assert listed(client) == ["shop-web-1", "platform-payment-1"]
    assert listed(client, state="open") == ["shop-web-1"]
    assert listed(client, state=["open", "ended"], entity="platform/payment") == ["platform-payment-1"]
    assert listed(client, entity="orders") == []
    hour_ago = now(clock) - 3600
    for said in (hour_ago, hour_ago * 1000, datetime.fromtimestamp(hour_ago, UTC).isoformat()):
        assert listed(client, **{"from": said}) == ["shop-web-1"], said
        assert listed(client, to=said) == ["platform-payment-1"], said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"state": "closed"}, "known are: ended, merged, open"),
        ({"entity": "shop/wbe"}, "entity 'shop/wbe' matches nothing"),
        ({"from": "yesterday"}, "'yesterday' is no time"),
    ],
)
def test_a_wrong_question_is_told_what_to_change(client: FlaskClient, arguments: dict[str, str], says: str) -> None:
    answer = client.get("/api/v1/incidents", query_string=arguments)
    assert answer.status_code == 400
    assert says in answer.get_json()["message"]


def test_before_the_first_evaluation_it_is_not_said_that_there_are_none(waiting: FlaskClient) -> None:
    answer = waiting.get("/api/v1/incidents")
    assert (answer.status_code, answer.get_json()["message"]) == (503, "the first evaluation is under way")


def test_grafana_gets_a_table_and_regions(client: FlaskClient, clock: Clock) -> None:
    moments = {"from": (now(clock) - 10_000) * 1000, "to": now(clock) * 1000}
    (table,) = ask(client, "incidents", {"state": "All", "entity": "All"}, range=moments)
    assert table["meta"]["preferredVisualisationType"] == "table"
    assert fields(table)["end"] == [None, (now(clock) - 6600) * 1000]
    assert fields(table)["confidence"] == [0.9, None]
    (regions,) = ask(client, "incident_regions", {"state": "open", "entity": "(shop/web|shop/cart)"}, range=moments)
    assert fields(regions)["timeEnd"] == [now(clock) * 1000]


def test_the_query_builder_offers_the_states(client: FlaskClient) -> None:
    asked = {"metric": "incidents", "payload": {}, "name": "state"}
    options = client.post("/metric-payload-options", json=asked).get_json()
    assert [one["value"] for one in options] == ["All", "open", "ended", "merged"]


def test_the_older_annotations_are_incidents(client: FlaskClient, clock: Clock) -> None:
    annotation = {"name": "incidents", "query": "shop/cart"}
    moments = {"from": (now(clock) - 10_000) * 1000, "to": now(clock) * 1000}
    (row,) = client.post("/annotations", json={"range": moments, "annotation": annotation}).get_json()
    assert (row["title"], row["annotation"]) == ("platform/inventory broke", annotation)
    assert row["timeEnd"] - row["time"] == 720_000
    assert row["tags"] == ["platform/inventory", "shop/cart", "shop/web"]


def test_prometheus_gets_only_what_goes_on(clock: Clock) -> None:
    labels = {"incident": "shop-web-1"}
    info = {"symptom": "shop/web.latency", "root_cause": "platform/inventory"}
    assert incident_samples(clock) == {
        key("causal_incidents", {}): 1,
        key("causal_incident_info", labels | info): 1,
        key("causal_incident_start_timestamp_seconds", labels): now(clock) - 720,
        key("causal_incident_affected_entities", labels): 3,
    }


def test_that_there_is_no_incident_is_a_number_too(clock: Clock) -> None:
    assert incident_samples(with_incidents(clock, ended(now(clock)))) == {key("causal_incidents", {}): 0}


def test_a_cause_that_changes_leaves_the_labels_of_the_numbers_alone(clock: Clock) -> None:
    before = incident_samples(clock)
    other = replace(going_on(now(clock)), roots=(CART,))
    after = incident_samples(with_incidents(clock, other))
    assert {name for name, _ in before.keys() ^ after.keys()} == {"causal_incident_info"}
    nobody = incident_samples(with_incidents(clock, replace(other, roots=())))
    info = {"incident": "shop-web-1", "symptom": "shop/web.latency", "root_cause": ""}
    assert nobody[key("causal_incident_info", info)] == 1


def test_a_slow_call_has_one_name_through_every_door(clock: Clock) -> None:
    assert clock.snapshot is not None
    ties = clock.snapshot.topology.ties
    call = next(call for tie in ties if (call := tie.end("call")) and "-> platform/inventory" in tie_name(tie))
    name = next(tie_name(tie) for tie in ties if tie.end("call") == call)
    slow = replace(going_on(now(clock)), roots=(call,), affected=(call, CART))
    changed = with_incidents(clock, slow)
    client = create_app(changed).test_client()
    (row,) = client.get("/api/v1/incidents").get_json()
    assert (row["root_cause"], row["roots"], row["affected"]) == (name, [name], [name, "shop/cart"])
    assert [part["is_root_cause"] for part in row["causes"]] == [False, False]
    ((_, info),) = (key for key in incident_samples(changed) if key[0] == "causal_incident_info")
    assert dict(info)["root_cause"] == name
    moments = {"from": (now(clock) - 10_000) * 1000, "to": now(clock) * 1000}
    (table,) = ask(client, "incidents", range=moments)
    assert fields(table)["root cause"] == [name]
    (regions,) = ask(client, "incident_regions", range=moments)
    assert fields(regions)["title"] == [f"{name} broke"]
    assert fields(regions)["tags"] == [f"{name},shop/cart"]


def tie_name(tie: EntityRelation) -> str:
    """A call as people are told of it."""
    return f"{tie.ends[0][1]} -> {tie.ends[1][1]}"
