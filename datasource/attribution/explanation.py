"""The whole answer: how far the query moved, which label values carry it, and what each label says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.attribution.cells import Cells, Dimensions, added, find_dimensions
from datasource.attribution.decomposition import Effects, by_single_labels, of_ratio, of_sum
from datasource.attribution.question import Question, Term
from datasource.attribution.search import Mask, Trial, find_groupings, find_stories
from datasource.attribution.syntax import QueryError
from datasource.attribution.usual import Law, fit_law, variances
from datasource.numerics import Floats

DEPTH = 3
_CLEAR = 3.0
"""Usual standard deviations above which there is a change at all."""


class Part(NamedTuple):
    """What some label values add to the change, in the query's unit: `rate` by their own level, `mix` by their share.

    `before` and `after` are their own values of the query; `weight_before` and `weight_after` their shares of what
    stands below the line, nan of a sum.
    """

    labels: tuple[tuple[str, str], ...]
    rate: float
    mix: float
    before: float
    after: float
    weight_before: float
    weight_after: float

    @property
    def effect(self) -> float:
        return self.rate + self.mix


@dataclass(frozen=True)
class Explanation:
    """Which label values carry the change of a query between two times; `over` seconds up to each are averaged.

    The effects of `parts` and `rest` add up to `after` - `before`, and so do those of every entry of `by_label`.
    `usual` is the standard deviation of such a change when nothing happens, nan without a history. `counted` divides
    the same change among labels that only the numerator has. `replaced` are labels most of whose values went while
    others came, `same` those that go with another. `rest_moved` says whether the rest, too, changed more than usual.
    """

    question: Question
    start: int
    end: int
    over: int
    before: float
    after: float
    usual: float
    parts: tuple[Part, ...]
    rest: Part
    rest_moved: bool
    by_label: Mapping[str, tuple[Part, ...]]
    counted: Mapping[str, tuple[Part, ...]]
    same: Mapping[str, tuple[str, ...]]
    replaced: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    series: int
    notices: tuple[str, ...]

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether the change is larger than usual ones."""
        return not abs(self.change) <= _CLEAR * self.usual


class Measured(NamedTuple):
    """What was read for a question, over windows that end at `start` and `end` and over earlier ones.

    `counted` are by label, that only the numerator has, its values and their numerators (values x windows); `series`
    how many series there were.
    """

    cells: Cells
    counted: Mapping[str, tuple[tuple[str, ...], Floats]]
    start: int
    end: int
    over: int
    series: int
    notices: tuple[str, ...] = ()


def explain_change(question: Question, measured: Measured, depth: int = DEPTH) -> Explanation:
    """Divide the change of a question's query among label values. Raises QueryError where there is no change to divide,
    because nothing was measured at one of the times."""
    found = find_dimensions(measured.cells, question.by)
    return _Account(question, measured, found, depth).explanation()


