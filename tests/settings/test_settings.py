"""causal.yaml: every error names the line, what is wrong and what would be right."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from datasource.settings import (
    SettingsError,
    format_duration,
    load_settings,
    parse_duration,
    parse_rule,
    parse_settings,
)

GOOD = """\
prometheus:
  url: http://prometheus:9090
entities:
  service: {labels: [namespace, service]}
  node: {labels: [node]}
signals:
  requests: {entity: service, query: 'requests', window: 2m, role: load}
  latency: {entity: service, query: 'latency', window: 2m, role: latency}
  cpu: {entity: node, query: 'cpu', window: 2m}
relations:
  calls: {source: service_graph}
graph:
  templates:
    - requests -> latency
    - latency -> latency along calls from server to client
"""


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as error:
        parse_settings(text)
    return str(error.value)


def test_a_valid_file_has_the_documented_defaults() -> None:
    settings = parse_settings(GOOD)
    assert settings.step == 30
    assert settings.recent_points == 2880
    assert settings.ends("calls") == {"client": "service", "server": "service"}
    assert settings.graph.templates[1].relation == "calls"


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("url: http://prometheus:9090", "url: prometheus:9090"), 2, "write it as http://prometheus:9090"),
        (("url: http://prometheus:9090", "uri: http://p:9090"), 2, "did you mean 'url'?"),
        (("window: 2m, role: load", "window: 2 minutes, role: load"), 7, "write it as 30s, 2m"),
        (("role: load", "role: traffic"), 7, "none of 'load'"),
        (("entity: service, query: 'requests'", "entity: servce, query: 'requests'"), 7, "did you mean 'service'?"),
        (("- requests -> latency", "- requests => latency"), 14, "'cause -> effect'"),
        (("- requests -> latency", "- request -> latency"), 14, "did you mean 'requests'?"),
        (("- requests -> latency", "- requests -> requests"), 14, "cannot cause itself at lag 0"),
        (("- requests -> latency", "- requests -> cpu"), 14, "say along which relation"),
        (("- requests -> latency", "- requests -> latency (lag 2..1)"), 14, "write (lag 1..2)"),
        (("from server to client", "from callee to client"), 15, "no end 'callee'"),
        (("along calls", "along call"), 15, "did you mean 'calls'?"),
        (("source: service_graph", "source: tempo"), 11, "'tempo' is none of"),
        (("labels: [node]", "labels: node"), 5, "should be a list"),
        (("labels: [node]", "labels:"), 5, "nothing stands there; write a value, or delete it"),
        (("{labels: [node]}", "null"), 5, "nothing stands there; write a block of keys and values (known are: labels)"),
    ],
)
def test_an_error_names_the_line_and_the_fix(change: tuple[str, str], line: int, says: str) -> None:
    assert change[0] in GOOD
    told = refused(GOOD.replace(*change, 1)).splitlines()
    assert any(one.startswith(f"causal.yaml:{line}: ") and says in one for one in told)


@pytest.mark.parametrize("query", ["rate(requests[2m])", "rate(a[120s]) + rate(b[5m])", "rate(a[5i])", "rate(a)", "a"])
def test_a_window_that_stands_in_the_query_or_cannot_be_seen_there_is_taken_as_declared(query: str) -> None:
    assert parse_settings(GOOD.replace("'requests'", f"'{query}'")).signals["requests"].window == 120


def test_a_window_that_is_not_the_querys_is_told_with_its_line() -> None:
    text = GOOD.replace("'latency', window: 2m", "'rate(latency[1m])', window: 2m")
    assert refused(text).startswith("causal.yaml:8: signals.latency.window: 2m, but")


def test_a_long_baseline_is_coarser_before_the_recent_days() -> None:
    settings = parse_settings(GOOD + "baseline: 30d\n")
    assert settings.recent_points * settings.step == 2 * 86400
    assert settings.older_step == 330
    assert settings.older_points == 28 * 86400 // 330
    assert parse_settings(GOOD).older_points == 0


def test_every_error_is_told_at_once() -> None:
    text = refused(GOOD.replace("role: load", "role: lod").replace("source: service_graph", "sorce: service_graph"))
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a: [", "not YAML"),
        ("- a\n- b\n", "empty"),
        (GOOD + "effects:\n  - {treatment: requests, outcome: shop/web.latency}\n", "two signals"),
        (GOOD + "effects:\n  - {treatment: requests, outcome: requests}\n", "both treatment and outcome"),
        (GOOD + "effects:\n  - {treatment: requests, outcome: cpu}\n", "name two variables"),
        (GOOD + "  edges: [latency -> shop/web.latency]\n", "names no entity"),
        (GOOD + "  edges: [shop/a.latenc -> shop/web.latency]\n", "no signal 'latenc'"),
        (GOOD.replace("labels: [node]", "labels: [service, namespace]"), "results could not be told apart"),
        (GOOD.replace("labels: [node]", "labels: [signal]"), "results have a label 'signal' of their own"),
        (GOOD + "baseline: 10m\n", "baseline: 10m holds 20 points at a step of 30s, fewer than evaluation.warm_up"),
        (GOOD + "full_resolution: 10m\n", "full_resolution: 10m holds 20 points"),
        (GOOD.replace("'requests'", "'rate(requests[5m])'"), "2m, but the query looks back over 5m; write window: 5m"),
        (
            GOOD.replace("'cpu', window: 2m", "'rate(e[2m]) / rate(r[2m])', window: 2m, role: failure"),
            "the query is a ratio, and unit: short makes it a number of requests; write unit: percentunit",
        ),
        (
            GOOD.replace("'cpu', window: 2m", "'100 * rate(e[2m]) / rate(r[2m])', window: 2m, role: success"),
            "write unit: percent",
        ),
        (GOOD.replace("'cpu', window: 2m", "'job:errors:ratio_rate5m', window: 2m, role: failure"), "write unit: perc"),
        (
            GOOD.replace("'cpu', window: 2m", "'rate(s_sum[2m]) / rate(s_count[2m])', window: 2m, role: work"),
            "a mean duration is role: latency",
        ),
        (GOOD.replace("role: load", "unit: percent, role: load"), "percent counts no requests"),
        (GOOD.replace("'cpu'", "'max_over_time(rate(cpu[5m])[1h:1m])'"), "over 5m and 1h; write window: 5m"),
        (GOOD + "anomaly: {persistence: {points: 6, of: 5}}\n", "can never be"),
        (GOOD + "step: 30s\nstep: 15s\n", "a second time"),
        (GOOD + "environment: [cluster]\n", "no entity has a label 'cluster'"),
    ],
)
def test_what_does_not_fit_together_is_refused(text: str, says: str) -> None:
    assert says in refused(text)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="causal-datasource init"):
        load_settings(tmp_path / "causal.yaml")


def test_another_prometheus_may_be_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "causal.yaml").write_text(GOOD)
    loaded = load_settings(tmp_path / "causal.yaml")
    assert loaded.reading_from("http://other:9090/").settings.prometheus.url == "http://other:9090"
    with pytest.raises(SettingsError, match="is not an address"):
        loaded.reading_from("other:9090")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1h30m", 5400), ("7d", 604800), (15, 15)])
def test_durations_read_as_in_prometheus(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_rule_may_have_a_relation_and_lags() -> None:
    rule = parse_rule("latency -> latency along calls from server to client (lag 0..2)")
    assert (rule.cause, rule.relation, rule.from_end, rule.to_end, rule.lags) == (
        "latency",
        "calls",
        "server",
        "client",
        (0, 1, 2),
    )


@pytest.mark.parametrize("module", ["duration", "promql", "rules"])
def test_examples_in_docstrings_hold(module: str) -> None:
    result = doctest.testmod(import_module(f"datasource.settings.{module}"))
    assert result.attempted
    assert not result.failed
