"""What each source asks Prometheus, and which entities its labels mean."""

import doctest

import pytest
from asking import Metrics, node, pairs, read, service, settings

from datasource.data import Entity
from datasource.topology import placement
from datasource.topology.placement import workload

WEB, CART = service("web"), service("cart")

ISTIO = {
    "source_workload_namespace": "shop",
    "source_workload": "web",
    "destination_workload_namespace": "shop",
    "destination_workload": "cart",
}


def test_a_metric_of_another_name() -> None:
    client = Metrics(otel_traces=[({"client": "web", "server": "cart"}, 2.0)])
    text = settings("calls: {source: service_graph, metric: otel_traces_service_graph_request_total}")
    assert pairs(read(text, client, WEB, CART)) == ["shop/web -> shop/cart"]


def test_istio_is_asked_for_one_reporter() -> None:
    client = Metrics(istio_requests_total=[(ISTIO, 2.0)])
    (tie,) = read(settings("calls: istio"), client).ties
    assert [str(entity) for _, entity in tie.ends] == ["shop/web", "shop/cart"]
    assert (tie.rate, tie.waits, tie.sources) == (2.0, True, ("istio",))
    by = "source_workload_namespace, source_workload, destination_workload_namespace, destination_workload"
    assert client.asked[0].startswith(f"sum by ({by}, destination_service_name) (rate(istio_requests_total{{reporter=")
    assert '(rate(istio_requests_total{reporter="destination"}[5m])) or sum by' in client.asked[0]
    read(settings("calls: {source: istio, reporter: waypoint}"), client)
    assert 'reporter="waypoint"' in client.asked[1]


def test_an_entity_labelled_as_istio_labels_servers_is_found_as_a_client_too() -> None:
    entities = "service: {labels: [destination_cluster, destination_workload_namespace, destination_workload]}"
    series = {**ISTIO, "source_cluster": "east", "destination_cluster": "west"}
    (tie,) = read(settings("calls: istio", entities), Metrics(istio=[(series, 1.0)])).ties
    assert [str(entity) for _, entity in tie.ends] == ["east/shop/web", "west/shop/cart"]


def test_linkerd_counts_what_clients_send() -> None:
    series = {"namespace": "shop", "deployment": "web", "dst_namespace": "shop", "dst_deployment": "cart"}
    client = Metrics(response_total=[(series, 2.0)])
    assert pairs(read(settings("calls: linkerd"), client)) == ["shop/web -> shop/cart"]
    assert client.asked == [
        "sum by (namespace, deployment, dst_namespace, dst_deployment, authority) "
        '(rate(response_total{direction="outbound"}[5m]))'
    ]


UNKNOWN = {"destination_workload_namespace": "unknown", "destination_workload": "unknown"}


def test_what_is_not_in_istios_mesh_is_called_by_its_host_and_unknown_is_nobody() -> None:
    series = [
        ({**ISTIO, **UNKNOWN, "destination_service_name": "api.example.com"}, 2.0),
        ({**ISTIO, **UNKNOWN, "destination_service_name": "PassthroughCluster"}, 2.0),
        ({**ISTIO, **UNKNOWN, "destination_service_name": "unknown"}, 2.0),
        ({**ISTIO, "source_workload": "unknown", "source_workload_namespace": "unknown"}, 2.0),
        ({**ISTIO, "destination_service_name": "cart"}, 2.0),
    ]
    client = Metrics(istio=series)
    found = read(settings("calls: istio"), client)
    assert pairs(found) == [
        "shop/web -> external/api.example.com",
        "shop/web -> external/PassthroughCluster",
        "shop/web -> shop/cart",
    ]
    assert not found.notices
    assert '{reporter="source", destination_workload="unknown"}' in client.asked[0]


def test_what_is_not_in_linkerds_mesh_is_called_by_its_authority() -> None:
    own = {"namespace": "shop", "deployment": "web"}
    client = Metrics(response_total=[({**own, "authority": "api.example.com:443"}, 2.0)])
    assert pairs(read(settings("calls: linkerd"), client)) == ["shop/web -> external/api.example.com:443"]


