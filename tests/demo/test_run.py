"""The demo as a process: what it prints, and that nothing is left when it ends. A small fake plays the datasource."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requests

from datasource.demo.processes import wait_until
from datasource.demo.services import SERVICES
from datasource.settings.load import load_settings

FAKE_DATASOURCE = """
import os, sys, time
from flask import Flask
app = Flask("fake")
began = time.monotonic()
settings = open(sys.argv[1]).read()
restarts = {"namespace": "shop", "service": "catalog", "treatment": "restarts", "outcome": "latency"}
numbers = {"association": .115, "association_lower": .1, "association_upper": .13,
           "effect": .0251, "effect_lower": .023, "effect_upper": .027}
@app.get("/readyz")
def ready():
    return ("ready", 200) if time.monotonic() - began > 0.5 else ("warming up", 503)
@app.get("/settings")
def show():
    return settings
@app.get("/exit")
def leave():
    print("the fake has had enough", flush=True)
    os._exit(3)
@app.get("/api/v1/snapshot")
def snapshot():
    rows = [{"name": "causal_" + name, "labels": restarts, "value": value} for name, value in numbers.items()]
    for service, value in (("inventory", .124), ("payment", .002)):
        rows.append({"name": "causal_root_cause_contribution", "value": value, "labels": {
            "namespace": "platform", "service": service, "signal": "latency", "symptom": "shop/web.latency"}})
    for namespace, service, cause in (("platform", "inventory", "true"), ("shop", "web", "false")):
        rows.append({"name": "causal_service_anomaly", "value": 1, "labels": {
            "namespace": namespace, "service": service, "root_cause": "platform/inventory", "is_root_cause": cause}})
    open_one = {"state": "open", "summary": "shop/web.latency is 120 ms above its usual 400 ms: " + "it is slow. " * 9,
                "suggestions": ["roll platform/inventory back", "wait"]}
    ended = {"state": "ended", "summary": "long ago", "suggestions": []}
    return {"time": time.time(), "metrics": rows, "root_causes": [], "notices": [], "incidents": [open_one, ended]}
app.run("127.0.0.1", int(sys.argv[2]))
"""

DEMO = """
import sys
import datasource.demo.run as demo
demo.datasource_command = lambda settings, port: [sys.executable, {fake!r}, str(settings), str(port)]
sys.exit(demo.run({port}, stand_in={stand_in}))
"""


class RunningDemo:
    """A demo in a process of its own, its temporary files in a directory of the test."""

    def __init__(self, directory: Path, *, stand_in: bool, port: int | None = None) -> None:
        self.files = directory / "tmp"
        self.files.mkdir()
        self._log = directory / "demo.log"
        fake = directory / "fake.py"
        fake.write_text(FAKE_DATASOURCE)
        if port is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        script = DEMO.format(fake=str(fake), port=port, stand_in=stand_in)
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.files)},
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        assert wait_until(lambda: text in self.output or self.process.poll() is not None, 60), self.output
        assert text in self.output, self.output

    def url(self, name: str) -> str:
        return re.search(rf"^  {name} +(http://[\d.:]+)", self.output, re.M).group(1)

    def processes(self) -> list[str]:
        """The command lines of processes that use the demo's files."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = entry.read_bytes().decode(errors="replace").replace("\0", " ")
            except OSError:
                continue
            if str(self.files) in command:
                found.append(command)
        return found


@pytest.fixture
def start(tmp_path):
    started = []

    def start(**options):
        started.append(RunningDemo(tmp_path, **options))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()


def instant(url: str, query: str) -> list[dict]:
    return requests.get(url + "/api/v1/query", params={"query": query}, timeout=10).json()["data"]["result"]


@pytest.mark.parametrize("stand_in", [False, True])
def test_it_shows_answers_beside_the_truth_serves_and_leaves_nothing_behind(start, stand_in, request):
    if not stand_in:
        request.getfixturevalue("prometheus")
    demo = start(stand_in=stand_in)
    demo.wait_for("Serving until Ctrl-C")
    for line in (
        r"association +0\.1150 +\[0\.1000, 0\.1300\]",
        r"causal effect +0\.0251 +\[0\.0230, 0\.0270\]",
        r"truth +0\.0250",
        r"injected +platform/inventory: own latency \+0\.25 s, since \d\d:\d\d",
        r"1\. platform/inventory +latency +\+0\.124",
        r"root cause +platform/inventory\n +victims +shop/web",
        r"in words +shop/web.latency is 120 ms above its usual 400 ms:[a-z .\n]+",
        r" +suggested +roll platform/inventory back\n\n",
        "simpod-json-datasource",
    ):
        assert re.search(line, demo.output), demo.output
    prometheus = demo.url("Prometheus")
    assert f"url: {prometheus}\n" in requests.get(demo.url("page") + "/settings", timeout=5).text
    assert len(instant(prometheus, "service:latency_seconds:mean30s")) == len(SERVICES)
    if not stand_in:
        assert wait_until(lambda: instant(prometheus, "up == 1") != [], 10)
        assert len(instant(prometheus, "service:latency_seconds:mean30s")) == len(SERVICES)
        assert len(demo.processes()) == 2
    demo.process.send_signal(signal.SIGINT if stand_in else signal.SIGTERM)
    assert demo.process.wait(30) == 0, demo.output
    assert demo.processes() == []
    assert list(demo.files.iterdir()) == []


def test_killed_it_leaves_no_process_behind(start, prometheus):
    demo = start(stand_in=False)
    demo.wait_for("Serving until Ctrl-C")
    assert len(demo.processes()) == 2
    demo.process.kill()
    assert wait_until(lambda: demo.processes() == [], 10), demo.processes()


def test_a_taken_port_is_said_and_another_one_found(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start(stand_in=True, port=port)
        demo.wait_for("Serving until Ctrl-C")
        assert f"port {port} is taken" in demo.output
        assert requests.get(demo.url("page") + "/readyz", timeout=5).status_code == 200


def test_when_the_datasource_dies_its_last_words_are_shown(start):
    demo = start(stand_in=True)
    demo.wait_for("Serving until Ctrl-C")
    with pytest.raises(requests.ConnectionError):
        requests.get(demo.url("page") + "/exit", timeout=5)
    assert demo.process.wait(30) == 1
    assert "the datasource ended with code 3" in demo.output
    assert "the fake has had enough" in demo.output
    assert list(demo.files.iterdir()) == []


def test_its_settings_are_valid():
    settings = load_settings(Path(__file__).parents[2] / "datasource/demo/settings.yaml").settings
    assert set(settings.signals) >= {"requests", "busy", "errors", "latency", "cpu", "restarts", "call_seconds"}
