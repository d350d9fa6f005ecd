"""With measured calls and log lines the ranking sees what services do for a request, and what is between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from datasource.causes.ranking.rank import Ranking, rank
from datasource.causes.ranking.ratios import ratio_shifts
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.settings import Signal

STEP = 10


def signal(entity: str, role: str, unit: str = "short", end: str = "client") -> Signal:
    return Signal(entity=entity, query="q", window=10.0, unit=unit, role=role, end=end)


SIGNALS = {
    "requests": signal("service", "load"),
    "busy": signal("service", "work", "s"),
    "log_lines": signal("service", "activity"),
    "log_errors": signal("service", "failure"),
    "calls": signal("call", "load"),
    "client_seconds": signal("call", "work", "s"),
    "server_seconds": signal("call", "work", "s", "server"),
}
CALLS = (
    ("web", "cart"),
    ("web", "search"),
    ("shop", "cart"),
    ("cart", "store"),
    ("search", "store"),
    ("search", "ads"),
)
SERVICES = ("web", "shop", "cart", "search", "store", "ads")


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


def call(client: str, server: str) -> Entity:
    return Entity("call", (("client", client), ("server", server)))


@dataclass(frozen=True)
class Fault:
    """What a fault changes, by service or call: own seconds, seconds on the wire, log lines, the share of requests with
    errors, the share of calls that are still made, and how many requests there are."""

    own: Mapping[str, float] = field(default_factory=dict)
    wire: Mapping[tuple[str, str], float] = field(default_factory=dict)
    lines: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    made: Mapping[tuple[str, str], float] = field(default_factory=dict)
    traffic: float = 1.0


def simulate(fault: Fault, points: int, seed: int, requests: float = 4.0) -> dict[Variable, np.ndarray]:
    """Sums over ten seconds of a few requests each, as of spans and log lines; no sample where there is no request."""
    rng = np.random.default_rng(seed)
    count = {name: rng.poisson(requests * fault.traffic, points) for name in ("web", "shop")}
    busy: dict[str, np.ndarray] = {}
    values: dict[Variable, np.ndarray] = {}
    made = {}
    for name in SERVICES:
        count.setdefault(name, sum(made[pair] for pair in CALLS if pair[1] == name))
        for pair in [pair for pair in CALLS if pair[0] == name]:
            made[pair] = rng.binomial(count[name], 0.8 * fault.made.get(pair, 1.0))

    def seconds(number: np.ndarray, mean: float) -> np.ndarray:
        return rng.gamma(np.maximum(4 * number, 1e-9), mean / 4)

    for name in reversed(SERVICES):
        busy[name] = seconds(count[name], fault.own.get(name, 0.02))
        for pair in [pair for pair in CALLS if pair[0] == name]:
            share = made[pair] / np.maximum(count[pair[1]], 1)
            served = busy[pair[1]] * share
            waited = served + seconds(made[pair], fault.wire.get(pair, 0.002))
            busy[name] = busy[name] + waited
            there = made[pair] > 0
            for kind, row in (("calls", made[pair]), ("client_seconds", waited), ("server_seconds", served)):
                values[Variable(call(*pair), kind)] = np.where(there, row, np.nan)
        lines = rng.binomial(5 * count[name], np.clip(0.8 * fault.lines.get(name, 1.0), 0, 1))
        errors = rng.binomial(count[name], fault.errors.get(name, 0.002))
        for kind, row in (
            ("requests", count[name]),
            ("busy", busy[name]),
            ("log_lines", lines),
            ("log_errors", errors),
        ):
            values[Variable(service(name), kind)] = np.where(count[name] > 0, row, np.nan)
    return values


def matrix(*parts: Mapping[Variable, np.ndarray]) -> Matrix:
    rows = np.array([np.concatenate([part[variable] for part in parts]) for variable in parts[0]], dtype=float)
    return Matrix(tuple(parts[0]), 0, STEP, rows)


NORMAL = simulate(Fault(), 600, 1)


def ranked(fault: Fault, *, points: int = 18, seed: int = 2, normal: Matrix | None = None, **known: object) -> Ranking:
    return rank(normal or matrix(NORMAL), matrix(simulate(fault, points, seed)), SIGNALS, **known)


def first(ranking: Ranking) -> str:
    return str(max(ranking.entities, key=lambda entity: ranking.entities[entity]))


def test_nobody_is_blamed_when_all_is_well() -> None:
    assert not ranked(Fault()).blamed


def test_a_delay_on_one_wire_belongs_to_the_call() -> None:
    assert first(ranked(Fault(wire={("web", "cart"): 0.1}))) == "web/cart"


def test_where_all_calls_of_a_service_are_delayed_it_is_its_network() -> None:
    slow = {pair: 0.1 for pair in CALLS if "search" in pair}
    assert ranked(Fault(wire=slow)).blamed == (service("search"),)
    longest = {**slow, ("search", "ads"): 0.15}
    assert first(ranked(Fault(wire=longest))) == "search"


def test_seconds_of_calls_are_not_their_callers_own() -> None:
    found = ranked(Fault(own={"store": 0.3}))
    assert first(found) == "store"
    assert found.blamed == (service("store"),)


def test_contributions_are_the_own_seconds() -> None:
    told = {v.variable: v.contribution for v in ranked(Fault(own={"store": 0.3})).variables if v.contribution}
    assert told[Variable(service("store"), "busy")] == pytest.approx(0.28, rel=0.3)
    assert Variable(service("web"), "busy") not in told


def test_who_asks_less_of_others_has_changed_and_not_they() -> None:
    found = ranked(Fault(made={("search", "store"): 0.3, ("search", "ads"): 0.3}))
    assert first(found) == "search"


@pytest.mark.parametrize("times", [0.4, 1.25])
def test_who_writes_fewer_or_more_log_lines_has_changed(times: float) -> None:
    assert first(ranked(Fault(lines={"store": times}))) == "store"


def test_log_lines_count_without_any_calls() -> None:
    services = [v for v in NORMAL if v.entity.type == "service"]
    normal, now = matrix(NORMAL), matrix(simulate(Fault(lines={"ads": 0.4}), 18, 2))
    assert first(rank(normal.select(services), now.select(services), SIGNALS)) == "ads"


def test_error_lines_of_callers_are_explained_by_those_of_who_throws() -> None:
    found = ranked(Fault(errors={"store": 0.5, "cart": 0.4, "search": 0.4}))
    assert first(found) == "store"
    assert found.blamed == (service("store"),)


def test_a_handful_of_slow_requests_does_not_outrank_the_cause() -> None:
    """A job with a request in every ninth point, of which two are very slow, beside a service that is twice as slow."""
    job = service("job")

    def seldom(part: dict[Variable, np.ndarray], slow: float) -> dict[Variable, np.ndarray]:
        points = len(next(iter(part.values())))
        there = np.arange(points) % 9 == 0
        taken = np.random.default_rng(points).gamma(4, 0.005, points) * slow
        requests = {Variable(job, "requests"): np.where(there, 1.0, np.nan)}
        return {**part, **requests, Variable(job, "busy"): np.where(there, taken, np.nan)}

    now = simulate(Fault(own={"cart": 0.05}), 18, 2)
    assert first(rank(matrix(seldom(NORMAL, 1.0)), matrix(seldom(now, 50.0)), SIGNALS)) == "cart"


def test_the_same_fault_at_other_times_does_not_hide_it() -> None:
    for fault in (Fault(errors={"ads": 0.8}), Fault(own={"ads": 0.3}), Fault(lines={"ads": 0.3})):
        before = matrix(NORMAL, simulate(fault, 18, 3), simulate(Fault(), 100, 4), simulate(fault, 18, 5))
        found = ranked(fault, normal=before)
        assert found.blamed == (service("ads"),)


def test_whom_all_callers_ask_no_more_has_stopped_and_their_errors_are_its() -> None:
    gone = Fault(made={("web", "cart"): 0.0, ("shop", "cart"): 0.0}, errors={"web": 0.8, "shop": 0.8})
    assert first(ranked(gone)) == "cart"


def test_the_only_callee_that_a_caller_asks_no_more_has_stopped() -> None:
    assert first(ranked(Fault(made={("search", "ads"): 0.0}, errors={"search": 0.8}))) == "ads"


def test_who_asks_nobody_any_more_has_broken_itself() -> None:
    silent = Fault(made={("search", "store"): 0.0, ("search", "ads"): 0.0}, errors={"search": 0.8})
    assert ranked(silent).blamed == (service("search"),)


def test_who_has_no_callers_left_has_not_stopped() -> None:
    assert not ranked(Fault(traffic=0.3)).blamed


def test_traffic_alone_is_no_cause() -> None:
    assert not ranked(Fault(traffic=3.0)).blamed


def test_a_queue_that_traffic_filled_is_no_cause() -> None:
    longer = Fault(traffic=1.8, own=dict.fromkeys(SERVICES, 0.06))
    assert not ranked(longer).blamed
    assert ranked(Fault(own={"cart": 0.06})).blamed == (service("cart"),)


def test_what_is_sure_and_small_is_no_cause() -> None:
    busy = matrix(simulate(Fault(), 600, 1, requests=400.0))
    for fault in (
        Fault(own={"cart": 0.023}),
        Fault(wire=dict.fromkeys(CALLS, 0.0023)),
        Fault(lines={"cart": 0.97}),
    ):
        assert not rank(busy, matrix(simulate(fault, 18, 2, requests=400.0)), SIGNALS).blamed


def test_whom_the_symptom_does_not_reach_along_measured_calls_counts_less() -> None:
    fault = Fault(lines={"search": 0.4})
    anybody, of_shop = ranked(fault), ranked(fault, symptom=Variable(service("shop"), "busy"))
    assert of_shop.entities[service("search")] < 0.8 * anybody.entities[service("search")]


def test_measured_calls_are_the_relation_calls() -> None:
    known = [v for v in NORMAL if str(v.entity) != "store" and v.signal != "server_seconds"]
    known += [v for v in NORMAL if v.signal == "server_seconds" and not str(v.entity).endswith("/store")]
    now = matrix(simulate(Fault(own={"store": 0.5}), 18, 2))
    found = rank(matrix(NORMAL).select(known), now.select(known), SIGNALS)
    assert found.outside == (service("store"),)
    assert set(found.blamed) == {service("cart"), service("search")}


def test_rates_say_the_same_as_counts() -> None:
    counts, now = matrix(NORMAL), matrix(simulate(Fault(own={"store": 0.1}), 18, 2))
    rates = [Matrix(one.variables, 0, STEP, one.values / STEP) for one in (counts, now)]
    as_counts, as_rates = rank(counts, now, SIGNALS), rank(*rates, SIGNALS)
    for one, other in zip(as_counts.variables[:3], as_rates.variables[:3], strict=True):
        assert one.variable == other.variable
        assert other.score == pytest.approx(one.score, abs=0.05)
        assert (other.contribution or 0) == pytest.approx(one.contribution or 0, rel=0.01)


def test_names_of_other_labels_and_namespaces_are_understood() -> None:
    renamed = {service(n): Entity("service", (("namespace", "eu"), ("name", n))) for n in SERVICES}
    labels = ("client_namespace", "client", "server_namespace", "server")
    renamed |= {call(a, b): Entity("call", tuple(zip(labels, ("eu", a, "eu", b), strict=True))) for a, b in CALLS}
    before, now = matrix(NORMAL), matrix(simulate(Fault(own={"store": 0.3}), 18, 2))
    parts = [
        Matrix(tuple(Variable(renamed[v.entity], v.signal) for v in one.variables), 0, STEP, one.values)
        for one in (before, now)
    ]
    assert rank(*parts, SIGNALS).blamed == (renamed[service("store")],)


def test_every_variable_is_ranked_once_the_calls_too() -> None:
    found = ranked(Fault(wire={("web", "cart"): 0.1}))
    assert {one.variable for one in found.variables} == set(NORMAL)
    assert len(found.variables) == len(NORMAL)
    assert found.variables[0].variable == Variable(call("web", "cart"), "client_seconds")
    assert all(np.isfinite(one.score) for one in found.variables)


def test_a_ratio_moves_no_more_standard_deviations_than_it_has_requests() -> None:
    each = np.random.default_rng(1).gamma(8, 0.01, (1, 60))
    for many in (1.0, 10.0):
        sums = many * each, np.full((1, 2), 5.0 * many)
        requests = np.full((1, 60), many), np.full((1, 2), many)
        assert ratio_shifts(sums, requests, counted=False).z[0] == pytest.approx(2 * many)


def test_a_single_event_is_at_most_one_standard_deviation() -> None:
    requests = np.full((1, 60), 20.0), np.full((1, 3), 20.0)
    found = ratio_shifts((np.zeros((1, 60)), np.array([[0.0, 1.0, 0.0]])), requests, counted=True)
    assert found.z[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(own={"search": 0.3}), "own seconds per request"),
        (Fault(errors={"search": 0.8}), "failures per request"),
        (Fault(lines={"search": 0.3}), "calls, log lines or operations per request"),
        (Fault(wire={pair: 0.1 for pair in CALLS if "search" in pair}), "its calls on their way"),
        (Fault(made={("web", "search"): 0.0}), "no more requests"),
    ],
)
def test_it_says_in_words_what_changed(fault: Fault, words: str) -> None:
    assert ranked(fault).changed[service("search")] == words


def test_log_lines_are_judged_per_request_and_alarm_for_nobody() -> None:
    roles, lines = Roles(SIGNALS), Variable(service("web"), "log_lines")
    assert roles.level(matrix(NORMAL), lines) == pytest.approx(
        NORMAL[lines] / NORMAL[Variable(service("web"), "requests")], nan_ok=True
    )
    assert roles.alarms(lines) == ()


def ratios(before: list[np.ndarray], now: list[float], counted: bool) -> np.ndarray:
    """Standard deviations of rows with two requests a point, of which the incident has three points."""
    sums = np.array(before), np.repeat(np.array(now)[:, None], 3, axis=1)
    return ratio_shifts(sums, (np.full(sums[0].shape, 2.0), np.full(sums[1].shape, 2.0)), counted=counted).z


def test_a_row_that_never_varied_is_known_no_better_than_others() -> None:
    rng = np.random.default_rng(1)
    others = [rng.gamma(8, 0.01, 90) for _ in range(5)]
    alone = ratios([np.full(90, 0.08)], [0.09], counted=False)[0]
    assert ratios([np.full(90, 0.08), *others], [0.09] * 6, counted=False)[0] < 0.5 * alone


def test_a_row_that_varies_more_than_others_is_known_worse() -> None:
    rng = np.random.default_rng(1)
    rows = [0.1 * np.exp(spread * rng.normal(size=90)) for spread in (0.6, 0.05, 0.05, 0.05)]
    wide, narrow, *_ = ratios(rows, [0.15] * 4, counted=False)
    assert wide < 0.7 * narrow


def test_a_single_slow_request_does_not_make_a_service_slow() -> None:
    each = np.random.default_rng(1).gamma(8, 0.01, (1, 90))
    now = np.array([[0.08, 9.0, 0.08, 0.07, 0.08]])
    requests = np.full((1, 90), 2.0), np.full((1, 5), 2.0)
    assert abs(ratio_shifts((each, now), requests, counted=False).z[0]) < 1
    assert ratio_shifts((each, now), requests, counted=True).z[0] > 5


def test_a_change_is_measured_by_what_is_usual_on_its_side() -> None:
    at_times_thrice = np.repeat(0.1 + 0.2 * (np.random.default_rng(1).random(60) < 0.25), 3)
    more, fewer = (ratios([at_times_thrice], [level], counted=False)[0] for level in (0.15, 0.05))
    assert more < 0.8 * -fewer
