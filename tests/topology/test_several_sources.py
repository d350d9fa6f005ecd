"""Several sources of one relation: merged, and failing each for itself."""

from asking import Metrics, pairs, read, service, settings

from datasource.data import Entity
from datasource.topology import TopologyReader

WEB, CART = service("web"), service("cart")
BOTH = "calls: {sources: [service_graph, istio, [web -> cart, cart -> mail]]}"


def graph(client: str, server: str, **more: str) -> dict[str, str]:
    return {"client": client, "server": server, **more}


def mesh(client: str, server: str) -> dict[str, str]:
    ends = {"source_workload": client, "destination_workload": server}
    return ends | {"source_workload_namespace": "shop", "destination_workload_namespace": "shop"}


def test_a_tie_that_several_sources_saw_is_one() -> None:
    client = Metrics(traces=[(graph("web", "cart"), 1.0)], istio=[(mesh("web", "cart"), 4.0)])
    found = read(settings(BOTH), client, WEB, CART, service("mail"))
    assert pairs(found) == ["shop/web -> shop/cart", "shop/cart -> shop/mail"]
    tie, listed = found.ties
    assert tie.sources == ("service_graph", "istio", "list")
    assert (tie.rate, tie.last_seen, tie.waits) == (4.0, 6000, True)
    assert (listed.sources, listed.rate, listed.last_seen, listed.waits) == (("list",), None, None, True)
    assert found.by_source("calls") == {"service_graph": 1, "istio": 1, "list": 2}


def test_sources_that_cannot_tell_do_not_say_that_it_waits() -> None:
    message = Metrics(traces=[(graph("web", "cart", connection_type="messaging_system"), 1.0)])
    text = settings("calls: {sources: [service_graph, [web -> cart]]}")
    assert not read(text, message, WEB, CART).ties[0].waits
    also_asks = Metrics(
        traces=[(graph("web", "cart", connection_type="messaging_system"), 1.0), (graph("web", "cart"), 1.0)]
    )
    (tie,) = read(text, also_asks, WEB, CART).ties
    assert tie.waits
    assert tie.rate == 2.0


def test_the_settings_may_say_that_nobody_waits() -> None:
    text = settings("calls: {source: list, pairs: [web -> cart, cart -> web], asynchronous: [web -> cart, web -> crt]}")
    found = read(text, None, WEB, CART)
    assert [tie.waits for tie in found.ties] == [False, True]
    assert "asynchronous 'web -> crt': no such pair" in found.notices[0]


def test_services_that_call_each_other_both_ways_are_two_ties() -> None:
    client = Metrics(traces=[(graph("web", "cart"), 1.0), (graph("cart", "web"), 1.0)])
    assert pairs(read(settings("calls: service_graph"), client, WEB, CART)) == [
        "shop/web -> shop/cart",
        "shop/cart -> shop/web",
    ]


def test_a_failing_or_empty_source_is_a_notice_that_names_it() -> None:
    client = Metrics(traces=[(graph("web", "cart"), 1.0)], istio=[])
    client.failing = {"traces"}
    found = read(settings(BOTH), client, WEB, CART, service("mail"))
    assert pairs(found) == ["shop/web -> shop/cart", "shop/cart -> shop/mail"]
    assert "relation 'calls', service_graph: cannot be read: traces did not answer" in found.notices[0]
    assert "relation 'calls', istio: cannot be read: 'sum by" in found.notices[1]
    assert "returned nothing in the last 1h40m" in found.notices[1]


def test_what_a_source_said_last_is_kept_while_it_fails() -> None:
    client = Metrics(traces=[(graph("web", "cart"), 1.0)])
    reader = TopologyReader(settings("calls: service_graph"))
    assert pairs(read(reader.settings, client, WEB, CART, reader=reader)) == ["shop/web -> shop/cart"]
    client.failing = {"traces"}
    later = reader.read(client, [WEB, CART], 2100, 8100)  # type: ignore[arg-type]
    assert pairs(later) == ["shop/web -> shop/cart"]
    assert later.ties[0].last_seen == 6000
    assert later.notices[0].endswith("did not answer within 30 s; what it said 35m ago is kept")
    client.failing = set()
    client.series["traces"] = [(graph("cart", "web"), 1.0)]
    again = reader.read(client, [WEB, CART], 2100, 8100)  # type: ignore[arg-type]
    assert pairs(again) == ["shop/cart -> shop/web"]
    assert not again.notices


def test_the_call_is_the_third_end_for_every_source() -> None:
    entities = (
        "service: {labels: [namespace, service]}, call: {labels: [client_namespace, client, server_namespace, server]}"
    )
    client = Metrics(traces=[(graph("web", "cart"), 1.0)], istio=[(mesh("cart", "web"), 4.0)])
    text = settings("calls: {sources: [service_graph, istio, [web -> mail]]}", entities)
    found = read(text, client, WEB, CART, service("mail"))
    assert [str(tie.end("call")) for tie in found.ties] == [
        "shop/web/shop/cart",
        "shop/cart/shop/web",
        "shop/web/shop/mail",
    ]


def test_a_call_may_be_labelled_as_the_metric_labels_it() -> None:
    """So that what is said of a call joins with the metric's own series."""
    labels = "[source_workload_namespace, source_workload, destination_workload_namespace, destination_workload]"
    entities = (
        f"service: {{labels: [destination_workload_namespace, destination_workload]}}, call: {{labels: {labels}}}"
    )
    client = Metrics(istio=[(mesh("web", "cart"), 4.0)])
    (tie,) = read(settings("calls: {sources: [istio, [shop/web -> shop/cart]]}", entities), client).ties
    assert tie.end("call") == Entity(
        "call", tuple((label, mesh("web", "cart")[label]) for label in labels[1:-1].split(", "))
    )
    plain = settings("calls: istio", entities.replace(labels, "[client, client_namespace, server, server_namespace]"))
    assert str(read(plain, client).ties[0].end("call")) == "web/shop/cart/shop"


def test_a_call_that_cannot_be_named_is_told() -> None:
    text = settings("calls: [web -> cart]", "service: {labels: [service]}, call: {labels: [caller, callee]}")
    found = read(text, None)
    assert found.ties[0].end("call") is None
    assert "the entity type 'call' has a label 'caller', which neither end has" in found.notices[0]


def test_who_shares_a_database_is_derived_from_the_calls() -> None:
    database = {"connection_type": "database"}
    calls = [
        (graph("web", "users-db", **database), 1.0),
        (graph("cart", "users-db", **database), 1.0),
        (graph("cart", "carts-db", **database), 1.0),
        (graph("web", "cart"), 1.0),
    ]
    text = settings(
        "calls: service_graph, shares: {source: relation, ends: {user: service, resource: database}}",
        "service: {labels: [namespace, service]}, database: {labels: [name]}",
    )
    found = read(text, Metrics(traces=calls), WEB, CART)
    assert pairs(found, "shares") == ["shop/web -> users-db", "shop/cart -> users-db"]
    assert pairs(found) == ["shop/web -> shop/cart"]
    assert any("'users-db'" in notice and notice.startswith("relation 'calls'") for notice in found.notices)


def test_who_shares_may_be_listed() -> None:
    text = settings(
        "shares: {source: list, ends: {user: service, resource: database}, pairs: [web -> users-db]}",
        "service: {labels: [namespace, service]}, database: {labels: [name]}",
    )
    assert pairs(read(text, None, WEB), "shares") == ["shop/web -> users-db"]