TWO_CLUSTERS = "service: {labels: [cluster, service]}"


def in_cluster(name: str, cluster: str) -> Entity:
    return Entity("service", (("cluster", cluster), ("service", name)))


EVERYWHERE = [in_cluster(name, cluster) for name in ("web", "cart") for cluster in ("eu", "us")]


def test_a_cluster_of_the_whole_series_is_that_of_both_ends() -> None:
    series = [({"client": "web", "server": "cart", "cluster": cluster}, 2.0) for cluster in ("eu", "us")]
    found = read(settings("calls: service_graph", TWO_CLUSTERS), Metrics(traces=series), *EVERYWHERE)
    assert pairs(found) == ["eu/web -> eu/cart", "us/web -> us/cart"]
    own = {"client": "web", "server": "cart", "cluster": "hub", "client_cluster": "eu", "server_cluster": "us"}
    found = read(settings("calls: service_graph", TWO_CLUSTERS), Metrics(traces=[(own, 2.0)]), *EVERYWHERE)
    assert pairs(found) == ["eu/web -> us/cart"], "an end's own cluster goes before"


def test_calls_that_name_no_cluster_stay_within_each() -> None:
    graph = Metrics(traces=[({"client": "web", "server": "cart"}, 2.0), ({"client": "web", "server": "db"}, 1.0)])
    found = read(settings("calls: service_graph", TWO_CLUSTERS), graph, *EVERYWHERE)
    assert pairs(found) == ["eu/web -> eu/cart", "us/web -> us/cart"]
    assert any("1 pair does not say in which cluster; taken as a call within each" in one for one in found.notices)
    graph = Metrics(traces=[({"client": "web", "server": "cart"}, 2.0)])
    elsewhere = (in_cluster("web", "eu"), in_cluster("cart", "us"))
    found = read(settings("calls: service_graph", TWO_CLUSTERS), graph, *EVERYWHERE[:2], elsewhere[1])
    assert pairs(found) == ["us/web -> us/cart"]


def test_hubble_counts_a_call_once_that_both_ends_report() -> None:
    series = {"source_namespace": "shop", "source_workload": "web"}
    series |= {"destination_namespace": "shop", "destination_workload": "cart"}
    client = Metrics(hubble_http_requests_total=[(series, 2.0)])
    assert pairs(read(settings("calls: hubble"), client)) == ["shop/web -> shop/cart"]
    assert "max by (" in client.asked[0]
    assert ", reporter) (rate(hubble_http_requests_total[5m])" in client.asked[0]


def test_labels_that_are_not_there_are_told() -> None:
    found = read(settings("calls: hubble"), Metrics(hubble=[({}, 2.0)]))
    assert "1 series has no name for the client; say in 'labels' which label it is" in found.notices[0]


def test_client_spans_name_their_peer() -> None:
    spans = [
        ({"service_name": "web", "span_kind": "SPAN_KIND_CLIENT", "peer_service": "cart"}, 2.0),
        ({"service_name": "web", "span_kind": "SPAN_KIND_CLIENT", "server_address": "search"}, 2.0),
        ({"service_name": "cart", "span_kind": "CLIENT", "server_address": "carts-db", "db_system": "redis"}, 5.0),
        ({"service_name": "cart", "span_kind": "PRODUCER", "messaging_destination_name": "orders"}, 1.0),
        ({"service_name": "web", "span_kind": "SPAN_KIND_CLIENT"}, 9.0),
    ]
    client = Metrics(calls_total=spans)
    text = settings("calls: span_metrics", "service: {labels: [service]}")
    found = read(text, client)
    assert pairs(found) == ["web -> cart", "web -> search", "cart -> carts-db", "cart -> orders"]
    assert [(tie.waits, tie.connection) for tie in found.ties] == [
        (True, ""),
        (True, ""),
        (True, "database"),
        (False, "messaging_system"),
    ]
    assert "1 series has no name for the server" in found.notices[0]
    assert 'span_kind=~"(SPAN_KIND_)?(CLIENT|PRODUCER)"' in client.asked[0]


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("ReplicaSet", "cart-7d9c8b6f5d", "cart"),
        ("ReplicaSet", "by-hand", "by-hand"),
        ("StatefulSet", "store-2", "store-2"),
        ("DaemonSet", "agent", "agent"),
        ("Job", "report-28391040", "report"),
        ("<none>", "<none>", ""),
    ],
)
def test_a_pod_belongs_to_the_workload_that_created_it(kind: str, name: str, wanted: str) -> None:
    assert workload(kind, name) == wanted


