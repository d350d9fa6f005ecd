"""The causal graph: templates along relations, single edges, and what is refused."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasource.data import Entity, Variable
from datasource.graph import Edge, GraphError, LaggedVariable, build, build_graph, longest_lag, unroll
from datasource.settings import Settings, parse_settings
from datasource.topology import EntityRelation, Topology, read_topology


def settings(templates: str = "", edges: str = "", more: str = "") -> Settings:
    return parse_settings(
        f"""
prometheus: {{url: 'http://p:9090'}}
entities:
  service: {{labels: [namespace, service]}}
  call: {{labels: [client_namespace, client, server_namespace, server]}}
signals:
  requests: {{entity: service, query: q, window: 30s, role: load}}
  cpu: {{entity: service, query: q, window: 30s}}
  latency: {{entity: service, query: q, window: 30s, role: latency}}
  seconds: {{entity: call, query: q, window: 30s, role: work}}
relations: {{calls: {{source: service_graph}}}}
graph:
  templates: [{templates}]
  edges: [{edges}]
{more}"""
    )


def service(name: str, namespace: str = "shop") -> Entity:
    return Entity("service", (("namespace", namespace), ("service", name)))


WEB, CART, QUEUE = service("web"), service("cart"), service("queue")
CALL = Entity(
    "call", (("client_namespace", "shop"), ("client", "web"), ("server_namespace", "shop"), ("server", "cart"))
)
VARIABLES = [Variable(e, s) for e in (WEB, CART, QUEUE) for s in ("requests", "cpu", "latency")] + [
    Variable(CALL, "seconds")
]
TOPOLOGY = Topology(
    (
        EntityRelation(
            "calls", (("client", WEB), ("server", CART), ("call", CALL)), True, 3.0, 1000, ("istio", "jaeger")
        ),
        EntityRelation("calls", (("client", WEB), ("server", QUEUE)), False, 1.0, 1000),
    )
)
MUTUAL = Topology(
    (
        EntityRelation("calls", (("client", WEB), ("server", CART))),
        EntityRelation("calls", (("client", CART), ("server", WEB))),
    )
)


def edges(text: Settings, topology: Topology = TOPOLOGY) -> list[str]:
    return [str(edge) for edge in build_graph(text, VARIABLES, topology).graph.edges]


def test_a_template_holds_within_every_entity_at_each_lag() -> None:
    found = edges(settings("requests -> cpu (lag 0..1)"))
    assert "shop/web.requests -> shop/web.cpu" in found
    assert "shop/cart.requests -> shop/cart.cpu (lag 1)" in found
    assert len(found) == 6


def test_load_flows_to_every_callee_but_latency_comes_back_only_to_who_waits() -> None:
    forward = edges(settings("requests -> requests along calls from client to server"))
    assert forward == [
        "shop/web.requests -> shop/cart.requests",
        "shop/web.requests -> shop/queue.requests",
    ]
    back = edges(settings("latency -> latency along calls from server to client"))
    assert back == ["shop/cart.latency -> shop/web.latency"]


def test_a_call_is_an_end_of_its_relation() -> None:
    assert edges(settings("latency -> seconds along calls from server to call")) == [
        "shop/cart.latency -> shop/web/shop/cart.seconds"
    ]


def test_an_edge_knows_why_it_is_there() -> None:
    built = build_graph(settings("latency -> latency along calls from server to client"), VARIABLES, TOPOLOGY)
    template, topology = built.graph.edges[0].evidence
    assert (template.kind, template.by) == ("template", "latency -> latency along calls from server to client")
    assert (topology.kind, topology.strength, topology.at) == ("topology", 3.0, 1000)
    assert topology.by == "calls from istio, jaeger"


def test_single_edges_may_leave_off_what_is_clear() -> None:
    assert edges(settings(edges="cart.cpu -> shop/web.latency (lag 1)")) == [
        "shop/cart.cpu -> shop/web.latency (lag 1)"
    ]


def test_an_edge_of_an_unmeasured_entity_waits_with_a_notice() -> None:
    built = build_graph(settings(edges="shop/crt.cpu -> shop/web.latency"), VARIABLES, TOPOLOGY)
    assert not built.graph.edges
    assert "'shop/crt.cpu' is not measured; did you mean 'shop/cart.cpu'?" in built.notices[0]


def test_forbidden_edges_are_not_added() -> None:
    found = edges(settings("requests -> cpu", more="  forbid: [shop/web.requests -> shop/web.cpu]\n"))
    assert "shop/web.requests -> shop/web.cpu" not in found
    assert "shop/cart.requests -> shop/cart.cpu" in found


def test_a_cycle_within_one_step_is_refused_with_its_path() -> None:
    with pytest.raises(GraphError) as error:
        build_graph(settings("cpu -> latency, latency -> requests, requests -> cpu"), VARIABLES, TOPOLOGY)
    assert "give one of these edges a lag" in str(error.value)
    for name in ("cpu", "latency", "requests"):
        assert f".{name} -> " in str(error.value)


def test_a_cycle_with_a_lag_is_real_and_kept() -> None:
    assert len(edges(settings("cpu -> latency, latency -> requests (lag 1), requests -> cpu"))) == 9


def test_services_that_call_each_other_both_ways_are_normal() -> None:
    built = build_graph(settings("latency -> latency along calls from server to client"), VARIABLES, MUTUAL)
    assert [str(edge) for edge in built.graph.edges] == [
        "shop/cart.latency -> shop/web.latency (lag 1)",
        "shop/web.latency -> shop/cart.latency (lag 1)",
    ]
    assert "taken at lag 1" in built.notices[0]


def test_a_list_may_say_that_they_call_each_other_both_ways() -> None:
    text = settings("latency -> latency along calls from server to client", more="").model_dump()
    text["relations"] = {"calls": ["web -> cart", "cart -> web"]}
    by_hand = Settings.model_validate(text)
    topology = read_topology(by_hand, None, [WEB, CART], 0, 100)
    assert len(topology.ties) == 2
    built = build_graph(by_hand, VARIABLES, topology)
    assert [edge.lag for edge in built.graph.edges] == [1, 1]
    assert "taken at lag 1" in built.notices[0]


def test_what_a_call_takes_comes_back_only_to_who_waits() -> None:
    queue = Entity("call", tuple((label, "queue" if label == "server" else value) for label, value in CALL.labels))
    ends = (("client", WEB), ("server", QUEUE), ("call", queue))
    topology = Topology((TOPOLOGY.ties[0], EntityRelation("calls", ends, False)))
    variables = [*VARIABLES, Variable(queue, "seconds")]
    text = settings("seconds -> latency along calls from call to client")
    assert [str(edge) for edge in build_graph(text, variables, topology).graph.edges] == [
        "shop/web/shop/cart.seconds -> shop/web.latency"
    ]


def test_the_unrolled_graph_is_acyclic_and_repeats_each_edge() -> None:
    graph = build_graph(
        settings("cpu -> latency, latency -> requests (lag 1), requests -> cpu"), VARIABLES, TOPOLOGY
    ).graph
    unrolled = unroll(graph, [v for v in VARIABLES if v.entity == WEB], depth=3)
    assert unrolled.number_of_nodes() == 3 * 4
    cause, effect = Variable(WEB, "latency"), Variable(WEB, "requests")
    assert unrolled.has_edge(LaggedVariable(cause, 2), LaggedVariable(effect, 1))
    assert not unrolled.has_edge(LaggedVariable(cause, 1), LaggedVariable(effect, 1))


def test_the_longest_lag_adds_up_along_paths() -> None:
    graph = build_graph(settings("requests -> cpu (lag 0..1), cpu -> latency (lag 1)"), VARIABLES, TOPOLOGY).graph
    assert longest_lag(graph, Variable(WEB, "requests"), Variable(WEB, "latency"), 10) == 2
    assert longest_lag(graph, Variable(WEB, "latency"), Variable(WEB, "requests"), 10) is None


def test_the_version_changes_with_the_edges() -> None:
    one = build_graph(settings("requests -> cpu"), VARIABLES, TOPOLOGY).graph
    two = build_graph(settings("requests -> cpu (lag 1)"), VARIABLES, TOPOLOGY).graph
    assert one.version == build_graph(settings("requests -> cpu"), VARIABLES, TOPOLOGY).graph.version != two.version


def one_loop_after_another(edges: list[Edge]) -> list[Edge]:
    """What is asked for, word by word: the edges along relations within each loop of one step move to lag 1."""
    instant = nx.DiGraph([(edge.cause, edge.effect) for edge in edges if edge.lag == 0])
    for loop in nx.strongly_connected_components(instant):
        inside = [e for e in edges if e.lag == 0 and e.relation and e.cause in loop and e.effect in loop]
        moved = {(edge.cause, edge.effect) for edge in inside} if len(loop) > 1 else set()
        merged: dict[tuple[Variable, Variable, int], Edge] = {}
        for edge in edges:
            lag = 1 if edge.lag == 0 and (edge.cause, edge.effect) in moved else edge.lag
            key = edge.cause, edge.effect, lag
            before = merged.get(key)
            both = tuple(dict.fromkeys((*before.evidence, *edge.evidence))) if before else edge.evidence
            merged[key] = (before or edge)._replace(lag=lag, evidence=both)
        edges = list(merged.values())
    return edges


MANY = settings(
    "requests -> requests along calls from client to server (lag 0..1), "
    "latency -> latency along calls from server to client, requests -> cpu, cpu -> latency"
)
SERVICES = [service(f"s{number:02}") for number in range(12)]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]), max_size=40))
def test_whatever_calls_whatever_the_loops_are_those_of_the_definition(calls: list[tuple[int, int]]) -> None:
    pairs = list(dict.fromkeys(calls))
    topology = Topology(
        tuple(EntityRelation("calls", (("client", SERVICES[one]), ("server", SERVICES[other]))) for one, other in pairs)
    )
    variables = [Variable(entity, name) for entity in SERVICES for name in ("requests", "cpu", "latency")]
    without_loops = [build_graph(MANY, variables, Topology((tie,))).graph.edges for tie in topology.ties]
    plain: dict[tuple[Variable, Variable, int], Edge] = {}
    for edge in (edge for edges in without_loops for edge in edges):
        plain.setdefault((edge.cause, edge.effect, edge.lag), edge)
    built = build_graph(MANY, variables, topology)
    if pairs:
        assert list(built.graph.edges) == sorted(one_loop_after_another(list(plain.values())))


def test_the_work_does_not_grow_with_the_number_of_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    add = build._add
    monkeypatch.setattr(build, "_add", lambda found, edge: counted.append(1) or add(found, edge))
    entities = [service(f"s{number}") for number in range(200)]
    ties = [
        EntityRelation("calls", (("client", one), ("server", other)))
        for first in range(0, 200, 2)
        for one, other in (entities[first : first + 2], entities[first : first + 2][::-1])
    ]
    variables = [Variable(entity, name) for entity in entities for name in ("requests", "latency")]
    found = build_graph(MANY, variables, Topology(tuple(ties)))
    assert len(found.notices) == 200
    assert len(counted) <= 3 * len(ties) * 3


def test_of_many_edges_that_wait_the_first_are_told_and_the_others_counted() -> None:
    waiting = ", ".join(f"shop/gone{number}.cpu -> shop/web.latency" for number in range(50))
    told = build_graph(settings(edges=waiting), VARIABLES, TOPOLOGY).notices
    assert len(told) == 21
    assert "'shop/gone0.cpu' is not measured" in told[0]
    assert told[-1] == "30 more edges wait for what is not measured; 'check' lists them"
