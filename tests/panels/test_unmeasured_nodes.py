"""The causal graph shows what nobody measures, and that nobody does."""

from dataclasses import replace

import pytest
from worlds import World

from datasource.data import Entity, Variable
from datasource.graph import EVERYWHERE, CausalGraph, Edge, Evidence
from datasource.graph.unmeasured import common_cause
from datasource.panels import REGISTRY, Frame, Query
from datasource.service import Snapshot

WEB = Entity("service", (("namespace", "shop"), ("service", "web")))
CART = Entity("service", (("namespace", "shop"), ("service", "cart")))
WEATHER = Variable(EVERYWHERE, "weather")
BOTH = common_cause(Variable(WEB, "cpu"), Variable(CART, "latency"))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """The shop with the weather, and with something that moves web's cpu and cart's latency."""
    world = World(steps=130)
    world.clock.tick()
    bare = world.clock.snapshot
    assert bare is not None
    evidence = (Evidence("expert", "test"),)
    more = (
        Edge(WEATHER, Variable(WEB, "requests"), 0, "", evidence),
        Edge(BOTH, Variable(WEB, "cpu"), 0, "", evidence),
        Edge(BOTH, Variable(CART, "latency"), 0, "", evidence),
    )
    graph = CausalGraph(
        (*bare.graph.variables, WEATHER, BOTH), tuple(sorted((*bare.graph.edges, *more))), frozenset({WEATHER, BOTH})
    )
    return replace(bare, graph=graph)


def shown(snapshot: Snapshot, entity: str) -> tuple[dict[str, dict[str, object]], dict[tuple[str, str], str]]:
    """Nodes by id, and how the edges are dashed."""
    parameters = {"show": ("variables",), "entity": (entity,)}
    nodes, edges = REGISTRY.answer(Query("causal_graph", 0, 0, parameters), snapshot, "")
    rows = {row["id"]: row for row in rows_of(nodes)}
    return rows, {(row["source"], row["target"]): row["strokedasharray"] for row in rows_of(edges)}


def rows_of(frame: Frame) -> list[dict[str, object]]:
    names = [field.name for field in frame.fields]
    return [dict(zip(names, row, strict=True)) for row in zip(*(field.values for field in frame.fields), strict=True)]


def test_what_nobody_measures_is_grey_and_says_so(snapshot: Snapshot) -> None:
    nodes, edges = shown(snapshot, "shop/web")
    weather = nodes["weather"]
    assert weather["mainstat"] == "not measured"
    assert weather["subtitle"] == "everywhere"
    assert (weather["arc__fine"], weather["arc__not_measured"]) == (0, 1)
    assert nodes["shop/web.latency"]["arc__not_measured"] == 0
    assert edges["weather", "shop/web.requests"] == "6 4"
    assert edges["shop/web.cpu", "shop/web.latency"] == ""


def test_a_common_cause_is_named_by_what_it_moves_wherever_it_acts(snapshot: Snapshot) -> None:
    for entity, moved in (("shop/web", "shop/web.cpu"), ("shop/cart", "shop/cart.latency")):
        nodes, edges = shown(snapshot, entity)
        assert nodes[str(BOTH)]["title"] == "what moves both cpu and shop/cart.latency"
        assert edges[str(BOTH), moved] == "6 4"
    assert "weather" not in shown(snapshot, "shop/cart")[0]


def test_every_ring_is_whole_and_every_edge_has_its_ends(snapshot: Snapshot) -> None:
    for entity in ("shop/web", "shop/cart", "All"):
        nodes, edges = shown(snapshot, entity)
        for node in nodes.values():
            arcs = [value for name, value in node.items() if name.startswith("arc__")]
            assert sum(arcs) == pytest.approx(1)  # type: ignore[arg-type]
        assert {end for edge in edges for end in edge} <= nodes.keys()


def test_entities_are_measured(snapshot: Snapshot) -> None:
    nodes, _ = REGISTRY.answer(Query("causal_graph", 0, 0, {"show": ("entities",)}), snapshot, "")
    assert "not measured" not in [row["mainstat"] for row in rows_of(nodes)]
