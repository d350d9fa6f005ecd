"""What could be tried next: an experiment or a measurement, what it would tell, what it costs, and whom it touches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from datasource.data import Matrix, Variable
from datasource.effects.result import Estimate
from datasource.effects.structural import StructuralModel
from datasource.interventions.information import expected_information
from datasource.settings import Signal
from datasource.settings.experiments import Experiment

_LEAST = 0.01
"""Bits; what tells less is not proposed."""


class Open(NamedTuple):
    """What is not sure: an edge ("a -> b") or a suspected cause, how likely it is so, and how likely the experiment
    shows it where it is so. `edge` has its two ends."""

    about: str
    sure: float
    power: float
    edge: tuple[Variable, Variable] | None = None

    @property
    def information(self) -> float:
        """Bits that an experiment is expected to tell of it."""
        return expected_information(self.sure, self.power)


class Touched(NamedTuple):
    """Somebody who would feel it: the predicted change, and how many times the width of what is usual that is, above 1
    an anomaly; NaN where that is not known."""

    variable: Variable
    change: Estimate
    score: float

    def scaled(self, size: float) -> "Touched":
        """Of an experiment of another size: the equations are linear."""
        change = self.change
        return Touched(
            self.variable, Estimate(size * change.value, size * change.lower, size * change.upper), size * self.score
        )


@dataclass(frozen=True)
class Trial:
    """An experiment or a measurement that could be made.

    variable: what is moved by `change`, in its unit, for `seconds`; or what is measured, where it has a name.
    told: what it tells about, and `information`, the bits it is expected to tell in all.
    touched: its blast radius by what-if, whom it moves most first.
    cost: minutes, each counted once more for every width of what is usual by which somebody suffers.
    plan: the experiment of the settings with this target, empty where none has it.
    measure: what is to be measured, in words, of a measurement.
    """

    kind: Literal["experiment", "measurement"]
    variable: Variable | None
    change: float
    seconds: float
    told: tuple[Open, ...]
    information: float
    cost: float
    touched: tuple[Touched, ...] = ()
    plan: str = ""
    measure: str = ""

    @property
    def worth(self) -> float:
        """Bits a minute."""
        return self.information / self.cost


class TrialTold(NamedTuple):
    """A trial in words: of which question (and incident, by its id), what to do, what that tells and whom it touches;
    the bits that it is expected to tell, and its cost."""

    question: str
    incident: str
    what: str
    why: str
    blast_radius: str
    information: float
    cost: float


class Suspect(NamedTuple):
    """Who may be the cause of an incident, and how likely: `variable` is what shows it, `back` the way back from its
    level to what is usual, `part` how far the symptom would go back were it the cause. Without a variable nobody
    measures it."""

    name: str
    sure: float
    variable: Variable | None = None
    back: float = np.nan
    part: float = np.nan


class Known(NamedTuple):
    """What trials are weighed by: `usual` has the widths of what is usual, below and above, by variable; `plans` are
    the allowed experiments of the settings."""

    matrix: Matrix
    signals: Mapping[str, Signal]
    model: StructuralModel
    usual: Mapping[Variable, tuple[float, float]]
    plans: Mapping[str, Experiment]


def best(trials: Iterable[Trial]) -> list[Trial]:
    """Those that tell something, most bits a minute first."""
    telling = [one for one in trials if one.information >= _LEAST]
    return sorted(telling, key=lambda one: (-one.worth, str(one.variable), one.measure))
