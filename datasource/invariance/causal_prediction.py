"""Invariant causal prediction: which causes are in every set that explains an outcome alike in all environments.

Peters, Bühlmann and Meinshausen (2016), for series as Pfister, Bühlmann and Peters (2019): rows are whitened, and
slopes, level and noise are compared with what hangs together over time allowed for. Whatever the true causes are, they
hold wherever nobody acted on the outcome itself; so what all sets that hold have in common are true causes, with
probability 1 - level. Nothing in common is no proof of no cause: environments may be too much alike.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, combinations

from datasource.data import Floats, Variable
from datasource.invariance.groups import Groups, grouped
from datasource.invariance.model import Cause, Invariant, Parent, Question
from datasource.invariance.residuals import residuals_alike
from datasource.numerics.moment_sums import MomentError, coefficient_difference, correlations, noise_difference

MOST_CANDIDATES = 8
"""Causes whose sets are all tried, 256 of them; of more, those that go with the outcome the most."""


def invariant_parents(question: Question, level: float = 0.05, nonlinear: bool = False) -> Invariant:
    """The causes that hold in all environments of a question at `level`. `nonlinear` compares what curves leave, where
    straight lines through the same causes would differ. Raises MomentError."""
    groups = grouped(question)
    return parents_of(
        groups, question.outcome, question.causes, level, partial(_nonlinear, question) if nonlinear else None
    )


def parents_of(
    groups: Groups,
    outcome: Variable,
    causes: Sequence[Cause],
    level: float = 0.05,
    test: Callable[[Sequence[int]], float] | None = None,
) -> Invariant:
    """The same for environments that are sums: their columns are the outcome and its causes. `test` gives the p-value
    of the hypothesis that some columns explain the outcome alike; by straight lines without it."""
    columns = _screened(groups, len(causes))
    sets = list(chain.from_iterable(combinations(columns, size) for size in range(len(columns) + 1)))
    p_values = {one: test(one) if test else _linear(groups, one) for one in sets}
    held = sorted((one for one in sets if p_values[one] > level), key=lambda one: (-p_values[one], one))
    parents = set(columns).intersection(*held) if held else set()
    without = {
        column: max((p_values[one] for one in sets if column not in one), default=1.0) if held else 1.0
        for column in columns
    }
    order = sorted(columns, key=lambda column: (without[column], column))
    return Invariant(
        outcome,
        tuple(causes[column - 1] for column in order if column in parents),
        tuple(Parent(causes[column - 1], without[column]) for column in order),
        tuple(tuple(causes[column - 1] for column in one) for one in held),
        max(p_values.values()),
        level,
    )


def _linear(groups: Groups, columns: Sequence[int]) -> float:
    """p-value of the hypothesis that these causes explain the outcome alike, with all comparisons allowed for."""
    lowest, count = 1.0, 0
    for one, others in groups.splits:
        try:
            fits = groups.fit(one, columns), groups.fit(others, columns)
        except MomentError:
            return 0.0
        found = (coefficient_difference(*fits, 0.05), noise_difference(*fits, 0.05))
        lowest, count = min(lowest, *(each.p_value for each in found)), count + len(found)
    return min(1.0, lowest * count)


def _nonlinear(question: Question, columns: Sequence[int]) -> float:
    outcomes: list[Floats] = [one.columns[:, 0] for one in question.rows]
    causes = [one.columns[:, list(columns)] for one in question.rows]
    positions = [one.positions for one in question.rows]
    return residuals_alike(outcomes, causes, positions, own_levels=not question.levels, window=question.window)


def _screened(groups: Groups, count: int) -> list[int]:
    columns = list(range(1, 1 + count))
    if count <= MOST_CANDIDATES:
        return columns
    blocks = [block for group in groups.members for block in group.blocks]
    strength = abs(correlations(blocks)[0])
    return sorted(sorted(columns, key=lambda column: -strength[column])[:MOST_CANDIDATES])
