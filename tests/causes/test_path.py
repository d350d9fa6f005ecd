"""The path leads from who broke to who feels it, over those who suffer, with the numbers that show it."""

import numpy as np
import pytest
from small_shop import ROLES, Shop, node, service

from datasource.causes import RootCauses, Step, Verdict, judge
from datasource.causes.path import Paths
from datasource.causes.recent import Recent
from datasource.causes.suspects import Ways
from datasource.data import Entity, Matrix, Variable
from datasource.store import from_json, to_json
from datasource.topology import Topology

CHAIN = Shop([("web", "cart"), ("cart", "db"), ("web", "ads")])
WEB = Variable(service("web"), "latency")


def edges(steps: tuple[Step, ...]) -> list[tuple[str, str, str]]:
    return [(str(step.cause), str(step.effect), step.relation) for step in steps]


def way(shop: Shop, matrix: Matrix, cause: Entity, edges: tuple[tuple[Entity, Entity], ...] = ()) -> tuple[Step, ...]:
    recent = Recent(matrix.between(matrix.end - 240, matrix.end), shop.mechanisms, ROLES, shop.topology)
    return Paths(recent, Ways(shop.topology, edges)).to(WEB, cause)


def test_a_fault_comes_along_the_calls_and_every_step_has_its_numbers() -> None:
    verdict = CHAIN.verdict("web", CHAIN.simulate(slow={"db": 0.2}))
    first, last = verdict.causes.path
    assert verdict.root_cause == service("db")
    assert edges(verdict.causes.path) == [("db", "cart", "calls"), ("cart", "web", "calls")]
    assert first.variable is not None
    assert ROLES.role(first.variable) in ("latency", "work")
    assert first.observed - first.usual == pytest.approx(0.2, rel=0.1), "also of work, which is judged per request"
    assert last.variable == verdict.causes.symptom
    assert last.observed - last.usual == pytest.approx(verdict.causes.gap)
    assert all(step.score > 1 for step in verdict.causes.path)


def test_failures_are_told_where_it_fails() -> None:
    verdict = CHAIN.verdict("web", CHAIN.simulate(failing={"db": 0.2}))
    assert [step.variable and step.variable.signal for step in verdict.causes.path] == ["errors", "errors"]
    assert [step.observed - step.usual for step in verdict.causes.path] == pytest.approx([0.2, 0.2], rel=0.1)


def test_an_own_fault_has_no_path_and_nor_has_who_cannot_reach_the_symptom() -> None:
    assert CHAIN.verdict("web", CHAIN.simulate(slow={"web": 0.2})).causes.path == ()
    assert CHAIN.verdict("db", CHAIN.simulate(slow={"db": 0.2})).causes.path == ()
    assert way(CHAIN, CHAIN.simulate(slow={"db": 0.2}), service("stranger")) == ()


def test_of_two_ways_it_is_the_one_over_who_suffers_though_it_is_longer() -> None:
    shop = Shop([("web", "a"), ("web", "b"), ("b", "c"), ("a", "db"), ("c", "db")], queued=frozenset({("a", "db")}))
    suffering = way(shop, shop.simulate(slow={"db": 0.2}), service("db"))
    assert [str(step.effect) for step in suffering] == ["c", "b", "web"]
    calm = way(shop, shop.simulate(), service("db"))
    assert [str(step.effect) for step in calm] == ["a", "web"], "nobody suffers: the shortest"


def test_whom_nobody_measures_may_lie_on_the_way_without_numbers() -> None:
    shop = Shop(CHAIN.calls, unmeasured=frozenset({"cart"}))
    first, last = way(shop, shop.simulate(slow={"db": 0.2}), service("db"))
    assert edges((first, last)) == [("db", "cart", "calls"), ("cart", "web", "calls")]
    assert first.variable is None
    assert np.isnan([first.observed, first.usual, first.score]).all()


def test_over_a_machine_the_relation_is_said_and_an_edge_of_the_graph_alone_has_none() -> None:
    shop = Shop([("web", "cart"), ("batch", "store")], {"cart": "n1", "batch": "n1"}, per_core=0.02)
    steps = way(shop, shop.simulate(cpu={"batch": 8.0}), service("batch"), ((service("batch"), node("n1")),))
    assert edges(steps) == [("batch", "n1", ""), ("n1", "cart", "runs_on"), ("cart", "web", "calls")]
    assert steps[0].variable == Variable(node("n1"), "node_cpu")
    assert steps[0].observed - steps[0].usual == pytest.approx(8.0, rel=0.1)


def test_without_any_topology_it_follows_the_causal_graph() -> None:
    found = judge(CHAIN.simulate(slow={"db": 0.2}), CHAIN.mechanisms, ROLES, Topology())
    verdict = next(one for one in found.verdicts if one.entity == service("web"))
    assert edges(verdict.causes.path) == [("db", "cart", ""), ("cart", "web", "")]


def test_it_comes_back_from_the_store_and_what_was_stored_before_has_none() -> None:
    matrix = CHAIN.simulate(slow={"db": 0.2})
    verdict = CHAIN.verdict("web", matrix)
    assert from_json(Verdict, to_json(verdict)).causes.path == verdict.causes.path
    older = verdict.causes._asdict()
    del older["path"]
    assert from_json(RootCauses, to_json(older)).path == ()
