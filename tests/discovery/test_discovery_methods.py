"""Every method of discovery, behind one interface."""

import re
from typing import Any

import numpy as np
import pytest
from discovered import adjacent, chain, matrix_of

from datasource.data import Variable
from datasource.discovery import METHODS, Prior, absent_methods, find_method
from datasource.graph import Edge, Evidence

HERE = [name for name in METHODS if name not in absent_methods()]
WITH_LAGS = ("lagged_pc", "lingam", "dynotears", "hybrid", "graph_neural")


def wherever_installed(names: tuple[str, ...]) -> list[Any]:
    """Each method, skipped with what to install where it cannot be used."""
    absent = absent_methods()
    marks = {name: pytest.mark.skip(reason=f"{name} needs: pip install {absent[name]}") for name in absent}
    return [pytest.param(name, marks=marks[name]) if name in marks else name for name in names]


def test_what_installs_by_default_is_all_but_what_is_named_as_absent() -> None:
    assert set(HERE) >= {"hybrid", "pc", "lagged_pc", "order_search", "lingam", "notears", "dynotears"}
    for name, install in absent_methods().items():
        with pytest.raises(ValueError, match=re.escape(f"pip install {install}")):
            find_method(name)


def test_what_a_method_needs_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasource.discovery.methods.find_spec", lambda package: None)
    assert {*absent_methods()} == {"graph_neural", "tigramite"}
    with pytest.raises(ValueError, match=r"needs jax: pip install 'causal-datasource\[neural\]'"):
        find_method("graph_neural")


def test_an_unknown_method_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="known are: hybrid"):
        find_method("ouija")


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_both_links_of_a_chain_are_found_and_its_ends_are_not_linked(name: str) -> None:
    matrix = chain(("x", "y", "z"), seed=2, lag=1 if name in WITH_LAGS else 0)
    found = find_method(name)(matrix, Prior(matrix.variables))
    assert adjacent(found) == {frozenset("xy"), frozenset("yz")}


@pytest.mark.parametrize("name", wherever_installed(WITH_LAGS))
def test_who_comes_later_is_the_effect(name: str) -> None:
    matrix = chain(("x", "y", "z"))
    found = find_method(name)(matrix, Prior(matrix.variables))
    late = [edge for edge in found.edges if {edge.cause.signal, edge.effect.signal} == set("yz")]
    strongest = max(late, key=lambda edge: abs(edge.strength))
    assert {edge.cause.signal for edge in late} == {"y"}
    assert (strongest.lag, strongest.oriented) == (1, True)


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_what_is_forbidden_both_ways_is_not_found(name: str) -> None:
    matrix = chain(("x", "y", "z"), lag=0)
    x, y, _ = matrix.variables
    prior = Prior(matrix.variables, forbidden={(x, y): "no", (y, x): "no"})
    assert frozenset("xy") not in adjacent(find_method(name)(matrix, prior))


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_an_edge_never_leads_from_a_higher_tier_to_a_lower_one(name: str) -> None:
    matrix = chain(("x", "y", "z"), lag=0)
    tiers: dict[Variable, int] = {variable: 2 - place for place, variable in enumerate(matrix.variables)}
    found = find_method(name)(matrix, Prior(matrix.variables, tiers=tiers))
    assert found.edges
    assert all(tiers[edge.cause] <= tiers[edge.effect] for edge in found.edges)


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_a_known_edge_is_never_left_out(name: str) -> None:
    matrix = chain(("x", "y", "z"), lag=0)
    rng = np.random.default_rng(1)
    matrix = matrix_of(
        {one.signal: row for one, row in zip(matrix.variables, matrix.values, strict=True)}
        | {"w": rng.normal(size=1500)}
    )
    x, w = matrix.variables[0], matrix.variables[3]
    known = (Edge(w, x, 0, "", (Evidence("expert", "w -> x"),)),)
    found = find_method(name)(matrix, Prior(matrix.variables, known=known))
    edge = next(edge for edge in found.edges if (edge.cause, edge.effect) == (w, x))
    assert Evidence("expert", "w -> x") in edge.evidence
    assert not edge.is_new


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_data_in_which_nothing_moves_have_no_edges(name: str) -> None:
    matrix = matrix_of({"x": np.ones(100), "y": np.full(100, np.nan)})
    found = find_method(name)(matrix, Prior(matrix.variables))
    assert found.edges == ()
    assert any("never moves" in notice for notice in found.notices)


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_a_column_that_is_there_twice_does_no_harm(name: str) -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 400))
    matrix = matrix_of({"x": one, "y": other, "copy": one, "scaled": 2 * one + 1})
    found = find_method(name)(matrix, Prior(matrix.variables))
    assert all(np.isfinite(edge.strength) for edge in found.edges)
    assert not any("y" in (edge.cause.signal, edge.effect.signal) for edge in found.edges)


@pytest.mark.parametrize("name", wherever_installed(METHODS))
def test_the_same_data_give_the_same_answer(name: str) -> None:
    matrix = chain(("x", "y", "z"), times=300)
    prior = Prior(matrix.variables)
    assert repr(find_method(name)(matrix, prior)) == repr(find_method(name)(matrix, prior))


@pytest.mark.parametrize("name", wherever_installed(("graph_neural",)))
def test_a_network_of_too_many_variables_is_refused_before_it_is_learnt(name: str) -> None:
    rows = np.random.default_rng(0).normal(size=(151, 100))
    matrix = matrix_of({f"x{place}": row for place, row in enumerate(rows)})
    with pytest.raises(ValueError, match="150 variables at most"):
        find_method(name)(matrix, Prior(matrix.variables))
