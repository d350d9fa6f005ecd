"""`import` proposes signals from a Grafana dashboard or a file of rules: what is about services, in clean PromQL."""

import json

import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.settings import parse_settings

BUCKETS = "http_request_duration_seconds_bucket"
DASHBOARD = {
    "title": "Shop",
    "panels": [
        {
            "title": "Requests",
            "fieldConfig": {"defaults": {"unit": "reqps"}},
            "targets": [
                {
                    "expr": 'sum(rate(hits_total{namespace=~"$namespace", service=~"${service:regex}"}'
                    "[$__rate_interval])) by (service)"
                }
            ],
        },
        {
            "type": "row",
            "title": "More",
            "panels": [
                {
                    "title": "Error rate",
                    "fieldConfig": {"defaults": {"unit": "percentunit"}},
                    "targets": [
                        {
                            "expr": 'sum by (service) (rate(hits_total{code=~"5..", service="$service"}[5m]))'
                            " / sum by (service) (rate(hits_total[5m]))"
                        }
                    ],
                },
                {
                    "title": "Duration",
                    "targets": [
                        {"expr": f"histogram_quantile(0.95, sum by (le, service) (rate({BUCKETS}[[[interval]]])))"},
                        {
                            "expr": f'histogram_quantile(0.5, sum(rate({BUCKETS}{{x="$x"}}[$interval])) by (le))',
                            "legendFormat": "{{le}} p50",
                        },
                    ],
                },
                {"title": "CPU", "targets": [{"expr": "topk(5, sum(rate(cpu_seconds_total[5m])) by (pod))"}]},
                {"title": "Memory", "targets": [{"expr": "sum by (service, pod) (memory_bytes)"}]},
                {"title": "Busiest", "targets": [{"expr": "sum(rate(busy_seconds_total[5m]))"}]},
                {"title": "Text", "options": {"content": "hello"}},
            ],
        },
    ],
}
RULES = """
groups:
- name: shop
  rules:
  - {record: 'job:hits:rate5m', expr: 'sum by (job) (rate(hits_total[5m]))'}
  - {record: 'job:errors:rate5m', expr: 'sum by (job) (rate(hits_total{code=~"5.."}[5m]))'}
  - {alert: SlowShop, expr: 'histogram_quantile(0.9, sum by (job, le) (rate(seconds_bucket[5m]))) > 0.5', for: 5m,
     annotations: {summary: "{{ $labels.job }} is slow"}}
  - {alert: FailingShop, expr: 'job:errors:rate5m / job:hits:rate5m > 0.05'}
"""


