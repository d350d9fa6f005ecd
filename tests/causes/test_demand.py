"""What demand explains: handed down the mechanisms, in cycles too, and of nobody who has no entry."""

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_shop import ROLES, service

from datasource.anomaly.persistence import USUAL
from datasource.causes.demand import Demand, surge_sentences
from datasource.data import Entity, Floats, Variable

POINTS = 20
LOAD, WEB, DB = Variable(service("web"), "requests"), *(Variable(service(name), "latency") for name in ("web", "db"))


@dataclass(frozen=True)
class Parent:
    variable: Variable
    lag: int = 0


def mechanism(*parents: Variable) -> Any:
    return SimpleNamespace(parents=[Parent(one) for one in parents], coefficients=np.ones(len(parents)), strong=np.inf)


def demand(causal: dict[Variable, Any], gaps: dict[Variable, float], broke: tuple[Variable, ...] = ()) -> Demand:
    def look(variable: Variable, kind: str) -> tuple[Floats, Floats]:
        score = 2.0 if kind == "marginal" or variable in broke else 0.5
        return np.full(POINTS, gaps[variable]), np.full(POINTS, score)

    return Demand(SimpleNamespace(causal=causal), ROLES, USUAL, causal, look)  # type: ignore[arg-type]


def test_half_of_the_gap_is_enough_and_less_is_not() -> None:
    causal = {LOAD: mechanism(), WEB: mechanism(LOAD)}
    assert demand(causal, {LOAD: 1.0, WEB: 1.9}).explains(WEB).all()
    assert not demand(causal, {LOAD: 1.0, WEB: 2.1}).explains(WEB).any()
    assert demand(causal, {LOAD: 1.0, WEB: 1.9}).at([WEB]) == service("web")


def test_nothing_is_explained_where_somebody_upstream_broke() -> None:
    causal = {LOAD: mechanism(), DB: mechanism(LOAD), WEB: mechanism(LOAD, DB)}
    gaps = {LOAD: 1.0, DB: 1.0, WEB: 2.0}
    assert demand(causal, gaps).explains(WEB).all()
    assert not demand(causal, gaps, (DB,)).explains(WEB)[-1]


@pytest.mark.parametrize("first", [WEB, DB])
def test_in_a_cycle_whoever_is_asked_for_first_a_broken_one_is_heard_of(first: Variable) -> None:
    causal = {LOAD: mechanism(), DB: mechanism(LOAD, WEB), WEB: mechanism(LOAD, DB)}
    found = demand(causal, {LOAD: 1.0, DB: 1.0, WEB: 1.0}, (WEB,))
    found.explains(first)
    assert not found.explains(WEB)[-1]
    assert not found.explains(DB)[-1], "it waits for who broke"


def test_a_long_chain_is_walked_to_its_end() -> None:
    chain = [Variable(service(f"s{number}"), "latency") for number in range(3000)]
    causal = {LOAD: mechanism(), chain[0]: mechanism(LOAD)}
    causal |= {effect: mechanism(cause) for cause, effect in pairwise(chain)}
    assert demand(causal, dict.fromkeys(causal, 1.0)).explains(chain[-1]).all()


def test_who_has_no_entry_suffers_by_no_demand() -> None:
    memory = Variable(service("web"), "cpu")
    causal = {LOAD: mechanism(), WEB: mechanism(LOAD), memory: mechanism()}
    found = demand(causal, dict.fromkeys(causal, 1.0))
    assert not found.explains(memory).any()
    assert found.at([memory]) is None
    assert found.at([memory, WEB]) == service("web")


def test_it_is_told_by_entry() -> None:
    two: dict[Entity, list[Entity]] = {
        service("web"): [service("cart"), service("web")],
        service("batch"): [service("db")],
    }
    assert surge_sentences(two) == (
        "more is asked at web than usual: cart, web suffer by that alone",
        "more is asked at batch than usual: db suffers by that alone",
    )
