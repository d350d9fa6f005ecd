"""Three times as many services are three times the work: of an evaluation, and of a graph."""

from functools import cache

import pytest
from work import calls_of
from worlds import Inline

from benchmarks.scale import SETTINGS, STEP
from benchmarks.scaled_world import World, WorldReader
from datasource.graph import build_graph
from datasource.service import Evaluator
from datasource.settings import Loaded, parse_settings

POINTS, TIMES, ALLOWED = 240, 3, 1.15


Both = tuple[tuple[World, Evaluator], tuple[World, Evaluator]]


@cache
def fitted(services: int) -> tuple[World, Evaluator]:
    """A world of so many services, and what evaluated it once."""
    world = World(services, POINTS, 3)
    settings = parse_settings(SETTINGS.format(baseline=POINTS * STEP, workers=1))
    evaluator = Evaluator(Loaded(settings, ""), WorldReader(settings, world), Inline())  # type: ignore[arg-type]
    evaluator.asking.ask = lambda *_: None  # type: ignore[method-assign]
    evaluator.falsifying.begin = lambda *_: None  # type: ignore[method-assign]
    evaluator.evaluate(world.at(POINTS - 1))
    return world, evaluator


@pytest.fixture(scope="module")
def both() -> Both:
    return fitted(100), fitted(TIMES * 100)


def test_an_evaluation_is_linear_in_the_services(both: Both) -> None:
    few, many = (calls_of(evaluator.evaluate, world.at(POINTS))[1] for world, evaluator in both)
    assert many <= ALLOWED * TIMES * few


def test_a_graph_is_linear_in_the_services(both: Both) -> None:
    few, many = (
        calls_of(build_graph, one.settings, one._history.recent.variables, one._topology)[1] for _, one in both
    )
    assert many <= ALLOWED * TIMES * few
