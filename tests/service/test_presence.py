"""Gaps that must not pass for health: entities that vanish, another installation's series, a clock that is set."""

from collections.abc import Sequence

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from test_silence import CART, START, STEP, WEB, Memory, load, matrix
from worlds import Inline

from datasource.data import Entity, Matrix, Roles, Variable
from datasource.service import Clock, Evaluator, Snapshot, samples
from datasource.service.presence import Vanished, presence
from datasource.settings import Loaded, Settings, parse_settings
from datasource.web.exposition import HealthCollector

SETTINGS: Settings = parse_settings("""
prometheus: {url: 'http://memory.test', latency_offset: 0s}
baseline: 100m
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: requests, window: 30s, unit: reqps, role: load}
  latency: {entity: service, query: latency, window: 30s, unit: s, role: latency}
graph: {templates: [requests -> latency]}
""")
N = 500
SILENT = 50
"""Points at the end for which somebody is silent."""


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


def shop(entities: Sequence[Entity], first: int = 0, last: int = N) -> dict[tuple[Entity, str], np.ndarray]:
    """Requests and latency of entities from one point to another."""
    inside = (np.arange(N) >= first) & (np.arange(N) < last)
    rows = {}
    for number, entity in enumerate(entities):
        noise = np.random.default_rng(number).normal(0, 0.01, N)
        rows[entity, "requests"] = np.where(inside, load(N), np.nan)
        rows[entity, "latency"] = np.where(inside, 0.1 + load(N) / 1000 + noise, np.nan)
    return rows


class Times:
    """The time of a machine, which can be set, and the time that passes."""

    def __init__(self, now: float) -> None:
        self.now, self.passed = now, 0.0

    def go_on(self, seconds: float, *, set_by: float = 0.0) -> None:
        self.now += seconds + set_by
        self.passed += seconds


def clock(whole: Matrix) -> tuple[Clock, Times]:
    times = Times(float(whole.end))
    evaluator = Evaluator(Loaded(SETTINGS, "test"), Memory(SETTINGS, whole).reader(SETTINGS), Inline())  # type: ignore[arg-type]
    return Clock(evaluator, lambda: times.now, lambda: times.passed), times


def seen(one: Clock) -> Snapshot:
    one.tick()
    assert one.snapshot is not None, one.health.error
    return one.snapshot


def exported(snapshot: Snapshot, name: str) -> dict[str, float]:
    return {sample.labels.get("service", ""): sample.value for sample in samples(snapshot) if sample.name == name}


def health(one: Clock, name: str) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(HealthCollector(one))  # type: ignore[arg-type]
    found = [sample for family in registry.collect() for sample in family.samples if sample.name == name]
    return {sample.labels.get("type", ""): sample.value for sample in found}


def test_who_has_no_samples_any_more_is_told_by_a_metric_and_a_notice() -> None:
    one, times = clock(matrix(shop([WEB]) | shop([CART], last=N - SILENT)))
    times.go_on(-SILENT * STEP)
    before = seen(one)
    assert exported(before, "causal_vanished") == {"web": 0, "cart": 0}
    assert not any("no samples any more" in notice for notice in before.notices)
    assert before.missed == ()
    times.go_on(SILENT * STEP)
    after = seen(one)
    assert exported(after, "causal_vanished") == {"web": 0, "cart": 1}
    assert [text for text in after.missed if text in after.notices] == [*after.presence.notices().values()]
    assert exported(after, "causal_service_anomaly") == {"web": 0}
    assert health(one, "causal_datasource_entities") == {"service": 1}
    assert health(one, "causal_datasource_vanished_entities") == {"service": 1}
    (said,) = [notice for notice in after.notices if "no samples any more" in notice]
    assert said.startswith("1 of 2 entities of the type 'service' have no samples any more and are not judged: cart")


def test_the_series_of_another_installation_are_no_health() -> None:
    ours, theirs = [WEB, CART], [service("mail"), service("search")]
    one, times = clock(matrix(shop(ours, last=N - SILENT) | shop(theirs, first=N - SILENT)))
    times.go_on(-SILENT * STEP)
    seen(one)
    times.go_on(SILENT * STEP)
    after = seen(one)
    assert exported(after, "causal_service_anomaly") == {}
    assert exported(after, "causal_vanished") == {"web": 1, "cart": 1, "mail": 0, "search": 0}
    assert any(notice.startswith("2 of 4 entities of the type 'service'") for notice in after.notices)


