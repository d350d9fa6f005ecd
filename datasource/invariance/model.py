"""What is asked of environments, and what is answered."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from datasource.data import Environment, Floats, Variable
from datasource.graph import Edge
from datasource.numerics import Interval, Ints

Part = Literal["slopes", "level", "noise"]
"""What of a mechanism may be another one: how its causes move it, where it stands without them, how far it scatters."""


class Cause(NamedTuple):
    """A cause as all environments know it, so many steps before."""

    variable: Variable
    lag: int = 0

    def __str__(self) -> str:
        return f"{self.variable}" + (f" (lag {self.lag})" if self.lag else "")


def where(environment: Environment) -> str:
    """An environment as an adverb.

    >>> where(Environment((("cluster", "us"),))), where(Environment((), "since noon"))
    ('in cluster=us', 'since noon')
    """
    return f"in {environment}" if environment.labels else str(environment)


class Rows(NamedTuple):
    """The rows of an environment: `columns` (n, 1 + k) holds the outcome, there called `variable`, and its causes,
    tied to it by `edges`, empty where there is no graph; `positions` (n) are the rows' places on the grid of times."""

    environment: Environment
    variable: Variable
    columns: Floats
    positions: Ints
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True)
class Question:
    """Is the mechanism of `outcome`, given its causes, the same in all environments?

    Environments that are `parallel` are measured at the same times, elsewhere; others follow each other. With `levels`
    the level is part of the mechanism: not of parallel ones, since machines may be faster elsewhere, nor where the
    season is not known, which would be taken for a change. `window` is that of the signals, in steps.
    """

    outcome: Variable
    causes: tuple[Cause, ...]
    rows: tuple[Rows, ...]
    parallel: bool
    levels: bool = False
    window: int = 1

    @property
    def comparisons(self) -> int:
        """How many hypotheses are tested of it: each part of the mechanism and each cause, in each environment."""
        return len(self.rows) * (3 + len(self.causes)) if len(self.rows) > 1 else 0


class Shift(NamedTuple):
    """How far a part of a mechanism in one environment is from what it is in the others: above 1 it is another one,
    with all comparisons allowed for."""

    variable: Variable
    environment: Environment
    part: Part
    score: float
    p_value: float


class EdgeShift(NamedTuple):
    """The slope of one edge in one environment, and in the others whose mechanism is usual."""

    edge: Edge
    environment: Environment
    slope: Interval
    others: Interval
    score: float
    p_value: float

    @property
    def breaks(self) -> bool:
        """Whether the edge is not there in this environment, while it holds in the others: its slope is another one,
        and is not told from none, or of the other sign, or less than a quarter of the others'."""
        holds = self.others.lower > 0 or self.others.upper < 0
        little = self.slope.value * self.others.value < _LITTLE * self.others.value**2
        return self.score > 1 and holds and (little or self.slope.lower <= 0 <= self.slope.upper)


_LITTLE = 0.25
"""Share of the slope elsewhere, below which an edge is as good as not there."""


class Parent(NamedTuple):
    """A cause and the p-value of the hypothesis that some set without it explains the outcome alike everywhere."""

    cause: Cause
    p_value: float


@dataclass(frozen=True)
class Invariant:
    """Invariant causal prediction: `parents` are in every set of causes that holds in all environments at `level`.

    p_value: of the best set; below `level` no set holds: the mechanism itself is another one somewhere, or a cause is
    missing. sets: those that hold, the likeliest first. candidates: all causes, the surest first.
    """

    outcome: Variable
    parents: tuple[Cause, ...]
    candidates: tuple[Parent, ...]
    sets: tuple[tuple[Cause, ...], ...]
    p_value: float
    level: float
