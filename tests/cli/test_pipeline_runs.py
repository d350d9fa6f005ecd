"""examples/pipelines/causal.sh, run against a live system of three services with a point a second.

It takes a minute, for a real service judges real points: an experiment of 25 seconds, and seven commands in a row.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from live_world import SETTINGS, LiveWorld

from datasource.demo.child import ChildProcess
from datasource.demo.processes import answers
from datasource.demo.run import datasource_command
from datasource.demo.serving import free_port

SCRIPT = Path(__file__).parents[2] / "examples" / "pipelines" / "causal.sh"
PATIENCE = 240


class Pipeline(NamedTuple):
    """A clone with causal.yaml and its origin, and how the script is run in it."""

    clone: Path
    environment: dict[str, str]

    def run(self, *steps: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(SCRIPT), *steps],
            cwd=self.clone,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.clone, env=self.environment, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture(scope="module")
def world() -> Iterator[LiveWorld]:
    one = LiveWorld()
    yield one
    one.stop()


def settings(world: LiveWorld, directory: Path) -> str:
    def delay(ms: int) -> list[str]:
        ask = f"import urllib.request as r; r.urlopen(r.Request('{world.url}/delay/{ms}', method='POST'))"
        return [sys.executable, "-c", ask]

    plan = {"kind": "throttle", "targets": ["user.latency"], "start": delay(20), "rollback": delay(0)}
    more = {"outcome": "checkout.latency", "smallest": 0.01, "block": "25s", "abort_above": 1000}
    (directory / "token").write_text("a-token")
    blocks = {
        "experiments": {"allow": ["throttle_user"], "plans": {"throttle_user": plan | more}},
        "store": {"directory": str(directory / "store")},
        "writes": {"token_file": str(directory / "token")},
    }
    return SETTINGS.replace("URL", world.url) + "".join(f"{name}: {block!r}\n" for name, block in blocks.items())


@pytest.fixture(scope="module")
def pipeline(world: LiveWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("pipeline")
    port = free_port()
    clone, origin = directory / "clone", directory / "origin.git"
    clone.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    who = {f"GIT_{one}_{what}": "ci@example.com" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "CAUSAL_"))},
        **{"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **who},
        **{"SINCE": "-5m", "REFIT": "5m", "CAUSAL_URL": f"http://127.0.0.1:{port}"},
        "CAUSAL_TOKEN_FILE": str(directory / "token"),
    }
    one = Pipeline(clone, environment)
    (clone / "causal.yaml").write_text(settings(world, directory))
    one.git("init", "--quiet", "--bare", str(origin))
    one.git("init", "--quiet", "--initial-branch=main")
    one.git("add", "causal.yaml")
    one.git("commit", "--quiet", "-m", "settings")
    one.git("remote", "add", "origin", str(origin))
    served = directory / "served.yaml"
    served.write_text((clone / "causal.yaml").read_text())
    service = ChildProcess(datasource_command(served, port), directory / "service.log", name="the service")
    try:
        service.wait_ready(lambda: answers(f"http://127.0.0.1:{port}/readyz"), PATIENCE)
        yield one
    finally:
        service.stop()


def test_settings_that_are_wrong_fail_it_before_anything_is_done(pipeline: Pipeline) -> None:
    file = pipeline.clone / "causal.yaml"
    whole = file.read_text()
    file.write_text(whole.replace("requests -> queue", "requests -> nothing"))
    done = pipeline.run("check", "promise")
    file.write_text(whole)
    assert done.returncode == 2
    assert "nothing" in done.stderr
    assert "== promise" not in done.stdout


def test_a_broken_promise_fails_it_with_the_diff_that_would_mend_it(pipeline: Pipeline) -> None:
    file = pipeline.clone / "causal.yaml"
    pipeline.git("switch", "--quiet", "-c", "narrow")
    file.write_text(file.read_text().replace("day: 700\n", "day: 1\n  thresholds: {latency: 0.1}\n"))
    pipeline.git("commit", "--quiet", "-am", "intervals that are too narrow")
    done = pipeline.run("promise", "tune", "propose", BRANCH="mended", SINCE="-10m")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
    mended = pipeline.git("diff", "narrow", "origin/mended", "--", "causal.yaml")
    pipeline.git("switch", "--quiet", "main")
    assert "-  thresholds: {latency: 0.1}" in mended
    assert re.search(r"^\+.*latency: [1-9]", mended, re.MULTILINE), mended


def test_it_checks_experiments_adds_to_the_graph_and_opens_a_diff(pipeline: Pipeline, world: LiveWorld) -> None:
    done = pipeline.run(EXPERIMENT="throttle_user")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all fine" in done.stdout
    assert "at the end, whatever happens: " in done.stdout
    assert "throttle of user.latency" in done.stdout
    assert "added" in done.stdout
    assert "to checkout.latency while it lasted" in done.stdout
    assert "confirmed: user.latency -> checkout.latency" in done.stdout
    assert world.delay == 0.0
    changed = pipeline.git("diff", "main", "origin/causal-update", "--", "causal.yaml")
    assert "+    - queue -> latency" in changed
    (written,) = requests.get(f"{pipeline.environment['CAUSAL_URL']}/api/v1/interventions", timeout=10).json()
    assert (written["links"], written["rolled_back"]) == ({"experiment": "throttle_user"}, True)
