"""The alerts for every ruler, written from one source by scripts/alerts.py."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped import PROVISIONING, ROOT, Json, read

SOURCE: list[Json] = [rule for group in read("alerts.yml")["groups"] for rule in group["rules"]]
FILES = (
    "prometheus/rules/causal.yml",
    "kubernetes/prometheusrule.yaml",
    "kubernetes/vmrule.yaml",
    "grafana/alerting/causal.yml",
)
OURS = (
    "--external-url=https://causal.example.com/",
    "--grafana-url=https://grafana.example.com",
    "--runbook-url=https://git.example.com/causal/docs/runbook.md",
)


def written(directory: Path, *options: str) -> dict[str, Json]:
    subprocess.run([sys.executable, ROOT / "scripts/alerts.py", *options, directory], check=True)
    return {name: yaml.safe_load((directory / name).read_text()) for name in FILES}


def rules_of(content: Json) -> list[Json]:
    groups = content["spec"]["groups"] if "spec" in content else content["groups"]
    return [rule for group in groups for rule in group["rules"]]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from texts(inner)
    if isinstance(value, str):
        yield value


def test_the_files_are_what_the_script_writes(tmp_path: Path) -> None:
    written(tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_text() == (PROVISIONING / name).read_text(), "run python scripts/alerts.py"
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(FILES)


def test_every_ruler_has_every_alert_with_the_same_severity_and_waits() -> None:
    expected = [(rule["alert"], rule["severity"], rule.get("for", "0s")) for rule in SOURCE]
    for name in FILES:
        found = [
            (rule.get("alert", rule.get("title")), rule["labels"]["severity"], rule.get("for", "0s"))
            for rule in rules_of(read(name))
        ]
        assert found == expected, name


def test_the_operators_get_the_rules_of_prometheus() -> None:
    groups = read("prometheus/rules/causal.yml")["groups"]
    kinds = {}
    for name in ("kubernetes/prometheusrule.yaml", "kubernetes/vmrule.yaml"):
        manifest = read(name)
        assert manifest["spec"]["groups"] == groups
        kinds[manifest["kind"]] = manifest["apiVersion"]
    assert kinds == {"PrometheusRule": "monitoring.coreos.com/v1", "VMRule": "operator.victoriametrics.com/v1beta1"}


def test_links_are_absolute_everywhere_by_the_options(tmp_path: Path) -> None:
    links = {"runbook_url", "dashboard_url", "page_url"}
    for content in written(tmp_path, *OURS).values():
        for rule in rules_of(content):
            found = {rule["annotations"][link].partition("#")[0].partition("?")[0] for link in links}
            name = rule.get("alert") or rule["title"]
            dashboard = "health" if "CausalDatasource" in name else "graph" if "CausalGraph" in name else "overview"
            assert found == {
                "https://git.example.com/causal/docs/runbook.md",
                f"https://grafana.example.com/d/causal-{dashboard}",
                "https://causal.example.com/",
            }
        assert not any("127.0.0.1" in text for text in texts(content))


@pytest.mark.parametrize("option", ["--external-url=causal.example.com", "--runbook-url=docs/runbook.md"])
def test_a_link_that_nobody_can_follow_is_refused(option: str, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts/alerts.py", option, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not an address; write it as https://" in done.stderr


def test_installations_in_one_prometheus_are_told_apart(tmp_path: Path, server_binary: Callable[[str], str]) -> None:
    """One is dead while something is wrong, the other one is well."""
    written(tmp_path, "--installation=cluster")
    rules = yaml.safe_load((tmp_path / FILES[0]).read_text())
    for rule in rules_of(rules):
        del rule["annotations"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    root = {"service": "inventory", "root_cause": "inventory", "is_root_cause": "true", "cluster": "a"}
    broke = "causal_service_anomaly{" + ", ".join(f'{key}="{value}"' for key, value in root.items()) + "}"
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": 'causal_incidents{cluster="a"}', "values": "1x8 stale"},
                    {"series": 'causal_datasource_build_info{cluster="a"}', "values": "1x8 stale"},
                    {"series": broke, "values": "1x8 stale"},
                    {"series": 'causal_incidents{cluster="b"}', "values": "0x200"},
                    {"series": 'causal_datasource_build_info{cluster="b"}', "values": "1x200"},
                ],
                "alert_rule_test": [
                    {"eval_time": "30m", "alertname": name, "exp_alerts": [{"exp_labels": labels}]}
                    for name, labels in {
                        "CausalRootCause": {"severity": "critical", **root},
                        "CausalDatasourceSilent": {"severity": "critical", "cluster": "a"},
                        "CausalDatasourceDown": {"severity": "warning", "cluster": "a"},
                    }.items()
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    command = [server_binary("promtool"), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_text_of_an_alert_is_of_its_own_installation(tmp_path: Path, server_binary: Callable[[str], str]) -> None:
    """Two clusters have a root cause of the same name at once."""
    written(tmp_path, "--installation=cluster")
    rules = yaml.safe_load((tmp_path / FILES[0]).read_text())
    for rule in rules_of(rules):
        rule["annotations"] = {key: rule["annotations"][key] for key in ("description", "action")}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    series, alerts = [], []
    for cluster, gap, symptom, others in (("a", 1, "web.latency", 0), ("b", 9, "x.latency", 2)):
        of = f'cluster="{cluster}"'
        root = f'{of}, service="web", root_cause="web", is_root_cause="true"'
        series += [f"causal_incidents{{{of}}} 1", f"causal_datasource_build_info{{{of}}} 1"]
        series += [f"causal_service_anomaly{{{root}}} 1"]
        series += [
            f'causal_service_anomaly{{{of}, service="s{n}", root_cause="web", is_root_cause="false"}} 1'
            for n in range(others)
        ]
        series += [f'causal_symptom_gap{{{of}, incident="1", symptom="{symptom}", unit="s"}} {gap}']
        series += [f'causal_incident_info{{{of}, incident="1", root_cause="web", symptom="{symptom}"}} 1']
        series += [f'causal_suggested_action_info{{{of}, incident="1", action="mend {cluster}"}} 1']
        labels = {"cluster": cluster, "service": "web", "root_cause": "web", "is_root_cause": "true"}
        told = (
            "web broke: its own behaviour changed, beyond what load and callees explain. "
            f"{symptom} is off by {gap}s (incident 1). Others that suffer from it: {others}."
        )
        texts = {"description": told, "action": f"mend {cluster}"}
        alerts.append({"exp_labels": {"severity": "critical", **labels}, "exp_annotations": texts})
    values = [{"series": one.rpartition(" ")[0], "values": f"{one.rpartition(' ')[2]}x40"} for one in series]
    found = {"eval_time": "5m", "alertname": "CausalRootCause", "exp_alerts": alerts}
    test = {"interval": "15s", "input_series": values, "alert_rule_test": [found]}
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]})
    )
    command = [server_binary("promtool"), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_can_provision_its_alerts() -> None:
    """What Grafana refuses at its start: intervals off its own ten seconds, ids that are long or met twice, a condition
    that is not there. And it knows neither ALERTS nor what `query` would answer."""
    content = read("grafana/alerting/causal.yml")
    assert content["apiVersion"] == 1
    sources = {one["uid"] for one in read("grafana/datasources/causal.yml")["datasources"]}
    for group in content["groups"]:
        assert int(group["interval"].removesuffix("s")) % 10 == 0
        assert group["folder"]
    rules = rules_of(content)
    uids = [rule["uid"] for rule in rules]
    assert len(set(uids)) == len(uids)
    for rule in rules:
        assert re.fullmatch(r"[\w-]{1,40}", rule["uid"])
        query, condition = rule["data"]
        assert query["datasourceUid"] in sources
        assert condition["datasourceUid"] == "__expr__"
        assert rule["condition"] == condition["refId"]
        assert "ALERTS" not in query["model"]["expr"]
        assert not any("$value }}" in text for text in texts(rule["annotations"]))


def test_grafana_keeps_what_was_wrong_while_nobody_judges() -> None:
    held = {rule["alert"] for rule in SOURCE if rule.get("held")}
    assert held == {"CausalRootCause", "ServiceAnomaly", "CausalDemand"}
    for rule in rules_of(read("grafana/alerting/causal.yml")):
        keeps = rule["title"] in held
        assert rule["noDataState"] == ("KeepLast" if keeps else "OK")
        assert rule["data"][0]["model"]["expr"].endswith("or 0 * causal_incidents") == keeps
        assert ("keepFiringFor" in rule) == keeps


@pytest.mark.parametrize(
    ("matching", "understood"), [("on ()", True), ("on (", False)], ids=["as shipped", "with a typing error"]
)
def test_vmalert_understands_expressions_and_texts(
    matching: str, understood: bool, tmp_path: Path, server_binary: Callable[[str], str]
) -> None:
    """Debian's is older than keep_firing_for, which is left out."""
    groups = read("kubernetes/vmrule.yaml")["spec"]
    for rule in rules_of(groups):
        rule.pop("keep_firing_for", None)
        rule["expr"] = rule["expr"].replace("on ()", matching)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(groups))
    command = [server_binary("vmalert"), "-dryRun", f"-rule={tmp_path / 'rules.yml'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode == 0) == understood, done.stderr
