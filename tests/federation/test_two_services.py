"""Two services, each a process with a Prometheus of its own, join one effect."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from clusters import SETTINGS, Cluster
from sharing import TOKEN

from datasource.cli import main
from datasource.demo.child import ChildProcess, wait_until
from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer, free_port
from datasource.demo.standin import standin_app

STEP, POINTS, PATIENCE = 30, 600, 120


@contextmanager
def serving(name: str, one: Cluster, seed: int, folder: Path) -> Iterator[str]:
    """The address of `causal-datasource serve` over one cluster."""
    store = SampleStore()
    newest = int(time.time()) // STEP * STEP
    times = [1000 * (newest + STEP * (place - POINTS)) for place in range(POINTS + 40)]
    values = one.simulate(len(times), seed)
    for signal, row in zip(("requests", "cpu", "latency"), values, strict=True):
        store.extend({"__name__": signal, "cluster": name, "service": "web"}, times, row.tolist())
    prometheus = BackgroundServer(standin_app(store))
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    own = f"invariance: {{}}\nfederation: {{name: {name}}}\nweb: {{tokens: {{others: {{file: token, scope: sums}}}}}}"
    text = SETTINGS.replace("http://clusters.test", prometheus.url).replace("invariance: {}", own)
    config = folder / "causal.yaml"
    config.write_text(text.replace("baseline: 12h", "baseline: 4h") + f"store: {{directory: {folder / 'store'}}}\n")
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "datasource.cli", "serve", "--config", str(config), "--listen", url[7:]]
    process = ChildProcess(command, folder / "log")
    try:
        process.wait_ready(lambda: ready(url), PATIENCE)
        assert wait_until(lambda: compared(url) is not None, PATIENCE), process.log_tail()
        yield url
    finally:
        process.stop()
        prometheus.stop()


def ready(url: str) -> bool:
    try:
        answer = requests.get(f"{url}/api/v1/federation", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5)
    except requests.ConnectionError:
        return False
    return answer.status_code == 200


def compared(url: str) -> Any:
    """What its process for that says of environments, None as long as it says nothing."""
    return requests.get(f"{url}/api/v1/snapshot", timeout=5).json().get("invariance")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("sites")
    with ExitStack() as stack:
        clusters = {"eu": Cluster(), "us": Cluster(load=1.6, level=0.9)}
        yield {
            name: stack.enter_context(serving(name, one, seed, folder / name))
            for seed, (name, one) in enumerate(clusters.items())
        }


def test_two_running_services_join_one_effect(sites: dict[str, str], token: Path) -> None:
    asked = ["--treatment", "web.cpu", "--outcome", "web.latency", "--adjust", "web.requests"]
    named = [f"--site={name}={url}" for name, url in sites.items()]
    done = CliRunner().invoke(main, ["federate", *named, "--token-file", str(token), *asked])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "Effect of web.cpu on web.latency, adjusted for web.requests, over 2 installations"
    effect = float(lines[1].split()[1])
    assert effect == pytest.approx(0.5, abs=0.05)
    assert all(any(line.strip().startswith(name) for line in lines) for name in ("eu", "us"))
    assert "Left out" not in done.output


def test_a_process_of_its_own_compares_environments(sites: dict[str, str]) -> None:
    found = compared(sites["eu"])
    assert not found["mechanisms"]  # one cluster, and nothing changed there
    assert "name labels that tell environments apart" in found["notices"][0]
