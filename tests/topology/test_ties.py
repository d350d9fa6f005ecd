"""Ties from one source: mapped onto measured entities, and nobody dropped in silence."""

from collections.abc import Iterator

import numpy as np

from datasource.data import Entity, Variable
from datasource.graph import find_variable
from datasource.prometheus import PrometheusError, Series
from datasource.settings import Settings, parse_settings
from datasource.topology import Topology, end_labels, read_topology


def settings(relation: str, labels: str = "[namespace, service]") -> Settings:
    return parse_settings(
        f"""
prometheus: {{url: 'http://p:9090'}}
entities:
  service: {{labels: {labels}}}
  node: {{labels: [node]}}
signals: {{latency: {{entity: service, query: q, window: 30s}}}}
relations: {{calls: {relation}}}
"""
    )


def service(name: str, namespace: str = "shop") -> Entity:
    return Entity("service", (("namespace", namespace), ("service", name)))


class Fake:
    """A Prometheus that has these series, whatever it is asked."""

    def __init__(self, *labels: dict[str, str], values: tuple[float, ...] = (0.0, 2.0, 4.0)) -> None:
        self.labels, self.values, self.asked = labels, np.array(values), ""

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        self.asked = query
        times = start + step * np.arange(self.values.size, dtype=float)
        yield [Series(one, times, self.values) for one in self.labels]


def read(text: Settings, client: Fake, *entities: Entity) -> Topology:
    return read_topology(text, client, entities, 0, 6000)  # type: ignore[arg-type]


def test_the_query_asks_for_exactly_the_labels_that_name_both_ends() -> None:
    client = Fake()
    read(settings("{source: service_graph}"), client)
    assert client.asked == (
        "sum by (client_namespace, client, server_namespace, server, connection_type) "
        "(rate(traces_service_graph_request_total[5m]))"
    )


def test_a_tie_knows_its_ends_how_many_calls_and_when_last_seen() -> None:
    client = Fake({"client": "web", "server": "cart"}, values=(1.0, 3.0, 0.0))
    (tie,) = read(settings("{source: service_graph}"), client, service("web"), service("cart")).ties
    assert (tie.end("client"), tie.end("server")) == (service("web"), service("cart"))
    assert tie.waits
    assert tie.rate == 4 / 3
    assert tie.last_seen == 60


def test_messages_do_not_wait() -> None:
    client = Fake({"client": "web", "server": "cart", "connection_type": "messaging_system"})
    (tie,) = read(settings("{source: service_graph}"), client, service("web"), service("cart")).ties
    assert not tie.waits


def test_a_name_in_two_namespaces_is_told_apart_by_the_prefixed_label() -> None:
    both = (service("cart", "blue"), service("cart", "green"), service("web"))
    plain = read(settings("{source: service_graph}"), Fake({"client": "web", "server": "cart"}), *both)
    assert not plain.ties
    assert "'cart' may be any of blue/cart, green/cart" in plain.notices[0]
    precise = Fake({"client": "web", "server": "cart", "server_namespace": "green"})
    assert read(settings("{source: service_graph}"), precise, *both).ties[0].end("server") == service("cart", "green")


def test_who_is_not_measured_is_told_not_dropped_in_silence() -> None:
    found = read(settings("{source: service_graph}"), Fake({"client": "user", "server": "web"}), service("web"))
    assert not found.ties
    assert "'user' is no measured service" in found.notices[0]


def test_a_rule_in_the_settings_maps_other_labels() -> None:
    text = settings(
        "{source: metric, query: istio, labels: {client: {service: source_workload, namespace: source_ns}, "
        "server: {service: destination_workload, namespace: destination_ns}}}"
    )
    assert end_labels(text, "calls", "metric")["client"] == {"namespace": "source_ns", "service": "source_workload"}
    istio = {
        "source_workload": "web",
        "source_ns": "shop",
        "destination_workload": "cart",
        "destination_ns": "shop",
    }
    assert read(text, Fake(istio)).ties[0].end("client") == service("web")


def test_other_relations_have_other_ends() -> None:
    text = settings("{source: metric, query: kube_pod_info, ends: {guest: service, host: node}}")
    node = Entity("node", (("node", "n1"),))
    (tie,) = read(text, Fake({"guest": "web", "host": "n1"}), service("web"), node).ties
    assert tie.ends == (("guest", service("web")), ("host", node))


def test_a_list_names_entities_as_they_are_shown() -> None:
    found = read(settings("[web -> shop/cart, web -> crat]"), Fake(), service("web"), service("cart"))
    assert [(t.end("client"), t.end("server")) for t in found.ties] == [(service("web"), service("cart"))]
    assert "'crat' (did you mean 'shop/cart'?) is no measured service; left out" in found.notices[0]


def test_a_service_that_calls_itself_makes_no_edge_to_itself() -> None:
    found = read(settings("{source: service_graph}"), Fake({"client": "web", "server": "web"}), service("web"))
    assert not found.ties
    assert "calls itself" in found.notices[0]


def test_pairs_that_never_talked_in_the_baseline_are_no_ties() -> None:
    silent = Fake({"client": "web", "server": "cart"}, values=(0.0, 0.0, float("nan")))
    assert not read(settings("{source: service_graph}"), silent, service("web"), service("cart")).ties


def test_a_failing_source_is_a_notice() -> None:
    class Gone(Fake):
        def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
            raise PrometheusError("timeout", "did not answer within 30 s")

    assert "did not answer" in read(settings("{source: service_graph}"), Gone()).notices[0]
    assert "returned nothing" in read(settings("{source: service_graph}"), Fake()).notices[0]


def test_no_two_entities_are_shown_alike_and_plain_names_still_find_them() -> None:
    twins = service("c", "a/b"), service("b/c", "a")
    assert [str(twin) for twin in twins] == ["a%2Fb/c", "a/b%2Fc"]
    assert str(service("x%2Fy", "a/b")) != str(service("x/y", "a/b"))
    assert str(Entity("service", (("service", "a/b"),))) == "a/b", "alone it is unambiguous"
    (tie,) = read(settings("[web -> b/c]"), Fake(), service("web"), service("b/c", "a")).ties
    assert tie.ends[1][1] == twins[1]
    told = read(settings("[web -> a/b/c]"), Fake(), service("web"), *twins).notices
    assert any("'a/b/c' may be any of a/b%2Fc, a%2Fb/c" in notice for notice in told)


def test_an_edge_may_name_a_variable_with_a_slash_plainly() -> None:
    twins = [Variable(one, "latency") for one in (service("c", "a/b"), service("b/c", "a"), service("x/y", "a"))]
    names = {str(variable): variable for variable in twins}
    assert len(names) == 3
    assert find_variable("a/x/y.latency", names) == twins[2]
    assert find_variable("a/b%2Fc.latency", names) == twins[1]
    assert find_variable("a/b/c.latency", names) is None
