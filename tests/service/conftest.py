"""Fixtures of several tests of the service."""

import pytest
from worlds import World

from datasource.service import Snapshot


@pytest.fixture(scope="session")
def read() -> Snapshot:
    """What a clock read of half a day of the shop, and its graph, without effects. Read only."""
    world = World(steps=400)
    world.clock.evaluator.asking.ask = lambda *_: None  # type: ignore[method-assign]
    world.clock.tick()
    assert world.clock.snapshot
    return world.clock.snapshot