class _Account:
    def __init__(self, question: Question, measured: Measured, found: Dimensions, depth: int) -> None:
        self.question, self.measured, self.found, self.depth = question, measured, found, depth
        self.cells = found.cells
        self.above = self.cells.above
        self.below = self.cells.below
        if self.below is not None:
            whole = self.below.sum(axis=0)[-2:]
            if not (whole > 0).all():
                when = ("before", "after")[int(np.argmin(whole))]
                raise QueryError(
                    f"what stands below the line is {whole.min():.3g} {when} the change, and there is no ratio; choose "
                    "times at which there is some"
                )
        self.factor = question.factor
        self.before, self.after = self._whole(self.above[:, -2:], None if self.below is None else self.below[:, -2:])

    def explanation(self) -> Explanation:
        effects, usual = self._effects()
        change = (self.after - self.before) / self.factor
        sd = self._usual()
        scale = max(abs(change), _CLEAR * np.nan_to_num(sd) / abs(self.factor))
        parts, rate_left, mix_left = self._parts(effects, usual, scale)
        rest_cells = rate_left & mix_left
        rest = self._part((), rest_cells, effects, rate_left, mix_left)
        moved = self._moved(rest, sd)
        question = self.question
        labels = {label for part in parts for label, _ in part.labels}
        order = sorted(self.cells.labels, key=lambda label: (label not in labels, self.cells.labels.index(label)))
        notices = [*question.notices, *self.measured.notices, *self._left_out()]
        return Explanation(
            question,
            self.measured.start,
            self.measured.end,
            self.measured.over,
            self.before,
            self.after,
            sd,
            parts,
            rest,
            moved,
            {label: self._by_label(label) for label in order},
            {label: self._counted(*counted, label) for label, counted in self.measured.counted.items()},
            self.found.same,
            {label: self._replaced(label) for label in self.found.replaced},
            self.measured.series,
            tuple(dict.fromkeys(notices)),
        )

    def _whole(self, above: Floats, below: Floats | None) -> Floats:
        """The query's value by window."""
        total = above.sum(axis=0)
        if below is not None:
            whole = below.sum(axis=0)
            total = np.divide(total, whole, out=np.full_like(total, np.nan), where=whole > 0)
        value: Floats = self.question.constant + self.factor * total
        return value

    def _effects(self) -> tuple[Effects, Floats]:
        """What each cell adds, before `factor`, and the ratio that was to be expected of each after the change."""
        if self.below is None:
            return of_sum(*self.above[:, -2:].T), self.above[:, -2]
        above, below = self.above[:, -2:], self.below[:, -2:]
        expected = by_single_labels(self.cells.codes, above[:, 0], below[:, 0])
        return of_ratio(above, below, expected), self._shrunk(expected)

    def _shrunk(self, expected: Floats) -> Floats:
        """The ratios before, those of few events nearer to what is `expected` (empirical Bayes, by moments)."""
        assert self.below is not None
        above, below = self.above[:, -2], self.below[:, -2]
        there = (below > 0) & (expected > 0)
        level = expected * below
        noise = np.maximum(self._law(self.above, self._floor(self.above)[:, -2]).variance(level), self._floor(level))
        off = np.where(there, (above - level) ** 2 - noise, 0.0)
        between = max(0.0, float(off.sum() / (level[there] ** 2).sum())) if there.any() else 0.0
        trust = np.divide(between * level**2, between * level**2 + noise, out=np.zeros_like(level), where=noise > 0)
        own = np.divide(above, below, out=expected.copy(), where=below > 0)
        shrunk: Floats = expected + trust * (own - expected)
        return shrunk

    def _unit(self, terms: Sequence[Term]) -> float:
        """The variance that one event gives a level of 1, nan where no events are counted."""
        units = [abs(term.factor) * term.events / self.measured.over for term in terms]
        return max(units) if units and np.isfinite(units).all() else float("nan")

    def _event(self, level: Floats, ratio: float) -> Floats:
        """The variance that a level has because it is made of single events."""
        unit = self._unit(self.question.terms)
        if not np.isfinite(unit):
            unit = self._unit(self.question.below) * abs(ratio)
        floor: Floats = np.nan_to_num(np.abs(level) * unit)
        return floor

    def _floor(self, levels: Floats) -> Floats:
        ratio = 1.0
        if self.below is not None:
            ratio = float(self.above[:, -2:].sum() / self.below[:, -2:].sum())
        return self._event(levels, ratio)

    def _law(self, levels: Floats, floor: Floats) -> Law:
        """How cells and single label values go up and down, from the windows before."""
        history = levels[:, :-2]
        windows = history.shape[1]
        groups = [history]
        for column, values in enumerate(self.cells.values):
            groups.append(added(history, self.cells.codes[:, column], len(values)))
        beside = [_beside(one, history.sum(axis=0)) for one in groups]
        means = np.concatenate([one.mean(axis=1) for one in groups]) if windows else np.zeros(0)
        spread = np.concatenate([(one**2).sum(axis=1) / max(windows - 1, 1) for one in beside])
        there = (floor > 0) & (levels[:, -2] != 0)
        unit = float(np.max(floor[there] / np.abs(levels[there, -2]), initial=-np.inf))
        return fit_law(means, spread if windows else np.zeros(0), windows, unit)

    @property
    def _apart(self) -> float:
        """How many windows the two times are apart."""
        return (self.measured.end - self.measured.start) / self.measured.over

    def _usual(self) -> float:
        """The standard deviation of the difference between two windows."""
        windows = self._whole(self.above[:, :-1], None if self.below is None else self.below[:, :-1])
        known = windows[np.isfinite(windows)]
        if len(known) < 4 or not np.isfinite(self.above[:, :-2]).any():
            return float("nan")
        return float(np.sqrt(2 * variances(known[None, :], self._apart)[0]))

    def _parts(self, effects: Effects, usual: Floats, scale: float) -> tuple[tuple[Part, ...], Mask, Mask]:
        """The stories, and the cells that are in none of rates and in none of mix."""
        groupings = find_groupings(self.cells.codes, self.depth)
        change = np.sign(self.after - self.before) * np.sign(self.factor) * scale
        rates = list(find_stories(self.cells.codes, groupings, self._rate_trial(effects, usual), change))
        mixes = []
        if self.below is not None:
            mixes = list(find_stories(self.cells.codes, groupings, self._mix_trial(effects), change))
        everywhere = np.ones(len(self.cells.codes), dtype=bool)
        none = ~everywhere
        found: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[Mask, Mask]] = {}
        rate_left, mix_left = everywhere.copy(), everywhere.copy()
        for story in rates:
            found[story.columns, story.codes] = story.cells, none
            rate_left &= ~story.cells
        for story in mixes:
            found[story.columns, story.codes] = found.get((story.columns, story.codes), (none, none))[0], story.cells
            mix_left &= ~story.cells
        parts = []
        for (columns, codes), (by_rate, by_mix) in found.items():
            labels = tuple((self.cells.labels[c], self.cells.values[c][v]) for c, v in zip(columns, codes, strict=True))
            parts.append(self._part(labels, by_rate | by_mix, effects, by_rate, by_mix))
        parts.sort(key=lambda part: -abs(part.effect))
        return tuple(parts), rate_left, mix_left

    def _rate_trial(self, effects: Effects, usual: Floats) -> Trial:
        history, floor = self.above[:, :-2], self._floor(self.above)
        law = self._law(self.above, floor[:, -2])
        after = self.above[:, -1]
        if self.below is None:
            before, beside = self.above[:, -2], _beside(history, history.sum(axis=0))
        else:
            before = self.below[:, -1] * usual
            beside = _beside_expected(history, self.below[:, :-2])
        level = history.mean(axis=1) if history.shape[1] else np.zeros(len(after))
        least = floor[:, -1] + self._floor(before)
        return Trial(before, after, effects.rate, beside, level, least, law, self._apart)

    def _mix_trial(self, effects: Effects) -> Trial:
        assert self.below is not None
        history = self.below[:, :-2]
        unit = self._unit(self.question.below)
        floor = np.nan_to_num(unit * self.below[:, -2:])
        law = self._law(self.below, floor[:, 0])
        level = history.mean(axis=1) if history.shape[1] else np.zeros(len(self.below))
        return Trial(
            self.below[:, -2],
            self.below[:, -1],
            effects.mix,
            _beside(history, history.sum(axis=0)),
            level,
            floor.sum(axis=1),
            law,
            self._apart,
            by_effect=True,
        )

    def _part(
        self, labels: tuple[tuple[str, str], ...], cells: Mask, effects: Effects, by_rate: Mask, by_mix: Mask
    ) -> Part:
        whole = [None if one is None else one[cells].sum(axis=0) for one in (self.above, self.below)]
        rate, mix = self.factor * effects.rate[by_rate].sum(), self.factor * effects.mix[by_mix].sum()
        return Part(labels, float(rate), float(mix), *self._own(*whole))

    def _own(self, above: Floats | None, below: Floats | None) -> tuple[float, float, float, float]:
        """The query's value of some cells, and their share of what is below the line, before and after."""
        assert above is not None
        if below is None or self.below is None:
            before, after = self.factor * above[-2:]  # a constant is no label value's
            return float(before), float(after), float("nan"), float("nan")
        there = below[-2:] > 0
        ratio = np.divide(above[-2:], below[-2:], out=np.full(2, np.nan), where=there)
        before, after = self.question.constant + self.factor * ratio
        first, last = below[-2:] / self.below[:, -2:].sum(axis=0)
        return float(before), float(after), float(first), float(last)

    def _moved(self, rest: Part, sd: float) -> bool:
        """Whether what is in no story changed more than usual."""
        left = abs(rest.effect)
        return bool(left > 0.1 * abs(self.after - self.before) and not left <= _CLEAR * sd)

    def _by_label(self, label: str) -> tuple[Part, ...]:
        """What each value of a label adds, the largest first."""
        column = self.cells.labels.index(label)
        one = self.cells.kept([column])
        effects = of_sum(*one.above[:, -2:].T)
        if one.below is not None:
            effects = of_ratio(one.above[:, -2:], one.below[:, -2:])
        parts = []
        for row, (code,) in enumerate(one.codes):
            own = self._own(one.above[row], None if one.below is None else one.below[row])
            rate, mix = self.factor * effects.rate[row], self.factor * effects.mix[row]
            parts.append(Part(((label, one.values[0][code]),), float(rate), float(mix), *own))
        return tuple(sorted(parts, key=lambda part: -abs(part.effect)))

    def _counted(self, values: Sequence[str], above: Floats, label: str) -> tuple[Part, ...]:
        """What each value that only the numerator has adds."""
        assert self.below is not None
        own = self.factor * above[:, -2:] / self.below[:, -2:].sum(axis=0)
        parts = [
            Part(((label, value),), float(y - x), 0.0, float(x), float(y), float("nan"), float("nan"))
            for value, (x, y) in zip(values, own, strict=True)
        ]
        return tuple(sorted(parts, key=lambda part: -abs(part.effect)))

    def _replaced(self, label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The values that went and those that came."""
        cells = self.measured.cells
        column = cells.labels.index(label)
        there = added(cells.there.astype(float), cells.codes[:, column], len(cells.values[column])) > 0
        went, came = (there[:, 0] & ~there[:, 1]), (there[:, 1] & ~there[:, 0])
        names = np.array(cells.values[column], dtype=object)
        return tuple(names[went]), tuple(names[came])

    def _left_out(self) -> Iterator[str]:
        if self.found.left_out:
            yield f"{', '.join(self.found.left_out)}: left out, beside twelve labels with fewer values"


def _beside(history: Floats, whole: Floats) -> Floats:
    """How levels go up and down beside the whole, window by window."""
    if not history.size:
        return history
    mean = float(whole.mean())
    together = whole / mean if mean > 0 else np.ones_like(whole)
    beside: Floats = history - history.mean(axis=1, keepdims=True) * together
    return beside


def _beside_expected(above: Floats, below: Floats) -> Floats:
    """How numerators go up and down beside what their denominators and the whole's ratio make of them."""
    if not above.size:
        return above
    sums = below.sum(axis=1)
    ratio = np.divide(above.sum(axis=1), sums, out=np.zeros(len(sums)), where=sums > 0)
    expected = below * ratio[:, None]
    whole = expected.sum(axis=0)
    together = np.divide(above.sum(axis=0), whole, out=np.ones_like(whole), where=whole > 0)
    beside: Floats = above - expected * together
    return beside
