"""Fixtures that several rooms' tests share."""

import os
import shutil
from collections.abc import Callable

import pytest
from worlds import World

_WAITING = ("test_end_to_end.py", "test_end_to_end_alerts.py")
_COSTLY = ("world", "machines")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What `pytest -n` runs in one process: those that ask for the same costly fixture, those that want the same ports
    (marked as one group), else a file. Those that mostly wait begin first; meanwhile others compute."""
    items.sort(key=lambda item: item.path.name not in _WAITING)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            asked = getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group(next((name for name in _COSTLY if name in asked), str(item.path))))


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
