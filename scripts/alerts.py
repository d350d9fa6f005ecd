"""Write the alerts of provisioning/alerts.yml for every ruler.

python scripts/alerts.py [--external-url URL] [--grafana-url URL] [--runbook-url URL] [--installation LABEL] [DIRECTORY]

DIRECTORY is `provisioning` where none is given. In it, the files are
  prometheus/rules/causal.yml      rule_files of Prometheus, Thanos, Mimir, and of vmalert
  kubernetes/prometheusrule.yaml   PrometheusRule of the Prometheus operator
  kubernetes/vmrule.yaml           VMRule of the VictoriaMetrics operator
  grafana/alerting/causal.yml      alerts that Grafana manages, for its provisioning/alerting
Options are for links in the alerts and for several installations in one Prometheus (docs/alerts.md).
"""

import argparse
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "provisioning/alerts.yml"
HEADER = "# Written by scripts/alerts.py from provisioning/alerts.yml; docs/alerts.md.\n"
DASHBOARD, DASHBOARD_OF_HEALTH = "causal-overview", "causal-health"
RUNBOOK = "docs/runbook.md"
DATA_SOURCE = "causal-prometheus"
"""The uid of Grafana's Prometheus data source, as in provisioning/grafana/datasources."""
GRAFANA_INTERVAL = 10
"""Grafana evaluates at multiples of so many seconds."""
OF_ALERTS = "alertname, alertstate, alertgroup, severity"
"""The labels of ALERTS that are not those of the alert's series; alertgroup is vmalert's."""
OF_VERDICTS = "root_cause, is_root_cause, measured"
"""The labels of a verdict that are not those of its entity."""

Json = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines as blocks, nothing abbreviated."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def installed(expr: str, labels: tuple[str, ...]) -> str:
    """An expression with the labels in place of INSTALLATION, which other labels may follow."""
    before = "".join(f"{label}, " for label in labels)
    return expr.replace("INSTALLATION ", before).replace("INSTALLATION", ", ".join(labels))


def asked_of(text: str, labels: tuple[str, ...]) -> str:
    """A template whose queries ask of the alert's own installation only."""
    if not labels:
        return text
    own = ", ".join(f"{label}=%q" for label in labels)
    values = " ".join(f"$labels.{label}" for label in labels)

    def narrowed(query: re.Match[str]) -> str:
        # Each %q has its value, in their order: that of root_cause first, then those of the installation.
        arguments: list[str] = []

        def matcher(found: re.Match[str]) -> str:
            if found[0] == "root_cause=%q":
                arguments.append(f"$labels.root_cause {values}")
                return f"root_cause=%q, {own}"
            arguments.append(values)
            return f"causal_incidents{{{own}}}"

        asked = re.sub(r"root_cause=%q|causal_incidents\b(?!\{)", matcher, query["query"])
        asked = asked.replace("on (incident)", f"on ({', '.join((*labels, 'incident'))})")
        pipe = " ".join(arguments)
        return f'printf "{asked}" {pipe} | query' if arguments else query[0]

    return re.sub(r'(?:printf "(?P<query>[^"]*)" \$labels\.root_cause \| query)', narrowed, text).replace(
        'query "absent(causal_incidents)"', f'printf "absent(causal_incidents{{{own}}})" {values} | query'
    )


def written_expr(rule: Json) -> str:
    """An alert's expression for rulers that know ALERTS: with what makes it go on (see alerts.yml)."""
    expr, name = rule["expr"], rule["alert"]
    if rule.get("held"):
        expr += f"\nor {_before(name)}\n  unless on (INSTALLATION) causal_incidents"
        gone = "(causal_vanished == 1 unless causal_vanished offset 1h == 1)"
        expr += f"\nor {_before(name)}\n  and ignoring ({OF_VERDICTS}) {gone}"
    if "until_well" in rule:
        fired = _before(name, rule["until_well"])
        expr += f"\nor {fired}\n  and ignoring ({OF_VERDICTS}) causal_service_anomaly == 1"
    return expr


def _before(name: str, *labels: str) -> str:
    """The series of an alert that was active a moment ago."""
    matchers = ", ".join([f'alertname="{name}"', *labels])
    return f"max without ({OF_ALERTS}) (ALERTS{{{matchers}}})"


def annotations(rule: Json, links: Json, labels: tuple[str, ...] = ()) -> Json:
    """What people read, and where they click."""
    name = rule["alert"]
    usual = DASHBOARD_OF_HEALTH if name.startswith("CausalDatasource") else DASHBOARD
    dashboard = rule.get("dashboard", usual)
    return {
        "summary": rule["summary"],
        "description": asked_of(rule["description"], labels),
        "action": asked_of(rule["action"], labels),
        "runbook_url": f"{links['runbook']}#{name.lower()}",
        "dashboard_url": f"{links['grafana']}/d/{dashboard}?from=now-3h&to=now",
        "page_url": f"{links['external']}/",
    }


