"""The two commands of the README, as a newcomer runs them, and what they promise."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parent.parent
INSTALL = 900
UNTIL_SHOWN = 300
"""Seconds until the demo explains itself: 15 to 25 on a machine that does nothing else, which a test cannot ask for."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files under version control, in a folder of another name."""
    folder = tmp_path_factory.mktemp("another name") / "shop watch"
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
        return folder
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


class Demo:
    """`make demo` in a terminal of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / "demo.log"
        self.output = self.log.open("w")
        self.process = subprocess.Popen(
            ["make", "demo"],
            cwd=folder,
            env=environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def text(self) -> str:
        """What the demo says, without the installation where that went well."""
        told = self.log.read_text()
        return told[max(told.find("simulating two days") - 10, 0) :]

    def wait_for(self, words: str, timeout: float) -> float:
        """Seconds until the words are shown."""
        began = time.monotonic()
        while words not in self.text:
            assert self.process.poll() is None, f"the demo ended early:\n{self.text[-3000:]}"
            assert time.monotonic() - began < timeout, f"no '{words}' within {timeout:.0f} s:\n{self.text[-3000:]}"
            time.sleep(0.2)
        return time.monotonic() - began

    def url(self, what: str) -> str:
        found = re.search(rf"^\s+{what}\s+(http://\S+?)/?$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends SIGINT to everything in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(30)
        self.output.close()

    def family(self) -> set[tuple[int, str]]:
        """Every process that descends from the demo: (pid, start time)."""
        parents = {pid: (parent, began) for pid, parent, began in _processes()}
        found = {self.process.pid}
        while more := {pid for pid, (parent, _) in parents.items() if parent in found} - found:
            found |= more
        return {(pid, parents[pid][1]) for pid in found if pid in parents}


def _processes() -> Iterator[tuple[int, int, str]]:
    """Pid, parent's pid and start time of every process that is not a zombie."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, *rest = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z":
            yield int(entry.name), int(parent), rest[17]


def still_there(family: set[tuple[int, str]]) -> set[tuple[int, str]]:
    return family & {(pid, began) for pid, _, began in _processes()}


def environment(path: str) -> dict[str, str]:
    """A login shell's, not that of `make test`, which started this test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL_ENV"))}
    return kept | {"PATH": path}


def outside_venv() -> str:
    return os.pathsep.join(d for d in os.environ["PATH"].split(os.pathsep) if ".venv" not in d)


@pytest.fixture
def without_prometheus(tmp_path: Path) -> str:
    """A PATH like ours on which there is no prometheus."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for directory in outside_venv().split(os.pathsep):
        for program in Path(directory).glob("*") if Path(directory).is_dir() else ():
            link = programs / program.name
            if not program.name.startswith(("prometheus", "promtool")) and not link.exists():
                link.symlink_to(program)
    return str(programs)


@pytest.fixture
def started(clone: Path) -> Iterator[Callable[[str], Demo]]:
    demos: list[Demo] = []

    def start(path: str) -> Demo:
        demos.append(Demo(clone, environment(path)))
        return demos[-1]

    yield start
    for demo in demos:
        if demo.process.poll() is None:
            demo.interrupt()


def check_what_is_shown(text: str) -> None:
    """Association and effect beside the truth, and the incident's root cause beside what was injected."""
    number = r"(-?[\d.]+)\s+\[(-?[\d.]+), (-?[\d.]+)\]"
    for truth in (0.025, 0.5):
        block = re.search(rf"association\s+{number}.*\n\s+causal effect\s+{number}.*\n\s+truth\s+{truth}", text)
        assert block, text
        _, low, high, effect, lower, upper = map(float, block.groups())
        assert not low <= truth <= high, f"the association should miss the truth:\n{text}"
        # An interval holds 95 times in 100, which the tests of effects count; nearly all lie within twice its width.
        assert abs(effect - truth) < upper - lower, f"the effect should be near the truth:\n{text}"
    assert re.search(r"injected\s+platform/inventory", text), text
    assert re.search(r"root cause\s+platform/inventory", text), text
    assert "Ctrl-C" in text


