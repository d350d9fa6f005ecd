"""Invariant causal prediction: what is named is a cause, and causes are found where environments differ."""

import numpy as np
import pytest
from mechanisms_apart import environment, question

from datasource.invariance import invariant_parents

TRUE = {"x1", "x2"}


def named(
    parallel: bool, nonlinear: bool = False, runs: int = 60, moved: float = 2.0, **own: float
) -> tuple[float, float]:
    """How often something is named that is no cause, and the share of the causes that is found."""
    wrong, found = 0, []
    for seed in range(runs):
        rows = (environment(2 * seed, **own), environment(2 * seed + 1, moved=moved, **own))
        asked = question(*rows, parallel=parallel, levels=not parallel)
        parents = {one.variable.signal for one in invariant_parents(asked, 0.05, nonlinear).parents}
        wrong += bool(parents - TRUE)
        found.append(len(parents & TRUE) / 2)
    return wrong / runs, float(np.mean(found))


@pytest.mark.parametrize("parallel", [True, False])
def test_what_is_named_is_a_cause_and_causes_are_found(parallel: bool) -> None:
    wrong, found = named(parallel)
    assert wrong <= 0.05
    assert found > 0.9


def test_curves_are_no_other_mechanism() -> None:
    wrong, found = named(True, nonlinear=True, runs=40, curve=0.5)
    assert wrong <= 0.075
    assert found > 0.6
    assert named(True, runs=20, curve=0.5)[1] < found


def test_nothing_is_named_where_environments_are_alike() -> None:
    rows = environment(0), environment(1)
    one = invariant_parents(question(*rows))
    assert one.parents == ()
    assert one.p_value > 0.05


def test_where_the_outcome_was_acted_on_no_set_holds() -> None:
    rows = environment(0), environment(1, moved=2.0, slope=2.0, noise=1.7)
    one = invariant_parents(question(*rows))
    assert (one.parents, one.sets) == ((), ())
