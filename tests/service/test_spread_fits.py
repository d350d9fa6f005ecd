"""`evaluation.workers`: a fit spread over several processes."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import pytest
from worlds import World

from datasource.service.jobs import Workers, fit_job, spread_over

Do = Callable[..., Any]


def whose(_: int) -> int:
    time.sleep(0.02)  # so that one process is not done with all of it before another one has begun
    return os.getpid()


def double(number: int) -> int:
    return 2 * number


def lost(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def wrong(number: int) -> int:
    raise ValueError(f"no {number}")


@pytest.fixture(scope="module")
def in_a_worker() -> Iterator[Do]:
    """Does a job in a worker process, the same for all tests: it outlives those that it spreads work over."""
    workers = Workers()
    yield lambda job, *args: workers.submit(job, *args).result(120)
    workers.stop()


def over(processes: int, work: Any, numbers: list[int]) -> list[int]:
    return list(spread_over(processes, work, numbers))


def test_work_is_spread_and_its_results_keep_their_order(in_a_worker: Do) -> None:
    assert in_a_worker(over, 3, double, list(range(100))) == list(range(0, 200, 2))
    assert len(set(in_a_worker(over, 3, whose, list(range(100))))) > 1
    assert len(set(in_a_worker(over, 1, whose, list(range(100))))) == 1


@pytest.mark.parametrize("numbers", [[], [1], [1, 2]])
def test_a_few_things_are_spread_too(in_a_worker: Do, numbers: list[int]) -> None:
    assert in_a_worker(over, 4, double, numbers) == [2 * number for number in numbers]


def test_a_process_that_is_lost_is_told_and_so_is_what_it_raises(in_a_worker: Do) -> None:
    with pytest.raises(BrokenProcessPool):
        in_a_worker(over, 2, lost, list(range(10)))
    with pytest.raises(ValueError, match="no"):
        in_a_worker(over, 2, wrong, list(range(10)))


def test_mechanisms_are_the_same_however_many_fit_them(in_a_worker: Do) -> None:
    world = World(steps=400)
    world.clock.tick()
    snapshot = world.clock.snapshot
    assert snapshot
    fitted = []
    for workers in (1, 3):
        evaluation = snapshot.settings.evaluation.model_copy(update={"workers": workers})
        settings = snapshot.settings.model_copy(update={"evaluation": evaluation})
        fitted.append(in_a_worker(fit_job, settings, snapshot.matrix, snapshot.graph))
    assert fitted[0].causal.keys() == fitted[1].causal.keys()
    for one, other in zip(*(found.causal.values() for found in fitted), strict=True):
        np.testing.assert_equal(vars(one), vars(other))
    assert fitted[0].supported == fitted[1].supported
    assert fitted[0].joint == fitted[1].joint


def test_a_process_that_has_used_jax_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", os)
    assert list(spread_over(2, whose, range(4))) == [os.getpid()] * 4
