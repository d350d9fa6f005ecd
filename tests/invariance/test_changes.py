"""Changes of mechanisms that nobody declared."""

import numpy as np
import pytest
from mechanisms_apart import environment, variable

from datasource.data import Environment
from datasource.invariance import Rows
from datasource.invariance.changes import change_points

N = 1000


def points(seed: int, memory: float = 0.9, levels: bool = True, **then: float) -> tuple[int, ...]:
    columns = np.vstack([environment(seed, N, memory)[:, :3], environment(1000 + seed, N, memory, **then)[:, :3]])
    return change_points(Rows(Environment(), variable("y"), columns, np.arange(2 * N)), 0.05, levels)


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_where_nothing_changed_nothing_is_found_but_by_chance(memory: float) -> None:
    assert np.mean([bool(points(seed, memory)) for seed in range(100)]) <= 0.09


@pytest.mark.parametrize("change", [{"slope": 1.5}, {"noise": 1.6}])
def test_a_change_is_found_near_its_time(change: dict[str, float]) -> None:
    found = [points(seed, **change) for seed in range(20)]
    assert np.mean([any(abs(place - N) <= N / 6 for place in one) for one in found]) > 0.8


def test_a_slow_wave_is_no_change_where_levels_do_not_count() -> None:
    rows = np.vstack([environment(seed, N)[:, :3] for seed in (1, 2)])
    rows[:, 0] += 2 * np.sin(np.arange(2 * N) / (2 * N) * 2 * np.pi)
    whole = Rows(Environment(), variable("y"), rows, np.arange(2 * N))
    assert change_points(whole, 0.05)
    assert not change_points(whole, 0.05, levels=False)
