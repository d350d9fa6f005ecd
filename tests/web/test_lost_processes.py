"""The service as its processes: each may be lost, and settings may change, without a moment of silence."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from running import FAST, PATIENCE, Service, TwoServices, kill, serving

from datasource.demo.child import wait_until


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings for two quiet services."""
    folder = tmp_path_factory.mktemp("service")
    services = TwoServices()
    file = folder / "causal.yaml"
    file.write_text(FAST.format(url=services.server.url, store=folder / "store"))
    yield file
    services.stop()


@pytest.fixture(scope="module")
def service(config: Path) -> Iterator[Service]:
    with serving(config, "one") as found:
        found.wait(found.scores)
        yield found


def test_results_stay_while_the_process_that_evaluates_is_replaced(service: Service) -> None:
    lost, restarts = service.children()["evaluates"], service.number("evaluator_restarts_total")
    kill(lost)
    seen = []

    def is_back() -> bool:
        seen.append(service.scores())
        return service.number("evaluator_restarts_total") > restarts

    assert wait_until(is_back, PATIENCE), service.process.log_tail()
    assert set(seen) == {4}
    assert service.children()["evaluates"] != lost
    assert service.number("stale") == 0


def test_a_new_web_process_has_the_results_at_once(service: Service) -> None:
    kill(service.children()["serves"])
    assert wait_until(service.answers, PATIENCE), service.process.log_tail()
    assert service.scores() == 4


def test_settings_that_cannot_be_used_are_told_and_those_of_before_stay(service: Service) -> None:
    good = service.config.read_text()
    service.config.write_text(good + "nonsense: 1\n")
    assert wait_until(lambda: service.number("config_last_reload_successful") == 0, PATIENCE)
    assert service.scores() == 4
    health = requests.get(f"{service.url}/api/v1/snapshot", timeout=10).json()["health"]
    assert f"{service.config} has changed and is not used" in health["settings_error"]
    assert "nonsense" in health["settings_error"]
    service.config.write_text(good)
    assert wait_until(lambda: service.number("config_last_reload_successful") == 1, PATIENCE)


def test_new_settings_take_over_without_a_silence(service: Service) -> None:
    service.config.write_text(service.config.read_text().replace("latency:", "duration:"))
    seen = []

    def is_renamed() -> bool:
        names = [name for name in service.metrics() if name.startswith("causal_anomaly_score{")]
        seen.append(len(names))
        return any("duration" in name for name in names)

    assert wait_until(is_renamed, PATIENCE), service.process.log_tail()
    assert set(seen) == {4}


def test_sighup_reads_the_file_though_it_is_the_same(service: Service) -> None:
    name = "config_last_reload_success_timestamp_seconds"
    before = service.number(name)
    subprocess.run(["kill", f"-{signal.SIGHUP.value}", str(service.process.pid)], check=True)
    assert wait_until(lambda: service.number(name) > before, PATIENCE)


def test_another_service_on_the_same_store_waits_and_shows_the_same(service: Service, config: Path) -> None:
    with serving(config, "two") as other:
        assert wait_until(lambda: requests.get(f"{other.url}/readyz", timeout=10).ok, PATIENCE), (
            other.process.log_tail()
        )
        assert (service.leads(), other.leads()) == (True, False)
        assert (service.scores(), other.scores()) == (4, 0)
        shown = [requests.get(f"{one.url}/api/v1/snapshot", timeout=10).json() for one in (service, other)]
        assert {name: shown[0][name] for name in ("settings", "graph")} == {
            name: shown[1][name] for name in ("settings", "graph")
        }
        assert abs(shown[0]["time"] - shown[1]["time"]) <= 5, "seconds, which are its steps"
        for pid in (service.process.pid, *service.children().values()):
            kill(pid)
        assert wait_until(other.leads, PATIENCE), other.process.log_tail()
        assert wait_until(lambda: other.scores() == 4, PATIENCE), other.process.log_tail()
        again = requests.get(f"{other.url}/api/v1/snapshot", timeout=10).json()
        assert again["mechanisms"] == shown[0]["mechanisms"]
        ends_whole(other)


def ends_whole(service: Service) -> None:
    children = service.children()
    assert set(children) == {"evaluates", "serves"}
    service.process.stop()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()), PATIENCE)
    assert "Traceback" not in service.process.log.read_text()