@pytest.fixture
def proposed(tmp_path):
    """Runs `import` on a text; exit code, what was said, and the settings that were written."""

    def run(text, name="board.json"):
        (tmp_path / name).write_text(text)
        output = str(tmp_path / "causal.yaml")
        result = CliRunner().invoke(main, ["import", str(tmp_path / name), "--output", output, "--force"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        settings = parse_settings((tmp_path / "causal.yaml").read_text()) if result.exit_code == 0 else None
        return result.exit_code, result.output, settings

    return run


@pytest.mark.parametrize("wrap", [lambda board: board, lambda board: {"dashboard": board}])
def test_a_dashboard_becomes_signals(proposed, wrap):
    code, output, settings = proposed(json.dumps(wrap(DASHBOARD)))
    assert code == 0, output
    assert settings.entities["service"].labels == ("service",)
    queries = {name: signal.query for name, signal in settings.signals.items()}
    assert queries["requests"] == "sum(rate(hits_total[5m])) by (service)", "the range that the others have"
    assert queries["errors"] == 'sum by (service) (rate(hits_total{code=~"5.."}[5m]))', "not divided by the load"
    assert queries["latency"] == f"histogram_quantile(0.95, sum by (le, service) (rate({BUCKETS}[5m])))"
    assert queries["duration_p50"] == f"histogram_quantile(0.5, sum(rate({BUCKETS}[5m])) by (service, le))"
    assert queries["memory"] == "sum by (service) (memory_bytes)"
    assert queries["busy"] == "sum by (service) (rate(busy_seconds_total[5m]))"
    roles = {name: signal.role for name, signal in settings.signals.items()}
    assert (roles["requests"], roles["errors"], roles["latency"]) == ("load", "failure", "latency")
    assert settings.signals["latency"].kind == "quantile"
    assert any(str(rule) == "requests -> latency" for rule in settings.graph.templates)
    assert "left out: CPU: it is about pod, not about service" in output


@pytest.mark.parametrize("wrap", ["{}", "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:{}"])
def test_rules_become_signals(proposed, wrap):
    text = wrap.format(RULES if wrap == "{}" else RULES.replace("\n", "\n  "))
    code, output, settings = proposed(text, "rules.yaml")
    assert code == 0, output
    assert settings.entities["service"].labels == ("job",)
    queries = {name: signal.query for name, signal in settings.signals.items()}
    assert queries == {
        "requests": "job:hits:rate5m",
        "errors": "job:errors:rate5m",
        "latency": "histogram_quantile(0.9, sum by (job, le) (rate(seconds_bucket[5m])))",
    }
    assert {signal.window for signal in settings.signals.values()} == {300}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "holds no query"),
        ("", "holds no query"),
        ('{"panels": [', "is JSON that cannot be read"),
        ("groups:\n- name: {{ .Values.name }}\n", "it is a template: render it first, as 'helm template' does"),
        ('{"panels": [{"title": "Logs", "targets": [{"expr": "{app=\\"x\\"} |= \\"y\\""}]}]}', "it is LogQL"),
        ("{{- if .Values.rules }}\ngroups: []\n{{- end }}\n", "it is a template"),
        (
            '{"panels": [{"title": "Lib", "libraryPanel": {"uid": "a", "name": "Load"}}]}',
            "Load: it is a library panel, whose queries are not in the file",
        ),
        ('{"panels": [{"title": "SQL", "targets": [{"rawSql": "SELECT 1"}]}]}', "SQL: its query is no PromQL"),
    ],
)
def test_what_is_neither_says_so(proposed, text, says):
    code, output, _ = proposed(text)
    assert code == 2
    assert says in output


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "board.json").write_text(json.dumps(DASHBOARD))
    (tmp_path / "causal.yaml").write_text("mine")
    arguments = ["import", str(tmp_path / "board.json"), "--output", str(tmp_path / "causal.yaml")]
    assert "is there already" in CliRunner().invoke(main, arguments).output
    assert (tmp_path / "causal.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("expr", "query"),
    [
        (
            f'topk(7,histogram_quantile(0.5, sum(rate({BUCKETS}{{a=~"$a"}}[$__rate_interval])) by (le,service)))',
            f"histogram_quantile(0.5, sum(rate({BUCKETS}[2m])) by (le, service))",
        ),
        ("sort_desc(sum by (service) (a)) > 0", "sum by (service) (a)"),
        ("-sum by (service) (rate(sent_bytes[1m]))", "sum by (service) (rate(sent_bytes[1m]))"),
        ("sum by (service) (increase(errors_total[1m]))", "sum by (service) (rate(errors_total[1m]))"),
        (
            'sum(rate(x_bucket{le="0.3"}[1m])) / sum(rate(x_count[1m]))',
            'sum by (service) (rate(x_bucket{le="0.3"}[1m])) / sum by (service) (rate(x_count[1m]))',
        ),
        ("sort(sum by (service) (a)) / sort(sum by (service) (b))", None),
        ("rate(hits_total{x=~'$x'}[1m])", "sum by (service) (rate(hits_total[1m]))"),
        (
            "histogram_quantile(0.9, rate(x_bucket[5m]))",
            "avg by (service) (histogram_quantile(0.9, rate(x_bucket[5m])))",
        ),
    ],
)
def test_what_only_orders_or_filters_for_the_eye_is_left_out(proposed, expr, query):
    code, output, settings = proposed(json.dumps({"panels": [{"title": "x", "targets": [{"expr": expr}]}]}))
    assert code == 0, output
    (signal,) = settings.signals.values()
    assert signal.query == (query or expr)


HITS = "sum by (service) (rate(hits_total[5m]))"
RULE = f"    - record: service:hits:rate5m\n      expr: {HITS}\n"
INDENTED = f"      rules: [{{record: 'service:hits:rate5m', expr: '{HITS}'}}]\n"
BOARD = json.dumps({"panels": [{"title": "Requests", "targets": [{"expr": HITS}]}]})
MODEL = {"title": "Requests", "targets": [{"expr": HITS}]}
SECOND_SCHEMA = {
    "apiVersion": "dashboard.grafana.app/v2beta1",
    "kind": "Dashboard",
    "spec": {
        "elements": {
            "panel-1": {
                "kind": "Panel",
                "spec": {
                    "title": "Requests",
                    "data": {"spec": {"queries": [{"spec": {"query": {"spec": {"expr": HITS}}}}]}},
                    "vizConfig": {"spec": {"fieldConfig": {"defaults": {"unit": "reqps"}}}},
                },
            }
        }
    },
}
PROVISIONED = f"""
apiVersion: 1
groups:
- name: g
  folder: f
  rules:
  - title: Requests
    data:
    - {{refId: A, model: {{expr: "{HITS}"}}}}
    - {{refId: B, datasourceUid: __expr__, model: {{type: threshold, expression: A}}}}
"""
ANSWERED = {"data": {"groups": [{"rules": [{"type": "alerting", "name": "Requests", "query": HITS + " > 5"}]}]}}


