"""The running service while its Prometheus fails in every way: it shows what it knew, says what is wrong, and heals."""

import json
from collections.abc import Iterator

import pytest
import requests
from failing_prometheus import Front
from running import FAST, Service, TwoServices, serving

from datasource.demo.serving import BackgroundServer


@pytest.fixture(scope="module")
def behind() -> Iterator[BackgroundServer]:
    services = TwoServices()
    yield services.server
    services.stop()


@pytest.fixture(scope="module")
def front(behind: BackgroundServer) -> Iterator[Front]:
    one = Front(0, behind.port)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def service(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("faults")
    file = folder / "causal.yaml"
    file.write_text(FAST.format(url=f"http://127.0.0.1:{front.server_port}", store=folder / "store"))
    with serving(file, "faults", env={"CAUSAL_LOG_FORMAT": "json", "CAUSAL_LOG_LEVEL": "debug"}) as found:
        found.wait(found.scores)
        yield found
        assert "Traceback" not in found.process.log.read_text()


def is_well(service: Service) -> bool:
    return not service.error() and service.scores() == 4 and service.number("stale") == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("slow", "did not answer within 2 s"),
        ("reset", "it reset the connection"),
        ("truncated", "in the middle of the answer"),
        ("html", "check that prometheus.url has the right port and path prefix"),
        ("500", "answered HTTP 500"),
        ("patience", "answered HTTP 429"),
        ("circle", "redirect"),
    ],
)
def test_the_last_results_stay_and_the_fault_is_told_until_it_is_over(
    service: Service, front: Front, fault: str, said: str
) -> None:
    service.wait(lambda: is_well(service))
    before, logged = service.number("evaluation_failures_total"), service.process.log.stat().st_size
    front.fault = fault
    try:
        service.wait(service.error)
        assert service.scores() == 4 or service.number("stale") == 1
        assert said in service.error()
    finally:
        front.fault = ""
    assert service.number("evaluation_failures_total") > before
    service.wait(lambda: is_well(service))
    assert "it evaluates again, after: " in service.process.log.read_text()[logged:]


def test_a_prometheus_that_is_gone_for_long_makes_results_stale_and_comes_back(
    service: Service, front: Front, behind: BackgroundServer
) -> None:
    service.wait(lambda: is_well(service))
    front.stop()
    service.wait(lambda: service.number("stale") == 1)
    assert service.scores() == 0
    assert "cannot be reached" in service.error()
    back = Front(front.server_port, behind.port)
    try:
        service.wait(lambda: is_well(service))
    finally:
        back.stop()
        front.__init__(back.server_port, behind.port)  # type: ignore[misc]


def test_the_series_of_another_installation_are_nobodys_health(service: Service, front: Front) -> None:
    """That its own have vanished is told after ten minutes (tests/service/test_presence.py)."""
    service.wait(lambda: is_well(service))
    front.fault = "others"
    try:
        service.wait(lambda: service.scores() == 0)
        assert service.number("unjudged_variables") > 0
        assert "x.latency" in service.said()
    finally:
        front.fault = ""
    service.wait(lambda: is_well(service))


def test_every_stage_is_measured(service: Service) -> None:
    service.wait(lambda: is_well(service))
    name = 'stage_duration_seconds_{}{{stage="{}"}}'
    for stage in ("evaluate", "read", "recall", "refit", "judge", "group", "publish", "keep", "fit", "effects"):
        service.wait(lambda stage=stage: service.metrics().get(f"causal_datasource_{name.format('count', stage)}"))
        assert service.number(name.format("sum", stage)) > 0, stage
    assert service.number('stage_failures_total{stage="read"}') > 0
    assert service.number('stage_failures_total{stage="judge"}') == 0


def test_a_line_of_the_log_is_an_object_and_names_the_request_that_it_is_about(service: Service) -> None:
    asked = {"X-Request-Id": "from-a-proxy-7"}
    answer = requests.post(f"{service.url}/query", json={"targets": [{"target": "nothing"}]}, headers=asked, timeout=10)
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (400, "from-a-proxy-7")
    assert answer.json()["request_id"] == "from-a-proxy-7"
    text = service.process.log.read_text().splitlines()
    lines = [json.loads(line) for line in text if line.startswith("{")]
    (line,) = [one for one in lines if one.get("request_id") == "from-a-proxy-7"]
    assert (line["process"], line["level"], line["path"], line["status"]) == ("web", "debug", "/query", 400)
    assert line["seconds"] > 0
    assert {"first", "web", "evaluator"} >= {one["process"] for one in lines} >= {"web", "evaluator"}
    own = requests.get(f"{service.url}/nothing", headers={"X-Request-Id": "<script>"}, timeout=10)
    assert own.headers["X-Request-Id"] == own.json()["request_id"] != "<script>"
