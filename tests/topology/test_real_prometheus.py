"""Every metric source against a real Prometheus that holds what installations write."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from asking import node, pairs, service, settings

from datasource.data import Entity
from datasource.demo.processes import start_prometheus
from datasource.prometheus import Reader
from datasource.settings import Settings
from datasource.settings.prometheus import Prometheus
from datasource.topology import Topology, TopologyReader

END = 1_763_000_000 // 60 * 60
HOURS = 6
SINCE = END - HOURS * 3600
EVERY = 30

MUTUAL = (("shop", "web", "shop", "cart"), ("shop", "cart", "shop", "web"), ("shop", "cart", "blue", "cart"))
ENTITIES = [service("web"), service("cart"), service("cart", "blue"), node("n1"), node("n2")]


def history() -> Iterator[str]:
    """Counters at 2 calls per second, from both reporters where there are two."""
    graph = "traces_service_graph_request_total"
    for a, client, b, server in MUTUAL:
        yield from counter(graph, {"client": client, "client_namespace": a, "server": server, "server_namespace": b})
        mesh = {"source_workload": client, "destination_workload": server}
        istio = {"source_workload_namespace": a, "destination_workload_namespace": b}
        hubble = {"source_namespace": a, "destination_namespace": b}
        for reporter in ("source", "destination"):
            for code in ("200", "500"):
                yield from counter("istio_requests_total", mesh | istio | {"reporter": reporter, "response_code": code})
        for reporter in ("client", "server"):
            yield from counter("hubble_http_requests_total", mesh | hubble | {"reporter": reporter, "method": "GET"})
        linkerd = {"namespace": a, "deployment": client, "dst_namespace": b, "dst_deployment": server}
        for direction in ("outbound", "inbound"):
            yield from counter("response_total", linkerd | {"direction": direction, "classification": "success"})
    shop = {"client_namespace": "shop", "server_namespace": "shop"}
    for client in ("web", "cart"):
        ends = {"client": client, "server": "orders-db", "connection_type": "database"}
        yield from counter(graph, shop | ends)
        spans = {"service_namespace": "shop", "service_name": client, "span_kind": "SPAN_KIND_CLIENT"}
        yield from counter(
            "traces_span_metrics_calls_total", spans | {"db_system": "redis", "server_address": "users-db"}
        )
    queue = {"client": "cart", "server": "web", "connection_type": "messaging_system"}
    yield from counter("otel_" + graph, shop | queue)
    # talked for twenty minutes, five hours ago
    yield from counter("brief_total", shop | {"client": "web", "server": "cart"}, until=SINCE + 3600)
    for owner, where in (("web-5d4f", "n1"), ("cart-7d9c8b6f5d", "n1"), ("cart-7d9c8b6f5d", "n2")):
        pod = {"namespace": "shop", "pod": f"{owner}-x", "node": where, "uid": f"{owner}-{where}"}
        created = {"created_by_kind": "ReplicaSet", "created_by_name": owner}
        yield from lines("kube_pod_info", pod | created, lambda _: 1.0, SINCE, END)


def counter(name: str, labels: Mapping[str, str], until: int = END) -> Iterator[str]:
    return lines(name, labels, lambda seconds: 2.0 * seconds, max(SINCE, until - 1200) if until < END else SINCE, until)


def lines(name: str, labels: Mapping[str, str], value: Callable[[int], float], start: int, end: int) -> Iterator[str]:
    shown = ",".join(f'{label}="{text}"' for label, text in labels.items())
    for now in range(start, end + 1, EVERY):
        yield f"{name}{{{shown}}} {value(now - start)!r} {now}"


@pytest.fixture(scope="module")
def url(server_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("ties")
    text = directory / "history.om"
    text.write_text("\n".join([*history(), "# EOF\n"]))
    server = start_prometheus(server_binary("prometheus"), directory, backfill=text)
    yield server.url
    server.stop()


@pytest.fixture
def read(url: str) -> Callable[..., Topology]:
    def once(relations: str, entities: str = "", measured: list[Entity] = ENTITIES) -> Topology:
        text: Settings = settings(relations, entities) if entities else settings(relations)
        text = text.model_copy(update={"prometheus": Prometheus(url=url)})
        return TopologyReader(text).read(Reader(text).client, measured, SINCE, END)

    return once


CALLS = ["shop/web -> shop/cart", "shop/cart -> shop/web", "shop/cart -> blue/cart"]


@pytest.mark.parametrize(("source", "rate"), [("istio", 4.0), ("hubble", 2.0), ("linkerd", 2.0)])
def test_a_mesh_says_who_calls_whom(read: Callable[..., Topology], source: str, rate: float) -> None:
    found = read(f"calls: {source}")
    assert sorted(pairs(found)) == sorted(CALLS)
    assert not found.notices
    assert [tie.rate for tie in found.ties] == pytest.approx([rate] * 3, rel=0.01)
    assert {tie.last_seen for tie in found.ties} == {END}


def test_the_service_graph_knows_databases_and_who_shares_them(read: Callable[..., Topology]) -> None:
    found = read("calls: service_graph, shares: relation")
    databases = ["shop/cart -> shop/orders-db", "shop/web -> shop/orders-db"]
    assert sorted(pairs(found)) == sorted([*CALLS, *databases])
    assert sorted(pairs(found, "shares")) == databases


def test_spans_know_databases_too(read: Callable[..., Topology]) -> None:
    entities = "service: {labels: [namespace, service]}, database: {labels: [name]}"
    ends = "ends: {client: service, server: database}"
    found = read(f"stores: {{source: span_metrics, {ends}}}", entities)
    assert sorted(pairs(found, "stores")) == ["shop/cart -> users-db", "shop/web -> users-db"]
    assert {tie.connection for tie in found.ties} == {"database"}


def test_messages_do_not_wait(read: Callable[..., Topology]) -> None:
    found = read("calls: {source: service_graph, metric: otel_traces_service_graph_request_total}")
    assert pairs(found) == ["shop/cart -> shop/web"]
    assert not found.ties[0].waits


def test_a_pair_that_talked_only_briefly_is_found(read: Callable[..., Topology]) -> None:
    """Looks across a long baseline leave no gap between them."""
    (tie,) = read("calls: {source: service_graph, metric: brief_total}").ties
    assert tie.last_seen is not None
    assert SINCE + 2400 <= tie.last_seen <= SINCE + 3600 + 600


def test_who_runs_where(read: Callable[..., Topology]) -> None:
    found = read("runs_on: kube_pod_info")
    assert sorted(pairs(found, "runs_on")) == ["shop/cart -> n1", "shop/cart -> n2", "shop/web -> n1"]
    assert not found.notices


def test_all_at_once(read: Callable[..., Topology]) -> None:
    found = read("calls: {sources: [service_graph, istio, linkerd, hubble, {source: metric, query: absent_total}]}")
    assert found.by_source("calls") == {"service_graph": 5, "istio": 3, "linkerd": 3, "hubble": 3}
    (notice,) = found.notices
    assert "relation 'calls', metric: cannot be read: 'absent_total' returned nothing in the last 6h" in notice
    seen = {pair: tie.sources for pair, tie in zip(pairs(found), found.ties, strict=True)}
    assert seen["shop/cart -> blue/cart"] == ("service_graph", "istio", "linkerd", "hubble")
    assert seen["shop/web -> shop/orders-db"] == ("service_graph",)


def test_a_wrong_query_comes_back_with_prometheus_own_words(read: Callable[..., Topology]) -> None:
    (notice,) = read("calls: {source: metric, query: 'sum by ('}").notices
    assert "parse error" in notice
