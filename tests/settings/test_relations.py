"""Relations in the settings: short forms and several sources, and errors that name the line and the fix."""

import doctest

import pytest

from datasource.settings import Settings, SettingsError, parse_settings, relations

HEAD = """\
prometheus: {url: 'http://p:9090'}
entities: {service: {labels: [namespace, service]}, call: {labels: [client, server]}}
signals:
  latency: {entity: service, query: q, window: 30s}
relations:
"""


def parse(text: str) -> Settings:
    return parse_settings(HEAD + text)


def kinds(text: str, relation: str = "calls") -> dict[str, str]:
    named = parse(text).relations[relation].named_sources
    return {name: source.source for name, source in named.items()}


def test_one_source_needs_no_list() -> None:
    assert kinds("  calls: {source: istio}") == kinds("  calls: istio") == {"istio": "istio"}
    assert kinds("  calls: {}") == {"service_graph": "service_graph"}
    assert kinds("  calls: [a -> b]") == kinds("  calls: {source: list, pairs: [a -> b]}") == {"list": "list"}


def test_several_sources_are_told_apart_by_their_kind_and_number() -> None:
    text = "  calls: {sources: [istio, {source: jaeger, url: 'http://a'}, {source: jaeger, url: 'http://b'}, [a -> b]]}"
    assert kinds(text) == {"istio": "istio", "jaeger 1": "jaeger", "jaeger 2": "jaeger", "list": "list"}


def test_ends_follow_from_the_source() -> None:
    assert parse("  calls: istio").ends("calls") == {"client": "service", "server": "service", "call": "call"}
    text = "  calls: istio\n  shares: relation"
    assert parse(text).ends("shares") == {"user": "service", "resource": "service"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("  calls:\n    source: istoi", 7, "'istoi' is none of"),
        ("  calls:\n    sources:\n      - source: istio\n        reportr: source", 9, "did you mean 'reporter'?"),
        ("  calls:\n    sources: [istio]\n    query: up", 6, "'query' stands beside 'sources'"),
        ("  calls: {sources: []}", 6, "at least 1"),
        ("  calls: {source: jaeger}", 6, "needs a url, as http://jaeger:16686"),
        ("  calls: {source: jaeger, url: 'jaeger:16686'}", 6, "is not an address"),
        ("  calls: {source: istio, url: 'http://j'}", 6, "'url' means nothing to the source 'istio'"),
        ("  calls: {source: istio, basic_auth: {username: me}}", 6, "it is for jaeger and zipkin"),
        ("  calls: {source: linkerd, reporter: source}", 6, "it is for istio"),
        ("  calls: {source: istio, metric: a, query: b}", 6, "'query' takes the place of 'metric'"),
        ("  calls: {source: metric}", 6, "needs a query that returns one series per pair"),
        ("  calls: {source: list}", 6, "needs pairs"),
        ("  calls: {names: [{match: '('}]}", 6, "is not a regular expression"),
        ("  calls: {names: [{match: '(a)', replace: '$2'}]}", 6, "names a group '2'"),
        ("  calls: {sources: [istio, {labels: {server: {servce: x}}}]}", 6, "did you mean 'service'?"),
        ("  calls: {labels: {callee: {service: x}}}", 6, "no end 'callee'"),
        ("  calls: {ends: {client: service}}", 6, "two ends"),
        ("  calls: {ends: {client: service, server: servce}}", 6, "did you mean 'service'?"),
        ("  runs_on: kube_pod_info", 6, "no entity type 'node' for 'host'"),
        ("  calls: istio\n  shares: {source: relation, relation: cals}", 7, "did you mean 'calls'?"),
        (
            "  calls: istio\n  shares: relation\n  both: {source: relation, relation: shares}",
            8,
            "itself taken from a relation",
        ),
    ],
)
def test_an_error_names_the_line_and_the_fix(text: str, line: int, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(text)
    told = str(error.value).splitlines()
    assert any(one.startswith(f"causal.yaml:{line}: ") and says in one for one in told), told


def test_only_a_call_has_signals_of_its_server() -> None:
    text = HEAD.replace("window: 30s}", "window: 30s, end: server}") + "  calls: istio"
    with pytest.raises(SettingsError, match="'service' is no call"):
        parse_settings(text)


def test_examples_in_docstrings_hold() -> None:
    result = doctest.testmod(relations)
    assert result.attempted
    assert not result.failed
