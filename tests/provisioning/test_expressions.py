"""Every PromQL expression that is shipped, put to a real Prometheus that scrapes the service during an incident."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from shipped import RULES, dashboard_expressions, rules
from worlds import World, showing, with_a_refuted_edge, with_a_shift, with_interventions, with_trials

from datasource.demo.processes import answer_exists, scrape_config, start_prometheus, wait_until
from datasource.demo.serving import BackgroundServer
from datasource.service import COURSE
from datasource.service.pushing import Pushed
from datasource.web.app import create_app

ON_DASHBOARDS = dict(dashboard_expressions())
ELSEWHEN = {name for name, expr in ON_DASHBOARDS.items() if "ALERTS" in expr}
ELSEWHEN |= {"causal-overview Open incidents E", "causal-overview Verdicts over time B"}
"""What shows nothing in the first minute of an incident: alerts, and that nothing is wrong."""
LONG_AGO = {name for name in ON_DASHBOARDS if name.endswith(" Interventions") or re.search(r"Course:|Added up A", name)}
LONG_AGO -= {"causal-interventions Interventions"}
"""What looks at the time of day, which is not that of the scraped shop; make dashboards-test looks at it."""
IN_RULES = {rule["alert"]: rule["expr"] for rule in rules()}
TWO_SCRAPES = "rate(causal_datasource_http_requests_total[1m])"


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[BackgroundServer]:
    assert world.clock.snapshot
    judged = with_a_refuted_edge(world.clock.snapshot, ("shop/catalog.latency", "shop/web.latency"), "it did not move")
    shown = showing(world, with_trials(with_interventions(with_a_shift(judged))))
    shown.health = replace(shown.health, pushed=Pushed())
    server = BackgroundServer(create_app(shown))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prometheus(
    server_binary: Callable[[str], str], service: BackgroundServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    server = start_prometheus(
        server_binary("prometheus"),
        tmp_path_factory.mktemp("prometheus"),
        rule_files=[RULES],
        scrape_configs=[scrape_config("causal-datasource", f"127.0.0.1:{service.port}", "1s", honor_labels=True)],
        remote_read=[
            {"url": f"{service.url}/api/v1/read", "read_recent": True, "required_matchers": {"door": "causal"}}
        ],
    )
    try:
        assert wait_until(lambda: answer_exists(server.url, TWO_SCRAPES), 30)
        yield server.url
    finally:
        server.stop()


@pytest.mark.parametrize("name", ON_DASHBOARDS)
def test_every_panel_shows_something_during_an_incident(prometheus: str, world: World, name: str) -> None:
    (going_on,) = (one for one in world.clock.snapshot.incidents if one.open)
    expr = ON_DASHBOARDS[name].replace("$incident", going_on.id)
    answer = requests.post(f"{prometheus}/api/v1/query", data={"query": expr}, timeout=10).json()
    assert answer["status"] == "success", answer
    assert answer["data"]["result"] or name in ELSEWHEN | LONG_AGO


@pytest.mark.parametrize("expr", [*ON_DASHBOARDS.values(), *IN_RULES.values()], ids=[*ON_DASHBOARDS, *IN_RULES])
def test_only_metrics_that_are_exported_are_asked_for(service: BackgroundServer, expr: str) -> None:
    exposition = requests.get(f"{service.url}/metrics", timeout=10).text
    families = text_string_to_metric_families(exposition)
    exported = {sample.name for family in families for sample in family.samples}
    assert set(re.findall(r"\bcausal_\w+", expr)) <= exported | COURSE.keys()


def test_entities_with_other_labels_are_shown_as_well(server_binary: Callable[[str], str], tmp_path: Path) -> None:
    """Those of a bare node_exporter, which `instance` alone tells apart."""
    values = {"observed_value": 9, "expected_value": 2, "expected_lower": 1, "expected_upper": 3, "anomaly_score": 7}
    text = "".join(
        f'causal_{name}{{instance="{node}", signal="load"}} {value}\n'
        for name, value in values.items()
        for node in ("node1:9100", "node2:9100")
    )
    service = BackgroundServer(lambda _, start: start("200 OK", [("Content-Type", "text/plain")]) and [text.encode()])
    scrape = scrape_config("causal-datasource", f"127.0.0.1:{service.port}", "1s", honor_labels=True)
    server = start_prometheus(server_binary("prometheus"), tmp_path, scrape_configs=[scrape])

    def instances(panel: str) -> list[str]:
        asked = {"query": ON_DASHBOARDS[panel]}
        answer = requests.post(f"{server.url}/api/v1/query", data=asked, timeout=10).json()
        return sorted(one["metric"]["instance"] for one in answer["data"]["result"])

    try:
        assert wait_until(lambda: answer_exists(server.url, "causal_anomaly_score"), 30)
        assert instances("causal-overview Causal anomaly score: who broke A") == ["node1:9100", "node2:9100"]
        assert len(instances("causal-anomaly 1. Observed and expected A")) == 1
    finally:
        server.stop()
        service.stop()
