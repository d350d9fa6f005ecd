"""Fixtures that several rooms' tests share."""

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from worlds import World

settings.register_profile("on a busy machine", deadline=None)
settings.load_profile("on a busy machine")

_WAITING = (
    "test_end_to_end.py",
    "test_end_to_end_alerts.py",
    "test_lost_processes.py",
    "test_pipeline_runs.py",
    "test_two_services.py",
    "test_pushed_results.py",
    "test_store_faults.py",
    "test_machine_faults.py",
    "test_full_disks.py",
    "test_prometheus_faults.py",
    "test_postgresql_faults.py",
)
_TOGETHER = {
    "the ports of the demo": ("tests/test_end_to_end.py", "tests/demo/test_run.py"),
    "the fixture machines": ("tests/cli/test_examples.py", "tests/cli/test_first_scores.py", "tests/cli/test_init.py"),
    "the processes of the service": ("tests/web/test_lost_processes.py",),
    "the fixture read": ("tests/service/test_cluster.py", "tests/service/test_shards.py"),
    "the fixture world": (
        "tests/causes/test_root_causes.py",
        "tests/attribution/test_adding_up.py",
        "tests/effects/test_what_if.py",
        "tests/service/test_asked_effects.py",
        "tests/service/test_clock.py",
        "tests/service/test_graph_metrics.py",
        "tests/service/test_memory.py",
        "tests/service/test_process.py",
        "tests/service/test_publication.py",
        "tests/service/test_replicas.py",
        "tests/service/test_samples_once.py",
        "tests/mcp/",
        "tests/panels/test_intervention_panels.py",
        "tests/provisioning/test_dashboards.py",
        "tests/provisioning/test_expressions.py",
        "tests/web/",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What mostly waits begins first: `pytest -n` computes the others meanwhile."""
    items.sort(key=lambda item: item.path.name not in _WAITING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`pytest -n` runs a file in one process, and so files that want the same ports or the same costly fixture."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((what for what, files in _TOGETHER.items() if file.startswith(files)), file)

    return Together(config, log)


@pytest.fixture(scope="session")
def world() -> World:
    """The demo's shop after two days, with an incident going on. Read only."""
    one = World()
    one.tick()
    return one


@pytest.fixture(scope="session")
def server_binary() -> Callable[[str], str]:
    """The path of a program that a test needs; without it the test is skipped, in CI it fails."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing(f"{name} is not installed; 'make servers' installs it")
        return path

    return find
