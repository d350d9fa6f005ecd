"""A known graph and data: the demo's, with edges that are wrong and edges that are missing."""

from collections.abc import Sequence

import pytest
from worlds import SETTINGS, START, ShopClient

from datasource.data import Matrix, encode_events
from datasource.discovery import Prior, Proposal, find_method, prior_of_graph
from datasource.graph import build_graph
from datasource.prometheus import Reader
from datasource.settings import Settings, load_settings
from datasource.settings.rules import parse_rule
from datasource.topology import Topology, read_topology

LATENCY_UP = "latency -> latency along calls from server to client"
ERRORS_UP = "errors -> errors along calls from server to client"
LOAD_DOWN = "requests -> requests along calls from client to server (lag 0..1)"


class Shop:
    """The demo's two days, and what its expert wrote."""

    def __init__(self) -> None:
        self.settings: Settings = load_settings(SETTINGS).settings
        client, reader = ShopClient(5760), Reader(self.settings)
        reader.client = client  # type: ignore[assignment]
        self.matrix: Matrix = encode_events(reader.read(START, client.end).matrix, self.settings.signals)
        entities = {variable.entity for variable in self.matrix.variables}
        self.topology: Topology = read_topology(self.settings, client, entities, START, client.end)  # type: ignore[arg-type]

    def discovered(self, without: Sequence[str] = (), rules: Sequence[str] = (), edges: Sequence[str] = ()) -> Proposal:
        kept = [rule for rule in self.settings.graph.templates if str(rule) not in without]
        assert len(kept) == len(self.settings.graph.templates) - len(without)
        graph = self.settings.graph.model_copy(
            update={"templates": (*kept, *map(parse_rule, rules)), "edges": tuple(map(parse_rule, edges))}
        )
        settings = self.settings.model_copy(update={"graph": graph})
        built = build_graph(settings, self.matrix.variables, self.topology).graph
        prior: Prior = prior_of_graph(settings, self.matrix, self.topology, built)
        return find_method("hybrid")(self.matrix, prior)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


def proposed(found: Proposal) -> set[tuple[str, str, bool]]:
    """New edges as cause, effect and whether they stay within an entity."""
    return {(e.cause.signal, e.effect.signal, e.cause.entity == e.effect.entity) for e in found.proposed}


def doubted(found: Proposal) -> set[str]:
    return {one.by for edge in found.doubtful for one in edge.evidence if one.kind in ("expert", "template")}


def test_nothing_is_touched_in_a_graph_that_is_right(shop: Shop) -> None:
    found = shop.discovered()
    assert (found.proposed, found.doubtful) == ((), ())


@pytest.mark.parametrize(
    ("missing", "wrong", "edges", "expected"),
    [
        (
            ("requests -> cpu", "cpu -> latency", LATENCY_UP),
            ("restarts -> cpu", "cpu -> errors", "latency -> errors"),
            (),
            {("requests", "cpu", True), ("cpu", "latency", True), ("latency", "latency", False)},
        ),
        (
            ("requests -> restarts", "requests -> errors", "restarts -> latency (lag 0..1)"),
            ("restarts -> errors", "latency -> cpu (lag 1..1)", "errors -> cpu (lag 1..1)"),
            (),
            {("requests", "restarts", True), ("requests", "errors", True), ("restarts", "latency", True)},
        ),
        (
            ("cpu -> busy", ERRORS_UP, LOAD_DOWN),
            (),
            (
                "shop/web.cpu -> shop/cart.cpu",
                "shop/cart.restarts -> shop/web.errors",
                "platform/payment.errors -> shop/checkout.cpu",
            ),
            {("cpu", "busy", True), ("errors", "errors", False), ("requests", "requests", False)},
        ),
    ],
)
def test_three_missing_edges_are_proposed_three_wrong_ones_doubtful_and_no_other_is_touched(
    shop: Shop, missing: Sequence[str], wrong: Sequence[str], edges: Sequence[str], expected: set[tuple[str, str, bool]]
) -> None:
    found = shop.discovered(missing, wrong, edges)
    assert proposed(found) == expected
    assert doubted(found) == {*wrong, *edges}
    assert all(edge.stability > 0.5 for edge in found.proposed)


def test_an_edge_against_the_roles_is_doubtful_once_the_other_way_explains_as_much(shop: Shop) -> None:
    found = shop.discovered(["requests -> cpu"], ["cpu -> requests"])
    assert proposed(found) == {("requests", "cpu", True)}
    assert doubted(found) == {"cpu -> requests"}


def test_known_edges_are_never_left_out(shop: Shop) -> None:
    found = shop.discovered((), ["restarts -> cpu"])
    known = {(edge.cause.signal, edge.effect.signal) for edge in found.edges if not edge.is_new}
    assert {("restarts", "cpu"), ("requests", "cpu"), ("busy", "call_seconds")} <= known


def test_what_no_relation_connects_is_refused_with_its_reason(shop: Shop) -> None:
    """Without the way of load through the graph, services that never talk move together."""
    found = shop.discovered([LOAD_DOWN, "requests -> call_requests along calls from client to call"])
    assert any(one.reason.startswith("no relation connects") for one in found.refused)
