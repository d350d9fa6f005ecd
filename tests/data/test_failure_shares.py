"""`check` says when the numbers of failures and successes cannot mean what their signals say."""

import numpy as np
import pytest

from datasource.data import Entity, Matrix, Variable
from datasource.data.shares import recognise_shares, wrong_share
from datasource.settings import Signal, parse_settings

WEB = Entity("service", (("service", "web"),))


def said(unit, role, *, told, load=300.0):
    text = f"""
prometheus: {{url: http://localhost:9090}}
entities: {{service: {{labels: [service]}}}}
signals:
  requests: {{entity: service, query: requests, window: 1m, unit: reqps, role: load}}
  told: {{entity: service, query: told, window: 1m, unit: {unit}, role: {role}}}
"""
    rows = {Variable(WEB, "requests"): np.full(9, load), Variable(WEB, "told"): np.array(told)}
    matrix = Matrix(tuple(rows), 0, 60, np.array(list(rows.values())))
    return wrong_share(parse_settings(text), "told", matrix)


@pytest.mark.parametrize(
    ("unit", "role", "told", "says"),
    [
        ("reqps", "failure", [0.002] * 9, "less than one request in 60 s: a ratio? Then write unit: percentunit"),
        ("reqps", "failure", [700.0] * 9, "more than there are requests"),
        ("percentunit", "failure", [2.5] * 9, "2.5 is no share in unit: percentunit; write unit: percent"),
        ("percent", "failure", [250.0] * 9, "the query counts something else"),
        ("percentunit", "failure", [0.998] * 9, "write role: success"),
        ("percentunit", "success", [0.01] * 9, "write role: failure"),
        ("percent", "success", [0.998] * 9, "never above 0.998, of a whole of 100; write unit: percentunit"),
    ],
)
def test_what_cannot_be_is_told_with_the_fix(unit, role, told, says):
    assert says in said(unit, role, told=told)


def test_an_outage_from_end_to_end_is_no_wrong_unit():
    assert "unit" not in said("percent", "success", told=[0.0] * 9)


def test_successes_that_nobody_counts_requests_beside_say_nothing():
    assert "add a signal with role: load" in said("reqps", "success", told=[299.0] * 9, load=np.nan)
    assert said("percentunit", "success", told=[0.998] * 9, load=np.nan) == ""


@pytest.mark.parametrize(
    ("unit", "role", "told"),
    [
        ("reqps", "failure", [0.0] * 9),
        ("reqps", "failure", [0.0] * 8 + [1 / 60]),
        ("reqps", "failure", [3.0] * 9),
        ("reqps", "failure", [298.0] * 9),
        ("reqps", "failure", [1.0] * 6 + [250.0] * 3),
        ("percentunit", "failure", [0.002] * 8 + [1.0]),
        ("percent", "failure", [0.2] * 9),
        ("percentunit", "success", [0.998] * 9),
        ("percent", "success", [99.9] * 8 + [40.0]),
        ("reqps", "success", [299.0] * 9),
        ("percentunit", "success", [np.nan] * 9),
    ],
)
def test_what_can_be_is_fine(unit, role, told):
    assert said(unit, role, told=told) == ""


DAY = np.arange(1440)
REQUESTS = 100 * (1 + 0.6 * np.sin(DAY / 1440 * 2 * np.pi))
STEADY = 100 + np.sin(DAY)
RNG = np.random.default_rng(3)


def recognised(name, load, failures, unit="short"):
    window = {"entity": "service", "window": 60}
    signals = {
        "requests": Signal(query="requests", unit="reqps", role="load", **window),
        name: Signal(query=name, unit=unit, role="failure", **window),
    }
    matrix = Matrix((Variable(WEB, "requests"), Variable(WEB, name)), 0, 60, np.array([load, failures]))
    return recognise_shares(signals, matrix)


def share_of(load, often=0.02):
    asked = (load * 60).astype(int)
    return RNG.binomial(asked, often) / asked


def smooth(values, points=5):
    return np.convolve(values, np.ones(points) / points, "same")


@pytest.mark.parametrize("load", [REQUESTS, STEADY, 5 * REQUESTS, REQUESTS / 20])
@pytest.mark.parametrize("name", ["error_rate", "errors", "failureRate"])
def test_a_share_is_known_by_what_no_count_is(name, load):
    outage = share_of(load)
    outage[1000:1030] = 0.3
    for share in (share_of(load), outage, smooth(share_of(load)), 0.02 + 0.002 * RNG.random(1440)):
        found = recognised(name, load, share)
        assert found.signals[name].unit == "percentunit"
        assert "is taken as a share of the requests" in found.notices[0]


@pytest.mark.parametrize("load", [REQUESTS, STEADY, 5 * REQUESTS, REQUESTS / 20])
@pytest.mark.parametrize("name", ["error_rate", "errors"])
def test_failures_per_second_stay_what_they_are(name, load):
    failures = RNG.poisson(0.002 * load * 60) / 60
    for counts in (failures, failures * RNG.uniform(0.97, 1.03, 1440), smooth(failures), 0 * load, 0 * load + 0.1):
        found = recognised(name, load, counts)
        assert found.signals[name].unit == "short"
        assert not found.notices


def test_where_nothing_fails_but_in_an_outage_the_name_says_that_it_is_a_share():
    outage = np.where((DAY > 1000) & (DAY < 1030), 0.3 + 0.01 * np.sin(DAY), 0.0)
    assert recognised("error_rate", REQUESTS, outage).signals["error_rate"].unit == "percentunit"
    assert recognised("errors", REQUESTS, outage).signals["errors"].unit == "short"


def test_a_percentage_that_requests_do_not_move():
    assert recognised("error_rate", 3 * REQUESTS, 100 * share_of(REQUESTS)).signals["error_rate"].unit == "percent"


def test_a_unit_that_is_said_counts():
    assert recognised("error_rate", REQUESTS, share_of(REQUESTS), "reqps").signals["error_rate"].unit == "reqps"


def test_check_says_of_settings_what_unit_to_write():
    text = """
prometheus: {url: http://localhost:9090}
step: 1m
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: requests, window: 1m, unit: reqps, role: load}
  recorded: {entity: service, query: 'svc:error_rate', window: 1m, role: failure}
  counted: {entity: service, query: 'sum by (service) (rate(e_total[1m]))', window: 1m, unit: reqps, role: failure}
"""
    rows = [REQUESTS, share_of(REQUESTS), share_of(REQUESTS)]
    matrix = Matrix(tuple(Variable(WEB, name) for name in ("requests", "recorded", "counted")), 0, 60, np.array(rows))
    assert "a share? Then write unit: percentunit" in wrong_share(parse_settings(text), "recorded", matrix)
    assert wrong_share(parse_settings(text), "counted", matrix) == "", "the query says that it counts"
