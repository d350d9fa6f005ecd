"""The mechanism-shift score: quiet where nothing changed, above 1 where something did, and on the part that did."""

import numpy as np
import pytest
from mechanisms_apart import environment, question

from datasource.invariance import shifts

RUNS = 150


def told(parallel: bool, memory: float, **other: float) -> dict[str, float]:
    """How often each part of the second environment is told to be another one at 5%."""
    counts: dict[str, list[bool]] = {}
    for seed in range(RUNS if not other else 30):
        rows = (environment(2 * seed, memory=memory), environment(2 * seed + 1, memory=memory, moved=1.5, **other))
        found = shifts(question(*rows, parallel=parallel, levels=not parallel, causes=2), 0.05)
        for one in found.mechanisms:
            if one.environment.period == "e1":
                counts.setdefault(one.part, []).append(one.score > 1)
                assert (one.score > 1) == (one.p_value < 0.05)
    return {part: float(np.mean(each)) for part, each in counts.items()}


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_the_same_mechanism_is_told_apart_no_more_often_than_asked(parallel: bool, memory: float) -> None:
    found = told(parallel, memory)
    assert set(found) == ({"slopes", "noise"} if parallel else {"slopes", "level", "noise"})
    assert max(found.values()) <= 0.09  # 5% and two standard errors of 150 runs


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize(("part", "change"), [("slopes", {"slope": 1.5}), ("noise", {"noise": 1.5})])
def test_another_slope_and_another_noise_are_told(parallel: bool, part: str, change: dict[str, float]) -> None:
    found = told(parallel, 0.9, **change)
    assert found.pop(part) > 0.9
    assert found.pop("slopes" if part == "noise" else "noise") <= 0.2


def test_another_level_is_told_of_environments_that_follow_each_other() -> None:
    assert told(False, 0.8, level=1.5)["level"] > 0.9


def test_one_odd_environment_does_not_make_the_others_look_odd() -> None:
    rows = [environment(seed, slope=2.0 if seed == 3 else 1.0) for seed in range(5)]
    found = shifts(question(*rows, causes=2), 0.01)
    assert {one.environment.period for one in found.mechanisms if one.score > 1} == {"e3"}
