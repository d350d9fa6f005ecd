"""Fixtures that several rooms' tests share."""

import os
import shutil
from collections.abc import Callable

import pytest
from worlds import World


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