@pytest.mark.parametrize(
    "text",
    [
        f"team-a:\n- name: g\n  rules:\n{RULE}",
        f"kind: List\nitems:\n- kind: VMRule\n  spec:\n    groups:\n    - name: g\n{INDENTED}",
        f"---\nkind: Service\n---\ngroups:\n- name: g\n  rules:\n{RULE}",
        f"kind: ConfigMap\ndata:\n  board.json: |-\n    {BOARD}\n",
        PROVISIONED,
        json.dumps(ANSWERED),
        json.dumps(SECOND_SCHEMA),
        json.dumps({"panels": [{"title": "Requests", "libraryPanel": {"uid": "a", "model": MODEL}}]}),
        json.dumps({"__elements": {"a": {"model": MODEL}}, "panels": [{"libraryPanel": {"uid": "a", "name": "x"}}]}),
    ],
    ids=[
        *("Mimir's namespaces", "a list of Kubernetes", "several documents", "a ConfigMap", "Grafana's provisioning"),
        *("the rules of the API", "the second schema", "a library panel", "an exported library panel"),
    ],
)
def test_queries_are_found_wherever_they_stand(proposed, text):
    code, output, settings = proposed(text)
    assert code == 0, output
    assert list(settings.signals) == ["requests"]
    assert settings.signals["requests"].query in (HITS, "service:hits:rate5m")
    assert settings.signals["requests"].role == "load"


@pytest.mark.parametrize(
    ("expr", "query", "role"),
    [
        (
            "# how many\nsum by (service) (\n  rate(hits_total[5m]) # all\n)",
            "sum by (service) ( rate(hits_total[5m]) )",
            "load",
        ),
        (
            'sum by (service) (rate(hits_total{path="/#top"}[5m]))',
            'sum by (service) (rate(hits_total{path="/#top"}[5m]))',
            "load",
        ),
        ('sum by (service) (rate({"hits.total"}[5m]))', 'sum by (service) (rate({"hits.total"}[5m]))', "load"),
        (f"{HITS} / {HITS.replace('5m]', '5m] offset 1w')}", None, None),
    ],
)
def test_comments_end_with_their_line_and_a_ratio_counts_no_requests(proposed, expr, query, role):
    code, output, settings = proposed(json.dumps({"panels": [{"title": "Requests", "targets": [{"expr": expr}]}]}))
    assert code == 0, output
    (signal,) = settings.signals.values()
    assert signal.role == role
    assert query is None or signal.query == query


ALERTS = """
groups:
- name: shop
  rules:
  - {record: 'service:hits:rate5m', expr: 'sum by (service) (rate(hits_total[5m]))'}
  - {record: 'all:hits:rate5m', expr: 'sum(rate(hits_total[5m]))'}
  - {record: 'namespace:hits:rate5m', expr: 'sum by (namespace) (rate(hits_total[5m]))'}
  - record: service:availability
    expr: >-
      sum by (service) (rate(hits_total{code!~"5.."}[5m]))
      / sum by (service) (rate(hits_total[5m]))
  - {alert: Gone, expr: 'absent(up{job="web"})'}
  - {alert: Silent, expr: 'absent_over_time(up{job="web"}[5m]) == 1'}
  - {alert: Watchdog, expr: 'vector(1)'}
  - {alert: Everybody, expr: 'sum by () (rate(lost_total[5m])) > 5'}
  - {alert: LastWeek, expr: 'sum by (service) (rate(hits_total[5m] offset 1w))'}
  - {alert: Down, expr: 'COUNT(up == 0) BY (service)'}
  - {alert: Replicas, expr: 'sum by (service) (wanted) != sum by (service) (available)'}
  - alert: Failing
    expr: >-
      (sum by (service) (rate(hits_total{code=~"5.."}[5m])) / sum by (service) (rate(hits_total[5m]))) > (14.4 * 0.001)
      and on (service) service:hits:rate5m > 1
  - {alert: Idle, expr: 'SUM(rate(jobs_total[5m])) BY (service) or vector(0)'}
"""


