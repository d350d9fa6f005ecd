"""`check` says of each relation how many ties each of its sources saw."""

from datasource.cli.check_graph import check_relations
from datasource.data import Entity
from datasource.settings import parse_settings
from datasource.topology import EntityRelation, Topology

SETTINGS = parse_settings(
    """
prometheus: {url: 'http://p:9090'}
entities: {service: {labels: [service]}}
signals: {latency: {entity: service, query: q, window: 30s}}
relations:
  calls: {sources: [service_graph, {source: jaeger, url: 'http://jaeger:16686'}, istio]}
"""
)


def tie(client: str, server: str, *sources: str) -> EntityRelation:
    ends = tuple(
        (end, Entity("service", (("service", name),))) for end, name in (("client", client), ("server", server))
    )
    return EntityRelation("calls", ends, sources=sources)


def test_ties_are_told_by_source() -> None:
    ties = (tie("web", "cart", "service_graph", "jaeger"), tie("web", "user", "jaeger"))
    topology = Topology(ties, ("relation 'calls', istio: cannot be read: it returned nothing",))
    measured = [Entity("service", (("service", name),)) for name in ("web", "cart")]
    found = [(one.amount, one.state, one.text) for one in check_relations(SETTINGS, topology, measured)]
    assert found == [
        ("2 ties", "ok", "from service_graph 1, jaeger 2, istio 0"),
        ("1 name", "note", "not measured: user"),
        ("", "note", "relation 'calls', istio: cannot be read: it returned nothing"),
    ]


def test_no_ties_at_all_are_wrong_and_say_why() -> None:
    topology = Topology((), ("relation 'calls', istio: cannot be read: it returned nothing",))
    (finding,) = check_relations(SETTINGS, topology, [])
    assert finding.state == "wrong"
    assert "none from service_graph, jaeger, istio; relation 'calls', istio: cannot be read" in finding.text
