"""The panels of incidents: a table, and regions over time."""

from collections.abc import Callable
from dataclasses import replace
from math import isnan

import pytest
from shop_incidents import CART, PAYMENT, WEB, ended, going_on, holding, seen_by_then
from worlds import World

from datasource.causes import RootCauses
from datasource.data import Variable
from datasource.panels import REGISTRY, Filter, Frame, Query, QueryError
from datasource.service import Snapshot

Ask = Callable[..., Frame]


@pytest.fixture(scope="module")
def plain() -> Snapshot:
    """A young shop, in which a first fit was made."""
    world = World(steps=130)
    world.clock.tick()
    assert world.clock.snapshot is not None
    return world.clock.snapshot


@pytest.fixture(scope="module")
def snapshot(plain: Snapshot) -> Snapshot:
    return holding(plain)


def ask(
    snapshot: Snapshot, panel: str = "incidents", ago: tuple[int, int] = (10_000, 0), /, **parameters: str
) -> Frame:
    """The panel's frame over a range that begins and ends so many seconds before the newest point."""
    filters = tuple(Filter(key, "=", value) for key, value in parameters.items() if key in ("service", "signal"))
    asked = {key: (value,) for key, value in parameters.items() if key in ("state", "entity")}
    start, end = (snapshot.time - seconds for seconds in ago)
    (frame,) = REGISTRY.answer(Query(panel, start, end, asked, filters=filters), snapshot, "")
    return frame


def columns(frame: Frame) -> dict[str, list[object]]:
    return {field.name: list(field.values) for field in frame.fields}


def test_the_table_tells_what_ended_the_like_before(snapshot: Snapshot) -> None:
    remembering = replace(snapshot, seen={"shop-web-1": seen_by_then(snapshot.time)})
    first, second = columns(ask(remembering))["seen before"]
    assert "ended by rollback of platform/inventory (ann), 34m after it began" in str(first)
    assert second == ""


def test_the_table_tells_an_incident_in_a_row(snapshot: Snapshot) -> None:
    shown = columns(ask(snapshot))
    opened, over = (dict(zip(shown, row, strict=True)) for row in zip(*shown.values(), strict=True))
    assert opened == {
        "state": "open",
        "start": (snapshot.time - 720) * 1000,
        "end": None,
        "duration": 720,
        "root cause": "platform/inventory",
        "confidence": 0.9,
        "symptom": "shop/web.latency",
        "gap": 0.180,
        "affected": 3,
        "who is affected": "platform/inventory, shop/cart, shop/web",
        "summary": "shop/web is 180 ms slower: 150 ms from platform/inventory.",
        "suggestion": "roll platform/inventory back • runbook: https://wiki/slow",
        "seen before": "",
        "incident": "shop-web-1",
    }
    assert (over["state"], over["duration"], over["root cause"]) == ("ended", 600, "not known")
    assert isinstance(over["confidence"], float)
    assert isnan(over["confidence"])


def test_a_gap_has_its_unit_unless_the_rows_differ_in_it(snapshot: Snapshot) -> None:
    def gap(state: str) -> object:
        return next(field for field in ask(snapshot, state=state).fields if field.name == "gap").config.get("unit")

    assert (gap("open"), gap("ended"), gap("All")) == ("s", "reqps", None)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"state": "open"}, ["shop-web-1"]),
        ({"state": "ended"}, ["platform-payment-1"]),
        ({"state": "All"}, ["shop-web-1", "platform-payment-1"]),
        ({"entity": "shop/cart"}, ["shop-web-1"]),
        ({"entity": "platform/.*"}, ["shop-web-1", "platform-payment-1"]),
        ({"state": "ended", "entity": "payment"}, ["platform-payment-1"]),
        ({"service": "payment"}, ["platform-payment-1"]),
        ({"signal": "latency"}, ["shop-web-1"]),
        ({"signal": "latency", "service": "payment"}, []),
        ({"state": "open", "entity": "platform/payment"}, []),
        ({"entity": "shop/orders"}, []),
    ],
)
def test_incidents_are_picked_by_state_and_by_whom_they_concern(
    snapshot: Snapshot, parameters: dict[str, str], expected: list[str]
) -> None:
    assert columns(ask(snapshot, "incident_regions", **parameters))["id"] == expected


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        ((8000, 7300), []),
        ((8000, 7000), ["platform-payment-1"]),
        ((7000, 6900), ["platform-payment-1"]),
        ((6500, 800), []),
        ((6500, 700), ["shop-web-1"]),
        ((60, -60), ["shop-web-1"]),
        ((-60, -120), ["shop-web-1"]),
    ],
)
def test_incidents_are_shown_where_they_overlap_the_time_range(
    snapshot: Snapshot, ago: tuple[int, int], expected: list[str]
) -> None:
    assert columns(ask(snapshot, "incident_regions", ago))["id"] == expected