def test_what_has_no_entity_and_what_a_threshold_hides_is_left_out_with_the_reason(proposed):
    code, output, settings = proposed(ALERTS, "rules.yaml")
    assert code == 0, output
    assert {name: signal.query for name, signal in settings.signals.items()} == {
        "requests": "service:hits:rate5m",
        "service_availability": "service:availability",
        "errors": 'sum by (service) (rate(hits_total{code=~"5.."}[5m]))',
        "idle": "sum(rate(jobs_total[5m])) by (service)",
    }
    availability = settings.signals["service_availability"]
    assert (availability.role, availability.unit) == ("success", "percentunit"), "not those that fail"
    for said in (
        "left out: all:hits:rate5m: it is about everybody together, not about service",
        "left out: namespace:hits:rate5m: it is about namespace, not about service",
        "left out: Gone: absent() says one thing of everything",
        "left out: Silent: absent_over_time() says one thing of everything",
        "left out: Watchdog: it selects no metric",
        "left out: Everybody: it is one number for everybody, by (); write by (service)",
        "left out: LastWeek: it is about another time (offset)",
        "left out: Down: it answers only where '== 0' holds",
        "left out: Replicas: it answers only where '!= sum' holds",
    ):
        assert said in output


@pytest.mark.parametrize(
    ("expr", "unit", "role", "taken"),
    [
        ('sum(rate(x_total{code!~"5.."}[1m])) / sum(rate(x_total[1m]))', "percentunit", "success", "percentunit"),
        ('100 * sum(rate(x_total{code=~"2.."}[1m])) / sum(rate(x_total[1m]))', "percent", "success", "percent"),
        ('1 - sum(rate(x_total{code!~"5.."}[1m])) / sum(rate(x_total[1m]))', "percentunit", "failure", "percentunit"),
        ('sum(rate(x_total{grpc_code!="OK"}[1m]))', "reqps", "failure", "reqps"),
        ('sum(rate(x_total{status=~"[45].."}[1m]))', "reqps", "failure", "reqps"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[1m])))", "µs", "latency", "us"),
        ("avg by (service) (delay)", "dtdurations", "latency", "s"),
        ("sum(rate(x_seconds_sum[1m])) / sum(rate(x_seconds_count[1m])) * 1000", "", "latency", "ms"),
        ('sum(rate(x_bucket{le="0.3"}[1m])) / sum(rate(x_count[1m]))', "", "success", "percentunit"),
        ("100 * avg(avg_over_time(probe_success[1m]))", "", "success", "percent"),
        ("time() - max(process_start_time_seconds)", "", None, "s"),
        ('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m]))', "", "saturation", "percentunit"),
        ("sum(rate(process_cpu_seconds_total[1m]))", "", "saturation", "cores"),
    ],
)
def test_how_requests_ended_is_read_from_the_matchers_and_units_are_grafanas(proposed, expr, unit, role, taken):
    panel = {"title": "x", "fieldConfig": {"defaults": {"unit": unit}}, "targets": [{"expr": expr}]}
    code, output, settings = proposed(json.dumps({"panels": [panel]}))
    assert code == 0, output
    (signal,) = settings.signals.values()
    assert (signal.role, signal.unit) == (role, taken)


def test_a_panel_of_loki_is_no_promql_though_it_looks_so(proposed):
    panel = {"title": "Lines", "datasource": {"type": "loki"}, "targets": [{"expr": 'sum(rate({app="x"}[1m]))'}]}
    code, output, _ = proposed(json.dumps({"panels": [panel]}))
    assert code == 2
    assert "Lines: it asks Loki, not Prometheus; write it as a signal with source: loki" in output


def test_somebody_may_be_told_apart_by_a_label_that_only_looks_like_a_name(proposed):
    by = "sum by (grpc_service, grpc_code) (rate(grpc_server_handled_total[5m]))"
    slow = "histogram_quantile(0.9, sum by (grpc_service, le) (rate(grpc_server_handling_seconds_bucket[5m])))"
    rules = f"groups: [{{name: a, rules: [{{alert: A, expr: '{slow} > 1'}}, {{alert: B, expr: '{by} > 5'}}]}}]"
    code, said, settings = proposed(rules, "rules.yaml")
    assert code == 0, said
    assert settings.entities["service"].labels == ("grpc_service",)
    assert set(settings.signals) == {"latency", "b"}