def prometheus_groups(source: Json, links: Json, labels: tuple[str, ...]) -> list[Json]:
    """The groups as Prometheus and vmalert read them."""

    def written(rule: Json) -> Json:
        waits = {key: rule[key] for key in ("for", "keep_firing_for") if key in rule}
        return {
            "alert": rule["alert"],
            "expr": installed(written_expr(rule), labels),
            **waits,
            "labels": {"severity": rule["severity"]},
            "annotations": annotations(rule, links, labels),
        }

    return [{**group, "rules": [written(rule) for rule in group["rules"]]} for group in source["groups"]]


def grafana_groups(source: Json, links: Json, labels: tuple[str, ...]) -> list[Json]:
    """The groups as Grafana provisions them.

    A held alert keeps its last state without data: its query has a 0 as long as anybody judges, so that no data means
    that nobody does. Of a recovery the series is missing, for as many evaluations as the alert is kept firing.
    """
    return [
        {
            "orgId": 1,
            "name": group["name"],
            "folder": "Causal",
            "interval": f"{_interval(group)}s",
            "rules": [_grafana_rule(rule, _interval(group), links, labels) for rule in group["rules"]],
        }
        for group in source["groups"]
    ]


def _grafana_rule(rule: Json, interval: int, links: Json, labels: tuple[str, ...]) -> Json:
    expr, condition, kept = rule.get("grafana", rule["expr"]), "is_number($A)", {}
    if rule.get("held"):
        expr, condition = f"{expr} or 0 * causal_incidents", "$A > 0"
        kept = {
            "keepFiringFor": rule["keep_firing_for"],
            "missing_series_evals_to_resolve": -(-_seconds(rule["keep_firing_for"]) // interval),
        }
    return {
        "uid": rule["alert"].lower(),
        "title": rule["alert"],
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": DATA_SOURCE,
                "model": {"refId": "A", "expr": installed(expr, labels), "instant": True, "range": False},
            },
            {
                "refId": "B",
                "relativeTimeRange": {"from": 0, "to": 0},
                "datasourceUid": "__expr__",
                "model": {"refId": "B", "type": "math", "expression": condition},
            },
        ],
        "for": rule.get("for", "0s"),
        **kept,
        "noDataState": "KeepLast" if rule.get("held") else "OK",
        "execErrState": "KeepLast" if rule.get("held") else "Error",
        "labels": {"severity": rule["severity"]},
        "annotations": {
            key: text.replace("$value }}", "$values.A.Value }}") for key, text in annotations(rule, links).items()
        },
        "isPaused": False,
    }


def _interval(group: Json) -> int:
    return -(-_seconds(group["interval"]) // GRAFANA_INTERVAL) * GRAFANA_INTERVAL


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def files(source: Json, links: Json, labels: tuple[str, ...]) -> dict[str, Json]:
    """What each file holds."""
    groups = prometheus_groups(source, links, labels)
    named = {"name": "causal-datasource", "labels": {"app.kubernetes.io/name": "causal-datasource"}}
    return {
        "prometheus/rules/causal.yml": {"groups": groups},
        "kubernetes/prometheusrule.yaml": {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": named,
            "spec": {"groups": groups},
        },
        "kubernetes/vmrule.yaml": {
            "apiVersion": "operator.victoriametrics.com/v1beta1",
            "kind": "VMRule",
            "metadata": named,
            "spec": {"groups": groups},
        },
        "grafana/alerting/causal.yml": {"apiVersion": 1, "groups": grafana_groups(source, links, labels)},
    }


def _url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError(f"'{text}' is not an address; write it as https://causal.example.com")
    return text.rstrip("/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=SOURCE.parent)
    parser.add_argument(
        "--external-url", type=_url, default="http://127.0.0.1:8321", help="of the page of this service"
    )
    parser.add_argument("--grafana-url", type=_url, default="http://127.0.0.1:3000", help="of Grafana")
    parser.add_argument("--runbook-url", type=_url, help="where you keep docs/runbook.md")
    parser.add_argument("--installation", action="append", default=[], metavar="LABEL", help="such as cluster")
    asked = parser.parse_args()
    links = {"external": asked.external_url, "grafana": asked.grafana_url, "runbook": asked.runbook_url or RUNBOOK}
    for name, content in files(yaml.safe_load(SOURCE.read_text()), links, tuple(asked.installation)).items():
        path = asked.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


if __name__ == "__main__":
    main()
