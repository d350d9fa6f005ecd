"""The default method: names and data together, and what neither can tell."""

from dataclasses import replace

import numpy as np
from discovered import adjacent, chain, matrix_of, pairs

from datasource.data import Floats, Matrix
from datasource.discovery import Prior, find_method, prior_of_names

fit = find_method("hybrid")


def by_names(matrix: Matrix) -> Prior:
    return prior_of_names(matrix, [one.signal for one in matrix.variables])


def test_names_give_the_direction_that_data_cannot_tell() -> None:
    matrix = chain(("requests", "cpu", "latency"), lag=0)
    found = fit(matrix, by_names(matrix))
    assert pairs(found) == {("requests", "cpu"), ("cpu", "latency")}
    assert all(edge.oriented and edge.stability > 0.9 for edge in found.edges)


def test_without_names_an_instant_dependence_has_no_direction() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=500)
    matrix = matrix_of({"a": one, "b": one + rng.normal(size=500)})
    (edge,) = fit(matrix, Prior(matrix.variables)).edges
    assert not edge.oriented


def test_an_edge_against_what_is_believed_is_not_sure_of_its_direction() -> None:
    """It is cold outside, so the valve opens, so it gets warm: the graph that fits best turns the first around."""
    rng, n = np.random.default_rng(3), 1000

    def slow(memory: float) -> Floats:
        shocks, values = rng.normal(size=n), np.zeros(n)
        for time in range(1, n):
            values[time] = memory * values[time - 1] + shocks[time]
        return values * np.sqrt(1 - memory**2)

    outside = 10 + 5 * slow(0.98)
    valve = np.maximum(0, 30 - 1.5 * outside + 3 * slow(0.7))
    room = 18 + 0.05 * np.r_[valve[:3], valve[:-3]] + 0.05 * outside + 0.2 * slow(0.7)
    columns = {"aussen": outside, "ventil": valve, "raum": room, "watt": 0.5 + 0.04 * valve + 0.1 * slow(0.3)}
    matrix = matrix_of(columns)
    prior = by_names(matrix)
    surer = {pair: 2 * odds for pair, odds in prior.direction.items()}
    found = fit(matrix, replace(prior, direction=surer)).edges
    pair = next(one for one in found if {one.cause.signal, one.effect.signal} == {"aussen", "ventil"})
    assert pair.cause.signal == "ventil"
    assert not pair.oriented


def test_data_overrule_names_that_mislead() -> None:
    """What is called errors drives what is called requests, a step later."""
    matrix = chain(("errors", "latency", "requests"), times=3000)
    found = fit(matrix, by_names(matrix))
    assert adjacent(found) == {frozenset({"errors", "latency"}), frozenset({"latency", "requests"})}
    late = next(edge for edge in found.edges if "requests" in (edge.cause.signal, edge.effect.signal))
    assert (late.cause.signal, late.lag) == ("latency", 1)


def test_independent_series_get_no_edges_whatever_they_are_called() -> None:
    rng = np.random.default_rng(1)
    columns: dict[str, Floats] = {name: rng.normal(size=2000) for name in ("requests", "cpu", "latency", "errors")}
    matrix = matrix_of(columns)
    assert [edge for edge in fit(matrix, by_names(matrix)).edges if edge.stability > 0.5] == []


def test_a_dependence_that_is_forbidden_is_refused_with_its_reason() -> None:
    matrix = chain(("requests", "cpu", "latency"), lag=0)
    requests, cpu, _ = matrix.variables
    no = {(requests, cpu): "they never meet", (cpu, requests): "they never meet"}
    prior = by_names(matrix)
    found = fit(matrix, Prior(matrix.variables, (), no, {}, prior.presence, prior.direction))
    assert any(one.reason == "they never meet" for one in found.refused)


def test_a_signal_that_is_shifted_and_scaled_gives_the_same_graph() -> None:
    matrix = chain(("requests", "cpu", "latency"))
    other = Matrix(matrix.variables, 0, 60, matrix.values * np.array([[1e-6], [1e6], [3.0]]) + 7)
    assert pairs(fit(other, by_names(matrix))) == pairs(fit(matrix, by_names(matrix)))


def test_missing_points_do_no_harm() -> None:
    matrix = chain(("requests", "cpu", "latency"), lag=0)
    values = matrix.values.copy()
    values[np.random.default_rng(2).random(values.shape) < 0.05] = np.nan
    holed = Matrix(matrix.variables, 0, 60, values)
    assert pairs(fit(holed, by_names(holed))) == {("requests", "cpu"), ("cpu", "latency")}
