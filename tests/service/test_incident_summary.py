"""The summary of an incident is short, and says what is wrong since when, whose doing it is, and who suffers."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
from advising import CACHE, CALL, DB, NOW, SLOW, WEB, incident, level, said, service

from datasource.causes import Contribution, Outside, RootCauses, Step
from datasource.data import Variable
from datasource.incidents import quantity, summary


def test_the_summary_says_how_much_since_when_from_whom_and_who_suffers() -> None:
    others = tuple(map(service, "abcd"))
    assert said(incident(affected=(DB, *others))).summary == (
        "shop/web.latency is 180 ms above its usual 240 ms since 22:14 UTC: 150 ms from shop/db (its own latency), "
        "20 ms from shop/cache, 10 ms unexplained. 4 services suffer: shop/a, shop/b, shop/c, shop/d."
    )


def test_an_incident_that_is_over_is_told_in_the_past_and_keeps_its_suggestions() -> None:
    over = said(replace(incident(), end=NOW - 30, suggestions=("scale out",)))
    assert over.summary.startswith("shop/web.latency was 180 ms above its usual 240 ms from 22:14 to 22:16 UTC: 150 ms")
    assert over.summary.endswith("1 service suffered: shop/web.")
    assert over.suggestions == ("scale out",)


def test_an_incident_of_yesterday_says_the_day() -> None:
    assert "since Nov 14 22:14 UTC" in said(incident(updated=NOW + 86400)).summary


def test_several_roots_each_have_their_part() -> None:
    summary = said(incident(roots=(DB, CACHE))).summary
    assert "150 ms from shop/db (its own latency), 20 ms from shop/cache (its own latency)" in summary


def test_how_sure_a_cause_is_is_told() -> None:
    unsure = SLOW._replace(likely=((DB, 0.62),))
    assert "150 ms from shop/db (its own latency, 62% sure)" in said(incident(unsure)).summary
    elsewhere = unsure._replace(contributions=(), unexplained=0.18)
    assert ": the cause is shop/db (62% sure); 180 ms unexplained" in said(incident(elsewhere)).summary


def test_over_whom_it_came_is_told_where_somebody_is_between_and_there_is_room() -> None:
    waiting = Variable(CACHE, "latency")
    first, last = Step(DB, CACHE, "calls", waiting, 0.2, 0.1, 9.0), Step(CACHE, WEB, "", None, *[np.nan] * 3)
    told = said(incident(SLOW._replace(path=(first, last)))).summary
    assert told.endswith("1 service suffers: shop/web. Path: shop/db -> shop/cache -> shop/web.")
    assert "Path" not in said(incident(SLOW._replace(path=(last,)))).summary, "nobody is between"
    assert "Path" not in said(incident(SLOW._replace(path=(first, last)), roots=(CACHE,))).summary, "named no more"
    long = SLOW._replace(path=(first, *[last] * 30))
    assert said(incident(long)).summary == said(incident()).summary


def test_nobody_is_named_where_nobody_can_be() -> None:
    told = said(incident(roots=()))
    assert "; nobody can be named: 150 ms from shop/db" in told.summary
    assert told.suggestions == ("look first at shop/db, shop/cache, where the gap is largest",)
    two = said(incident(SLOW._replace(likely=((DB, 0.44), (WEB, 0.3))), roots=()))
    assert "; it may be shop/db (44%) or shop/web (30%) who broke: 150 ms from shop/db" in two.summary
    one = said(incident(SLOW._replace(likely=((DB, 0.44),)), roots=()))
    assert "; maybe shop/db (44%) broke: 150 ms from shop/db" in one.summary


def test_what_is_over_is_told_in_the_past_though_the_incident_is_open_for_a_while() -> None:
    over = said(incident(suffering=())).summary
    assert "shop/web.latency was 180 ms above its usual 240 ms from 22:14 to" in over
    assert over.endswith("1 service suffered: shop/web.")


def test_demand_is_nobodys_fault() -> None:
    surge = SLOW._replace(contributions=(), outside=(Outside("demand at shop/web", 0.18, 1.0, "demand", WEB),))
    known = {
        Variable(WEB, "latency"): level(0.42, 0.24),
        Variable(WEB, "requests"): level(140.0, 100.0),
        Variable(WEB, "cpu"): level(3.6, 2.0, broke=True),
    }
    told = said(incident(surge, roots=()), known)
    assert ": demand at shop/web is 40% above usual; no service broke." in told.summary
    assert told.suggestions[0].startswith("shed load at shop/web (requests is 140 requests/s, usually 100 requests/s)")
    assert told.suggestions[1].startswith("scale shop/web out (cpu is 3.6 cores, usually 2 cores)")


def test_what_is_outside_of_what_is_measured_is_told_and_pinned_on_nobody() -> None:
    bank = WEB._replace(labels=(("namespace", "shop"), ("service", "bank")))
    where = "bank, which shop/web calls and nobody measures"
    beyond = SLOW._replace(contributions=(), outside=(Outside(where, 0.17, 1, "call", bank),))
    told = said(incident(beyond, roots=()))
    assert "nobody is named: 170 ms from bank, which shop/web calls and nobody measures" in told.summary
    assert told.suggestions[0].startswith("look at bank, which shop/web calls and nobody measures;")


def test_failures_are_told_in_their_unit_and_as_a_share_of_the_requests() -> None:
    symptom = Variable(WEB, "errors")
    failing = RootCauses(symptom, 11.8, (Contribution(Variable(DB, "errors"), 11.8, 1.0),))
    known = {
        symptom: level(12.0, 0.2),
        Variable(WEB, "requests"): level(100.0, 100.0),
        Variable(DB, "errors"): level(12.0, 0.2),
    }
    told = said(incident(failing), known)
    assert told.summary.startswith(
        "shop/web.errors is 11.8 requests/s above its usual 0.2 requests/s (12% of its requests fail) since 22:14 UTC"
    )
    assert told.suggestions[0].startswith("look at the errors in the logs of shop/db since 22:14 UTC (errors is 12")


@pytest.mark.parametrize("count", [12, 200])
def test_long_lists_are_cut(count: int) -> None:
    many = tuple(service(f"a-service-with-a-long-name-{number}") for number in range(count))
    parts = tuple(Contribution(Variable(one, "latency"), 0.18 / 12, 1 / 12) for one in many[:12])
    summary = said(incident(RootCauses(SLOW.symptom, 0.18, parts), roots=many[:1], affected=many)).summary
    assert len(summary) <= 400
    assert f"{count - 1} services suffer: " in summary
    assert " more." in summary


def test_a_slow_call_is_told_by_its_ends() -> None:
    wire = SLOW._replace(contributions=(Contribution(Variable(CALL, "waited"), 0.18, 1.0),), unexplained=0.0)
    told = said(incident(wire, roots=(CALL,)), {Variable(WEB, "latency"): level(0.42, 0.24)})
    assert "180 ms from the call from shop/web to shop/db (its own waited)" in told.summary
    assert "timeouts between shop/web and shop/db: the time is lost on the way" in told.suggestions[0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1834, "s", "180 ms"),
        (2.31, "s", "2.3 s"),
        (0.9999, "s", "1 s"),
        (400, "s", "6.7 min"),
        (0, "s", "0 s"),
        (180, "ms", "180 ms"),
        (-0.02, "s", "-20 ms"),
        (0.1183, "percentunit", "12%"),
        (12345, "reqps", "12,000 requests/s"),
        (3e9, "bytes", "2.8 GiB"),
        (3.21, "cores", "3.2 cores"),
        (5, "short", "5"),
        (np.nan, "s", "unknown"),
    ],
)
def test_amounts_are_said_as_people_say_them(value: float, unit: str, text: str) -> None:
    assert quantity.quantity(value, unit) == text


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(quantity).failed == doctest.testmod(summary).failed == 0
