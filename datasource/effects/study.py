"""A study: the rows that an estimator works on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
T = TypeVar("T")


class StudyError(Exception):
    """These data cannot answer the question by this method; the text says what to change."""


@dataclass(frozen=True)
class Block:
    """Named columns: `values` is (n, len(names)).

    `levels` names the values 0, 1, ... of a column that holds the codes of a text. Without names, `values` is (0, 0).
    """

    names: tuple[str, ...]
    values: Floats
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, rows: Mask | Ints) -> "Block":
        """Only these rows."""
        return replace(self, values=self.values[rows]) if self.names else NO_COLUMNS

    def column(self, name: str) -> Floats:
        column: Floats = self.values[:, self.names.index(name)]
        return column


NO_COLUMNS = Block((), np.empty((0, 0)))


@dataclass(frozen=True)
class Study:
    """Complete rows, sorted by unit and then by time.

    `outcome` is (n); `treatment` (n, 1 + lags) holds the treatment now, one step ago, ...; `adjustment` what is
    adjusted for. `times` (n) are places on a regular grid, None where rows are independent. `units` (n) number the
    entity of each row, by place in `unit_names`; None where there is one. `window` is the signals' window in steps:
    neighbours stay correlated at least that long. `step` is how many seconds lie from place to place, 0 where that is
    not known. With `feedback` the outcome moves the treatment later on.
    Comparisons of groups before and after take `group` and `post` (n, 1 or 0); where these are None, a unit with any
    treated row is in the group, and post begins at the first treated time.
    """

    outcome: Floats
    treatment: Floats
    adjustment: Block
    outcome_name: str = "outcome"
    treatment_name: str = "treatment"
    times: Ints | None = None
    units: Ints | None = None
    unit_names: tuple[str, ...] = ()
    instruments: Block = NO_COLUMNS
    mediators: Block = NO_COLUMNS
    modifiers: Block = NO_COLUMNS
    group: Ints | None = None
    post: Ints | None = None
    feedback: bool = False
    window: int = 1
    step: int = 0
    _made: dict[Callable[["Study"], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, compute: Callable[["Study"], T]) -> T:
        """What a function makes of this study, computed once however many checks need it."""
        if compute not in self._made:
            self._made[compute] = compute(self)
        found: T = self._made[compute]
        return found

    @property
    def n(self) -> int:
        return len(self.outcome)

    @property
    def lags(self) -> int:
        return int(self.treatment.shape[1]) - 1

    @property
    def unit_count(self) -> int:
        return len(np.unique(self.units)) if self.units is not None else 1

    @property
    def treated(self) -> Floats:
        """The treatment (n) of a study without lags. Raises StudyError for one with lags."""
        if self.lags:
            raise StudyError("this method knows no lags; collapse the study first")
        column: Floats = self.treatment[:, 0]
        return column

    def binary(self, method: str) -> Floats:
        """The treatment (n) as 0 and 1, the larger of its two values being 1. Raises StudyError for any other."""
        values = np.unique(self.treated)
        if len(values) != 2:
            raise StudyError(
                f"{method} needs a treatment with two values, and {self.treatment_name} has {len(values):,}; "
                "encode it as active or not, or use linear_regression"
            )
        codes: Floats = (self.treated == values[1]).astype(np.float64)
        return codes

    @property
    def adjusted(self) -> Floats:
        """What is adjusted for (n, k), without the units."""
        return self.adjustment.values if self.adjustment.names else np.empty((self.n, 0))

    @property
    def coefficients(self) -> int:
        """How many numbers a regression of the outcome fits: those of columns and units, and the intercept."""
        return self.unit_count + len(self.adjustment.names) + self.lags + 1

    @property
    def controls(self) -> Floats:
        """What is adjusted for (n, k), with an indicator of every unit but the first beside it."""
        parts = [self.adjustment.values] if self.adjustment.names else []
        if self.units is not None:
            parts.append((self.units[:, None] == np.unique(self.units)[1:]).astype(np.float64))
        return np.column_stack(parts) if parts else np.empty((self.n, 0))

    def take(self, rows: Mask | Ints) -> "Study":
        """Only these rows."""
        return replace(
            self,
            outcome=self.outcome[rows],
            treatment=self.treatment[rows],
            adjustment=self.adjustment.take(rows),
            times=None if self.times is None else self.times[rows],
            units=None if self.units is None else self.units[rows],
            group=None if self.group is None else self.group[rows],
            post=None if self.post is None else self.post[rows],
            instruments=self.instruments.take(rows),
            mediators=self.mediators.take(rows),
            modifiers=self.modifiers.take(rows),
        )

    def with_adjustment(self, name: str, column: Floats) -> "Study":
        """The same study with one more column (n) to adjust for."""
        columns = dict(zip(self.adjustment.names, self.adjustment.values.T, strict=True)) | {name: column}
        return replace(self, adjustment=block(columns, self.adjustment.levels))

    def collapsed(self) -> "Study":
        """The same question without lags, for estimators of one treatment.

        The outcome summed over the steps t ... t + lags on the treatment at t, which has the cumulative effect as its
        effect (Jordà 2005, local projections); the treatment at the other steps that reach into the sum and the
        adjustment set at each step of it are adjusted for. Rows without their neighbours are left out.
        """
        if not self.lags:
            return self
        assert self.times is not None, "lags need times"
        lags = self.lags
        units = np.zeros(self.n, dtype=np.int64) if self.units is None else self.units
        rows = np.arange(self.n - lags) if self.n > lags else np.empty(0, dtype=np.int64)
        rows = rows[(units[rows + lags] == units[rows]) & (self.times[rows + lags] - self.times[rows] == lags)]
        ahead = [rows + step for step in range(lags + 1)]
        columns = {
            f"{name}@+{step}" if step else name: column[later]
            for step, later in enumerate(ahead)
            for name, column in zip(self.adjustment.names, self.adjustment.values.T, strict=True)
        }
        columns |= {f"{self.treatment_name}@-{lag}": self.treatment[rows, lag] for lag in range(1, lags + 1)}
        columns |= {f"{self.treatment_name}@+{step}": self.treatment[ahead[step], 0] for step in range(1, lags + 1)}
        base = self.take(rows)
        return replace(
            base,
            outcome=np.sum([self.outcome[later] for later in ahead], axis=0),
            treatment=base.treatment[:, :1],
            adjustment=block(columns),
            window=self.window + lags,
        )


def block(columns: Mapping[str, Floats], levels: Mapping[str, tuple[str, ...]] | None = None) -> Block:
    """Named columns (n each) as a block."""
    if not columns:
        return NO_COLUMNS
    return Block(tuple(columns), np.column_stack(list(columns.values())).astype(np.float64), levels or {})


def lay_out(
    outcome: Floats,
    treatment: Floats,
    adjustment: Mapping[str, Floats],
    *,
    names: tuple[str, str] = ("treatment", "outcome"),
    times: Ints | None = None,
    units: Ints | None = None,
    unit_names: Sequence[str] = (),
    instruments: Mapping[str, Floats] | None = None,
    mediators: Mapping[str, Floats] | None = None,
    modifiers: Mapping[str, Floats] | None = None,
    levels: Mapping[str, tuple[str, ...]] | None = None,
    group: Ints | None = None,
    post: Ints | None = None,
    feedback: bool = False,
    window: int = 1,
    step: int = 0,
) -> Study:
    """A study of columns (n each; `treatment` also (n, 1 + lags)): sorted, and without rows that miss something."""
    n = len(outcome)
    blocks = [block(columns or {}, levels) for columns in (adjustment, instruments, mediators, modifiers)]
    joint = treatment.reshape(n, treatment.shape[1] if treatment.ndim > 1 else 1).astype(np.float64)
    whole = np.isfinite(outcome) & np.isfinite(joint).all(axis=1)
    for one in blocks:
        if one.names:
            whole &= np.isfinite(one.values).all(axis=1)
    keys = [key for key in (times, units) if key is not None]
    order = np.lexsort(keys) if keys else np.arange(n)
    rows = order[whole[order]]
    return Study(
        outcome=np.asarray(outcome, dtype=np.float64)[rows],
        treatment=joint[rows],
        adjustment=blocks[0].take(rows),
        outcome_name=names[1],
        treatment_name=names[0],
        times=None if times is None else times[rows],
        units=None if units is None else units[rows],
        unit_names=tuple(unit_names),
        instruments=blocks[1].take(rows),
        mediators=blocks[2].take(rows),
        modifiers=blocks[3].take(rows),
        group=None if group is None else group[rows],
        post=None if post is None else post[rows],
        feedback=feedback,
        window=window,
        step=step,
    )
