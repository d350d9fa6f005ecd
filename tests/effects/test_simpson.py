"""Simpson's view: what holds in every stratum may be the other way round in aggregate."""

import numpy as np
import pytest

from datasource.effects.result import Stratified
from datasource.effects.simpson import stratify
from datasource.effects.study import StudyError, lay_out

SERVICES = ("web", "cart", "search")


def traffic(seed: int = 3, n: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Busier services are faster ones; within each, one unit more of load costs one of latency."""
    rng = np.random.default_rng(seed)
    service = rng.integers(0, 3, n)
    load = rng.normal(size=n) + 3 * service
    latency = load - 5 * service + rng.normal(size=n)
    return load, latency, service


def view(load, latency, service, **further) -> Stratified:
    return stratify(lay_out(latency, load, {}, names=("load", "latency"), **further), service, SERVICES, "service")


def test_the_sign_turns_between_the_aggregate_and_every_stratum():
    found = view(*traffic())
    assert found.aggregate.upper < 0
    assert all(group.effect.lower > 0 for group in found.within)
    assert found.average.lower <= 1 <= found.average.upper
    assert found.reversed


def test_strata_that_have_nothing_to_do_with_it_reverse_nothing():
    load, _, service = traffic()
    latency = load + np.random.default_rng(4).normal(size=len(load))
    found = view(load, latency, service)
    assert not found.reversed
    assert found.average.value == pytest.approx(found.aggregate.value, abs=0.1)


def test_each_stratum_says_how_many_rows_it_has():
    load, latency, service = traffic()
    counts = {group.level: group.n for group in view(load, latency, service).within}
    assert counts == {name: int((service == code).sum()) for code, name in enumerate(SERVICES)}


def test_the_average_weighs_the_strata_by_their_rows():
    load = np.tile([0.0, 1.0], 60)
    service = np.array([0] * 90 + [1] * 30)
    latency = np.where(service == 0, 2 * load, 6 * load)
    assert view(load, latency, service).average.value == pytest.approx(3.0)


def test_a_stratum_where_the_treatment_stands_still_has_no_slope_and_counts_for_nothing():
    load, latency, service = traffic()
    load[service == 1] = 7.0
    found = view(load, latency, service)
    assert np.isnan(next(group.effect.value for group in found.within if group.level == "cart"))
    assert found.average.lower <= 1 <= found.average.upper


def test_where_it_stands_still_everywhere_coarser_strata_are_asked_for():
    _, latency, service = traffic()
    with pytest.raises(StudyError, match="constant within every stratum of service"):
        view(service.astype(float), latency, service)


def test_the_average_of_a_series_has_an_interval_that_knows_of_time():
    rng = np.random.default_rng(5)
    n = 1200
    load, noise = rng.normal(size=n), rng.normal(size=n)
    for t in range(1, n):
        load[t] += 0.9 * load[t - 1]
        noise[t] += 0.9 * noise[t - 1]
    service = np.repeat([0, 1, 2], 400)
    alone = view(load, load + noise, service).average
    series = view(load, load + noise, service, times=np.arange(n)).average
    assert series.upper - series.lower > 1.5 * (alone.upper - alone.lower)