def query(service: str, target: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    asked = {
        "range": {"from": int((time.time() - 3600) * 1000), "to": int((time.time() + 60) * 1000)},
        "maxDataPoints": 100_000,
        "targets": [{"refId": "A", "target": target, "payload": payload}],
    }
    answer = requests.post(f"{service}/query", json=asked, timeout=30)
    assert answer.status_code == 200, answer.text
    frames: list[dict[str, Any]] = answer.json()
    return frames


def instant(prometheus: str, promql: str) -> dict[tuple[tuple[str, str], ...], float]:
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": promql}, timeout=10).json()
    return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in answer["data"]["result"]}


def eventually(find: Callable[[], Any], timeout: float) -> Any:
    began = time.monotonic()
    while not (found := find()):
        assert time.monotonic() - began < timeout, "it did not happen in time"
        time.sleep(1)
    return found


def test_the_demo_with_a_real_prometheus_until_the_alert_fires(
    started: Callable[[str], Demo], server_binary: Callable[[str], str]
) -> None:
    server_binary("prometheus")
    demo = started(outside_venv())
    demo.wait_for("simulating", INSTALL)
    demo.wait_for("Serving until Ctrl-C", UNTIL_SHOWN)
    check_what_is_shown(demo.text)
    service, prometheus = demo.url("page"), demo.url("Prometheus")

    def firing() -> set[tuple[str, str]]:
        alerts = requests.get(f"{prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {(a["labels"]["alertname"], a["labels"].get("service", "")) for a in alerts if a["state"] == "firing"}

    eventually(lambda: ("CausalRootCause", "inventory") in firing(), 300)
    assert ("ServiceAnomaly", "web") in eventually(lambda: firing() if len(firing()) >= 5 else None, 60)
    assert {service for name, service in firing() if name == "CausalRootCause"} == {"inventory"}

    # What Prometheus scraped carries our labels, not exported_* ones, and joins with the shop's own series.
    inventory = '{namespace="platform", service="inventory", signal="latency"}'
    joined = instant(
        prometheus,
        f"causal_observed_value{inventory} / on (namespace, service) service:latency_seconds:mean30s",
    )
    assert list(joined) == [(("namespace", "platform"), ("service", "inventory"))]

    def same_everywhere() -> bool:
        snapshot = requests.get(f"{service}/api/v1/snapshot", timeout=10).json()
        (frame,) = query(service, "anomaly_score", {"entity": "platform/inventory", "signal": "latency"})
        score = frame["fields"][1]["values"][-1]
        plain = [
            one["value"]
            for one in snapshot["metrics"]
            if one["name"] == "causal_anomaly_score"
            and one["labels"] == {"namespace": "platform", "service": "inventory", "signal": "latency"}
        ]
        scraped = list(instant(prometheus, f"causal_anomaly_score{inventory}").values())
        return plain == pytest.approx([score]) == scraped

    eventually(same_everywhere, 90)
    family = demo.family()
    assert len(family) >= 4, "make, the demo, Prometheus and the datasource with its worker"
    demo.interrupt()
    eventually(lambda: not still_there(family), 15)


def test_the_demo_without_a_prometheus_shows_the_same(started: Callable[[str], Demo], without_prometheus: str) -> None:
    assert shutil.which("prometheus", path=without_prometheus) is None
    demo = started(without_prometheus)
    demo.wait_for("simulating", INSTALL)
    demo.wait_for("Serving until Ctrl-C", UNTIL_SHOWN)
    assert "stand-in" in demo.text
    check_what_is_shown(demo.text)
    (frame,) = query(demo.url("page"), "root_causes", {})
    assert frame["fields"][1]["values"][0] == "platform/inventory"
    family = demo.family()
    demo.interrupt()
    eventually(lambda: not still_there(family), 15)
