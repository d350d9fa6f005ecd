"""The running service while what it stands on fails: a killed worker, a deleted settings file, a clock that is set."""

import os
import signal
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
import requests
from running import FAST, Service, TwoServices, children, command_line, kill, serving

CLOCK = '''
"""The time of this machine, as many seconds wrong as a file says."""
import time

_true = time.time


def _wrong() -> float:
    try:
        with open({file!r}) as file:
            return _true() + float(file.read() or 0)
    except (OSError, ValueError):
        return _true()


time.time = _wrong
'''
TOKEN = "a-token-of-more-than-sixteen-letters"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machine")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    """With a fit every three seconds, a token to write with, and a clock that can be set."""
    services, file = TwoServices(), folder / "causal.yaml"
    text = FAST.format(url=services.server.url, store=folder / "store").replace("warm_up: 60", "warm_up: 60, refit: 3s")
    file.write_text(text + f"writes: {{token_file: {folder / 'token'}}}\n")
    (folder / "token").write_text(TOKEN)
    (folder / "clock").mkdir()
    (folder / "clock" / "sitecustomize.py").write_text(CLOCK.format(file=str(folder / "off")))
    path = os.pathsep.join(filter(None, (str(folder / "clock"), os.environ.get("PYTHONPATH"))))
    with serving(file, "machine", env={"PYTHONPATH": path}) as found:
        found.wait(found.scores)
        yield found
        assert "Traceback" not in found.process.log.read_text()
    services.stop()


def fitting(service: Service) -> int | None:
    """The process that fits, once there is one."""
    evaluates = service.children().get("evaluates")
    workers = [pid for pid in children(evaluates or 0) if b"spawn_main" in command_line(pid)]
    return workers[0] if workers else None


def is_well(service: Service) -> bool:
    return not service.error() and service.scores() == 4 and service.number("stale") == 0


def test_a_worker_that_hangs_and_is_killed_in_the_middle_of_a_fit_costs_that_fit_alone(service: Service) -> None:
    service.wait(lambda: fitting(service))
    lost = fitting(service)
    assert lost is not None
    os.kill(lost, signal.SIGSTOP)
    begun = service.number("evaluations_total")
    service.wait(lambda: service.number("evaluations_total") > begun + 4)  # a fit that was done is taken
    fitted = service.shown()["mechanisms"]
    service.wait(lambda: service.number("evaluations_total") > begun + 9)
    assert service.shown()["mechanisms"] == fitted
    assert is_well(service)
    kill(lost)
    service.wait(lambda: "a new one failed: the worker process that fits was lost" in service.said())
    service.wait(lambda: service.shown()["mechanisms"] > fitted)
    service.wait(lambda: "was lost" not in service.said())
    assert fitting(service) != lost


def test_nothing_acknowledged_is_lost_whichever_process_is_killed_in_the_middle_of_a_write(service: Service) -> None:
    written: list[str] = []
    for number, which in zip(range(40), cycle(("serves", "evaluates", "", "")), strict=False):
        said = {"kind": "restart", "targets": ["web"], "why": f"number {number}", "key": f"key {number}"}
        victim = service.children().get(which)
        if victim and number % 8 < 2:
            kill(victim)
        try:
            answer = requests.post(f"{service.url}/api/v1/interventions", json=said, headers=HEADERS, timeout=30)
        except requests.ConnectionError:
            service.wait(service.answers)
            continue
        if answer.ok:
            written.append(said["why"])
    service.wait(lambda: is_well(service))
    assert len(written) > 20
    known = requests.get(f"{service.url}/api/v1/interventions", timeout=30).json()
    assert set(written) <= {one["why"] for one in known}


def test_a_settings_file_that_was_deleted_is_told_and_the_settings_stay(service: Service) -> None:
    text = service.config.read_text()
    service.config.unlink()
    service.wait(lambda: service.number("config_last_reload_successful") == 0)
    service.wait(lambda: "there is no such file" in service.said())
    restarts = service.number("evaluator_restarts_total")
    kill(service.children()["evaluates"])
    service.wait(lambda: service.number("evaluator_restarts_total") > restarts)
    service.wait(lambda: service.scores() == 4)
    assert service.number("config_last_reload_successful") == 0
    service.config.write_text(text)
    service.wait(lambda: service.number("config_last_reload_successful") == 1)
    service.wait(lambda: is_well(service))


@pytest.mark.parametrize(("by", "way"), [(3600, "forward"), (-3600, "back")])
def test_a_clock_that_is_set_is_told_and_results_are_of_its_time(
    service: Service, folder: Path, by: int, way: str
) -> None:
    service.wait(lambda: is_well(service))
    jumps = service.number("clock_jumps_total")
    (folder / "begun").write_text(str(by))
    (folder / "begun").replace(folder / "off")
    service.wait(lambda: service.number("clock_jumps_total") > jumps)
    service.wait(lambda: f"set 1h {way}" in service.said())
    assert service.answers()
    (folder / "off").unlink()
    service.wait(lambda: service.number("clock_jumps_total") > jumps + 1)
    service.wait(lambda: is_well(service))
    assert abs(service.shown()["time"] - service.number("time_seconds")) < 60
