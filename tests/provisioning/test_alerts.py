"""The alert rules, Alertmanager's inhibition, and the files that bring them to their servers."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from shipped import DASHBOARDS, PROVISIONING, ROOT, RULES, Json, read, rules

from datasource.demo.child import ChildProcess
from datasource.demo.processes import answers, wait_until
from datasource.demo.serving import free_port

Run = Callable[..., None]


@pytest.fixture
def run(server_binary: Callable[[str], str]) -> Run:
    """Runs a program that has to accept what it is given."""

    def accepted(name: str, *arguments: str | Path) -> None:
        command = [server_binary(name), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return accepted


def test_promtool_accepts_the_rules(run: Run) -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_promtool_accepts_the_configuration(run: Run) -> None:
    run("promtool", "check", "config", PROVISIONING / "prometheus/prometheus.yml")


def test_alerts_fire_when_they_should_and_only_then(run: Run) -> None:
    run("promtool", "test", "rules", Path(__file__).with_name("alerts.test.yml"))


def test_silence_means_well_and_only_that(run: Run, tmp_path: Path) -> None:
    """Texts have their own test; here they would stand at every alert again."""
    bare = yaml.safe_load(RULES.read_text())
    for group in bare["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(bare))
    shutil.copy(Path(__file__).with_name("silence.test.yml"), tmp_path)
    run("promtool", "test", "rules", tmp_path / "silence.test.yml")


def test_amtool_accepts_the_configuration(run: Run) -> None:
    run("amtool", "check-config", PROVISIONING / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_where_to_look(rule: Json) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert "{{" not in notes["summary"]
    assert notes["description"].endswith((".", "{{ end }}"))
    assert notes["action"].endswith((".", "?", "{{ end }}"))
    dashboard = urlsplit(notes["dashboard_url"])
    assert dashboard.path.removeprefix("/d/") in DASHBOARDS
    assert urlsplit(notes["page_url"]).scheme == dashboard.scheme == "http"
    path, _, section = notes["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert section == rule["alert"].lower()
    assert rule["alert"] in headings


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_goes_to_those_whom_its_severity_concerns(rule: Json, server_binary: Callable[[str], str]) -> None:
    severity = rule["labels"]["severity"]
    file = f"--config.file={PROVISIONING / 'alertmanager/alertmanager.yml'}"
    labels = f"alertname={rule['alert']}", f"severity={severity}"
    command = [server_binary("amtool"), "config", "routes", "test", file, *labels]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == {"critical": "page", "warning": "working-hours", "info": "information"}[severity]


def test_only_a_cause_and_a_service_that_fell_silent_with_something_wrong_wake_somebody_up() -> None:
    critical = {rule["alert"] for rule in rules() if rule["labels"]["severity"] == "critical"}
    assert critical == {"CausalRootCause", "CausalDatasourceSilent"}


def test_the_cause_is_known_before_its_victims_are_notified_of() -> None:
    group = read("prometheus/rules/causal.yml")["groups"][0]
    waits = {rule["alert"]: _seconds(rule["for"]) for rule in group["rules"]}
    assert waits.keys() == {"CausalRootCause", "ServiceAnomaly", "CausalDemand"}
    assert waits["CausalRootCause"] <= waits["ServiceAnomaly"]
    kept = {rule["alert"]: _seconds(rule["keep_firing_for"]) for rule in group["rules"]}
    assert kept["CausalRootCause"] == kept["CausalDemand"] >= kept["ServiceAnomaly"], "who is inhibited goes first"
    assert _seconds(read("alertmanager/alertmanager.yml")["route"]["group_wait"]) > _seconds(group["interval"])


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


@pytest.fixture
def alertmanager(server_binary: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [
        server_binary("prometheus-alertmanager"),
        f"--config.file={PROVISIONING / 'alertmanager/alertmanager.yml'}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    server = ChildProcess(command, tmp_path / "alertmanager.log")
    try:
        server.wait_ready(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def _alert(name: str, service: str, root_cause: str, **more: str) -> Json:
    labels = {
        "alertname": name,
        "service": service,
        "root_cause": root_cause,
        "is_root_cause": str(name == "CausalRootCause").lower(),
    }
    return {"labels": labels | more, "startsAt": datetime.now(UTC).isoformat()}


def test_victims_stay_silent_while_their_root_cause_pages(alertmanager: str) -> None:
    cause = "platform/inventory"
    sent = [
        _alert("CausalRootCause", "inventory", cause),
        _alert("ServiceAnomaly", "web", cause),
        _alert("ServiceAnomaly", "orders", cause, namespace="shop"),
        _alert("ServiceAnomaly", "cart", "platform/pricing"),  # of another cause, which does not page
        _alert("ServiceAnomaly", "payment", ""),  # of a cause that is not known
        _alert("ServiceAnomaly", "far", cause, cluster="another"),
        _alert("CausalDemand", "shop", "demand at shop"),
        _alert("ServiceAnomaly", "busy", "demand at shop"),
        _alert("ServiceAnomaly", "busier", "demand at mail"),  # which nobody has told of
        {"labels": {"alertname": "DiskFull", "service": "web"}, "startsAt": datetime.now(UTC).isoformat()},
        _alert("CausalDatasourceSilent", "", ""),
        _alert("CausalDatasourceDown", "", ""),
        _alert("CausalDatasourceClock", "", ""),
    ]
    requests.post(f"{alertmanager}/api/v2/alerts", json=sent, timeout=10).raise_for_status()

    def states() -> dict[str, str]:
        found = requests.get(f"{alertmanager}/api/v2/alerts", timeout=10).json()
        return {f"{a['labels']['alertname']} {a['labels'].get('service', '')}": a["status"]["state"] for a in found}

    expected = {
        "CausalRootCause inventory": "active",
        "ServiceAnomaly web": "suppressed",
        "ServiceAnomaly orders": "suppressed",
        "ServiceAnomaly cart": "active",
        "ServiceAnomaly payment": "active",
        "ServiceAnomaly far": "active",
        "CausalDemand shop": "active",
        "ServiceAnomaly busy": "suppressed",
        "ServiceAnomaly busier": "active",
        "DiskFull web": "active",
        "CausalDatasourceSilent ": "active",
        "CausalDatasourceDown ": "suppressed",
        "CausalDatasourceClock ": "active",
    }
    assert wait_until(lambda: states() == expected, 30, interval=0.5), states()