def test_that_somebody_judges_is_said_before_all_that_may_be_left_out() -> None:
    """Alerts stay what they were while causal_incidents is missing; a series too many must not make it so."""
    one, _ = clock(matrix(shop([WEB, CART])))
    assert samples(seen(one))[0].name == "causal_incidents"


def test_a_restart_knows_who_has_vanished() -> None:
    one, _ = clock(matrix(shop([WEB]) | shop([CART], last=N - SILENT)))
    assert exported(seen(one), "causal_vanished") == {"web": 0, "cart": 1}


@pytest.mark.parametrize(
    ("gap", "gone"),
    [(5, False), (20, False), (21, True), (2880, True), (2881, False)],
    ids=["a few points", "as late as samples may be", "longer", "for a day", "for more than a day"],
)
def test_missing_is_who_is_silent_for_longer_than_a_sample_is_on_its_way(gap: int, gone: bool) -> None:
    n = 4000
    rows = np.ones((2, n))
    rows[1, n - gap :] = np.nan
    variables = Variable(WEB, "latency"), Variable(CART, "latency")
    found = presence(Matrix(variables, START, STEP, rows), Roles(SETTINGS.signals), variables)
    last = START + STEP * (n - gap - 1)
    assert found.vanished == ((Vanished(CART, last),) if gone else ())
    assert (CART in found.there) == (gap <= 20)


def test_who_seldom_has_a_sample_has_not_vanished_between_two() -> None:
    rows = np.ones((2, N))
    rows[1, np.arange(N) % 60 != 0] = np.nan
    variables = Variable(WEB, "latency"), Variable(CART, "latency")
    found = presence(Matrix(variables, START, STEP, rows[:, :480]), Roles(SETTINGS.signals), variables)
    assert found.there == (CART, WEB)
    assert found.counts == {"service": (2, 0)}


def test_when_nobody_has_samples_it_is_the_service_that_is_told_of() -> None:
    variables = Variable(WEB, "latency"), Variable(CART, "latency")
    rows = np.ones((2, N))
    rows[:, -SILENT:] = np.nan
    roles = Roles(SETTINGS.signals)
    assert presence(Matrix(variables, START, STEP, rows), roles, variables).vanished == ()
    assert presence(Matrix(variables, START, STEP, np.full((2, N), np.nan)), roles, variables).there == ()


def test_many_that_have_vanished_are_counted_and_a_few_are_named() -> None:
    many = [service(f"s{number}") for number in range(8)]
    one, _ = clock(matrix(shop([WEB]) | shop(many, last=N - SILENT)))
    (said,) = [notice for notice in seen(one).notices if "no samples any more" in notice]
    assert said.startswith("8 of 9 entities")
    assert said.endswith("and 3 more")


@pytest.mark.parametrize(("by", "way"), [(3600.0, "1h forward"), (-3600.0, "1h back")])
def test_a_clock_that_is_set_is_told(by: float, way: str) -> None:
    one, times = clock(matrix(shop([WEB, CART])))
    times.go_on(-3600.0)
    seen(one)
    times.go_on(STEP, set_by=by)
    assert any(f"the clock of this machine was set {way}" in notice for notice in seen(one).notices)
    assert health(one, "causal_datasource_clock_jumps_total") == {"": 1}
    times.go_on(STEP)
    assert health(one, "causal_datasource_clock_jumps_total") == {"": 1}
    assert any("clock of this machine" in notice for notice in seen(one).notices)
    times.go_on(3600.0)
    assert not any("clock of this machine" in notice for notice in seen(one).notices)
    assert health(one, "causal_datasource_clock_jumps_total") == {"": 1}


def test_a_slow_evaluation_or_a_little_drift_is_no_jump() -> None:
    one, times = clock(matrix(shop([WEB, CART])))
    times.go_on(-3600.0)
    for drift in (0.0, 4.0, -4.0):
        times.go_on(10 * STEP, set_by=drift)
        seen(one)
    assert one.health.jumps == 0


def test_results_do_not_become_fresh_by_a_clock_that_is_set_back() -> None:
    one, times = clock(matrix(shop([WEB, CART])))
    seen(one)
    times.go_on(6 * STEP, set_by=-86400.0)
    assert one.stale()
    times.go_on(0, set_by=86400.0)
    assert one.stale()


def test_results_are_those_of_the_time_that_the_clock_was_set_to() -> None:
    one, times = clock(matrix(shop([WEB, CART])))
    first = seen(one)
    times.go_on(STEP, set_by=-1800.0)
    after = seen(one)
    assert after.time == first.time + STEP - 1800
    assert after.judgement is not None