def pod(owner: str, where: str, namespace: str = "shop") -> tuple[dict[str, str], float]:
    return {"namespace": namespace, "node": where, "created_by_kind": "ReplicaSet", "created_by_name": owner}, 1.0


def test_who_runs_where_is_many_to_many() -> None:
    client = Metrics(kube_pod_info=[pod("web-5d4f", "n1"), pod("cart-7d9c8b6f5d", "n1"), pod("cart-7d9c8b6f5d", "n2")])
    text = settings("runs_on: kube_pod_info")
    assert text.ends("runs_on") == {"guest": "service", "host": "node"}
    found = read(text, client, WEB, CART, node("n1"), node("n2"))
    assert pairs(found, "runs_on") == ["shop/web -> n1", "shop/cart -> n1", "shop/cart -> n2"]
    assert not found.notices
    assert {tie.rate for tie in found.ties} == {None}
    assert {tie.last_seen for tie in found.ties} == {6000}
    assert client.asked == ['sum by (namespace, node, created_by_kind, created_by_name) (kube_pod_info{node!=""})']


def test_hosts_known_by_their_address() -> None:
    """node_exporter's instance is an address with a port, kube_pod_info's host_ip the address alone."""
    text = settings(
        "runs_on: {source: kube_pod_info, ends: {guest: service, host: node}, labels: {host: {instance: host_ip}}, "
        "names: [{match: '([0-9.]+)', replace: '${1}:9100'}]}",
        "service: {labels: [namespace, service]}, node: {labels: [instance]}",
    )
    labels, value = pod("web-5d4f", "n1")
    (tie,) = read(text, Metrics(kube_pod_info=[({**labels, "host_ip": "10.0.0.1"}, value)])).ties
    assert str(tie.end("host")) == "10.0.0.1:9100"


def test_names_are_rewritten_before_they_are_looked_up() -> None:
    series = [({"client": "web", "server": f"cart-v{version}"}, 2.0) for version in (1, 2)]
    text = settings("calls: {source: service_graph, names: [{match: '(.+)-v[0-9]+', replace: '$1'}]}")
    (tie,) = read(text, Metrics(traces=series), WEB, CART).ties
    assert tie.end("server") == CART
    assert tie.rate == 4.0


def test_a_rule_may_name_the_whole_entity_or_nobody() -> None:
    series = [({"client": "user", "server": "web.shop"}, 1.0), ({"client": "web.shop", "server": "cart.blue"}, 1.0)]
    rules = r"[{match: '(.+)\.(.+)', replace: '$2/$1'}, {match: user, replace: ''}]"
    found = read(settings(f"calls: {{source: service_graph, names: {rules}}}"), Metrics(traces=series))
    assert pairs(found) == ["shop/web -> blue/cart"]
    assert not found.notices


def test_many_strangers_are_counted_and_some_named() -> None:
    series = [({"client": "web", "server": f"host-{number}"}, 1.0) for number in range(13)]
    found = read(settings("calls: service_graph"), Metrics(traces=series), WEB)
    (notice,) = found.notices
    assert "'host-0', 'host-1'" in notice
    assert "'host-9' and 3 more are no measured service; left out" in notice


def test_examples_in_docstrings_hold() -> None:
    result = doctest.testmod(placement)
    assert result.attempted
    assert not result.failed