def test_regions_reach_from_the_start_to_the_end_or_to_now(snapshot: Snapshot) -> None:
    frame = ask(snapshot, "incident_regions")
    shown = columns(frame)
    assert list(shown) == ["time", "timeEnd", "title", "text", "tags", "id"]
    assert [field.type for field in frame.fields] == ["time", "time", *["string"] * 4]
    assert shown["time"] == [(snapshot.time - 720) * 1000, (snapshot.time - 7200) * 1000]
    assert shown["timeEnd"] == [snapshot.time * 1000, (snapshot.time - 6600) * 1000]
    assert shown["title"] == [
        "platform/inventory broke",
        "platform/payment.errors was anomalous, the cause is not known",
    ]
    assert shown["text"] == [
        "shop/web is 180 ms slower: 150 ms from platform/inventory. "
        "Suggested: roll platform/inventory back • runbook: https://wiki/slow",
        "Felt as platform/payment.errors.",
    ]
    assert shown["tags"] == ["platform/inventory,shop/cart,shop/web", "platform/payment"]


def test_without_incidents_the_table_says_so_and_there_are_no_regions(plain: Snapshot) -> None:
    quiet = replace(plain, incidents=())
    assert ask(quiet).notices == ("there is no incident in this time",)
    assert list(columns(ask(quiet, "incident_regions")).values()) == [[]] * 6


def test_incidents_of_before_a_restart_are_shown_while_the_baseline_warms_up() -> None:
    world = World(steps=37)
    world.clock.tick()
    young = world.clock.snapshot
    assert young is not None
    assert ask(young).notices == ("warming up: 37 of 120 points",)
    assert columns(ask(holding(young)))["incident"] == ["shop-web-1", "platform-payment-1"]


def test_an_incident_of_a_signal_that_is_no_longer_configured_is_still_shown(plain: Snapshot) -> None:
    old = replace(ended(plain.time), causes=RootCauses(Variable(PAYMENT, "gone"), 1.0, ()))
    shown = ask(holding(plain, old))
    assert columns(shown)["symptom"] == ["platform/payment.gone"]


def test_several_causes_are_all_named_the_surest_first(plain: Snapshot) -> None:
    both = replace(going_on(plain.time), roots=(CART, WEB))
    assert columns(ask(holding(plain, both)))["root cause"] == ["shop/cart, shop/web"]
    assert columns(ask(holding(plain, both), "incident_regions"))["title"] == ["shop/cart, shop/web broke"]


def test_what_was_merged_into_another_incident_is_listed_but_drawn_once(plain: Snapshot) -> None:
    part = replace(ended(plain.time), merged_into="shop-web-1")
    snapshot = holding(plain, going_on(plain.time), part)
    assert columns(ask(snapshot))["state"] == ["open", "merged"]
    assert columns(ask(snapshot, state="merged"))["incident"] == ["platform-payment-1"]
    assert columns(ask(snapshot, "incident_regions"))["id"] == ["shop-web-1"]


def test_a_wrong_state_is_answered_with_those_that_there_are(snapshot: Snapshot) -> None:
    with pytest.raises(QueryError, match="state 'closed' matches nothing; known are: ended, merged, open"):
        ask(snapshot, state="closed")
