"""One effect over several installations, from their sums: what all together say, what each says, and who is odd.

The regression and its errors are those on all rows of all installations together, each with its own level; errors are
by long-run covariances within each (`datasource.numerics.moment_sums`), since nobody knows what hangs together
between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Environment, Floats, Variable
from datasource.federation.sums import ORDER, Block, Site, SumsError, column_of
from datasource.invariance import Cause, Invariant
from datasource.invariance.causal_prediction import parents_of
from datasource.invariance.groups import Group, Groups
from datasource.numerics import Interval
from datasource.numerics.moment_sums import (
    SAME,
    Difference,
    Joined,
    MomentError,
    autoregression,
    coefficient_difference,
    combination_difference,
    noise_difference,
    regress,
)

Ask = Callable[[Sequence[str], Sequence[float]], Sequence[Site]]
"""Asks every installation for the sums over columns, whitened by an autoregression."""

_ODD = 0.001
"""Significance, over all installations, at which one says something else than the others."""
_MATTERS = 1.0
"""Of its errors, by how much the joined effect moves without an installation that is left out."""
_DIFFERENT = 0.05
"""Significance, over all installations, at which an effect is another one."""
_ALL_ADD = ("all add noise: rows are not whitened, and intervals are wider by that, too",)
_MOST_PARENTS = 8
"""Causes whose sets are all tried."""
_LITTLE = 0.25
"""Share of the effect elsewhere, below which there is as good as none."""


class Question(NamedTuple):
    """What one unit more of the treatment does to the outcome, over `lags` steps, adjusted for other columns."""

    treatment: str
    outcome: str
    adjust: tuple[str, ...] = ()
    lags: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Outcome, treatment at its lags, and what is adjusted for."""
        base = column_of(self.treatment)
        lagged = [str(base._replace(lag=base.lag + lag)) for lag in range(self.lags + 1)]
        return self.outcome, *lagged, *self.adjust

    @property
    def weights(self) -> Floats:
        """What makes the effect of the slopes."""
        return np.array([1.0] * (self.lags + 1) + [0.0] * len(self.adjust))


class Member(NamedTuple):
    """What one environment of an installation says, beside the others that are joined; without a name where it has no
    other.

    score, p_value: of its effect against theirs; above 1 it is another one. slopes, noise: the same of the whole
    mechanism. without: the joined effect without it (with it, where it is left out), and `influence` how many of its
    errors that is away. joined: whether it counts.
    """

    site: str
    environment: str
    rows: int
    effect: Interval
    others: Interval | None
    score: float
    p_value: float
    slopes: Difference
    noise: Difference
    without: float
    influence: float
    joined: bool

    @property
    def name(self) -> str:
        """The installation, and which of its environments."""
        return f"{self.site} ({self.environment})" if self.environment else self.site

    @property
    def breaks(self) -> bool:
        """Whether there is no effect here, while there is one elsewhere."""
        if self.others is None or self.score <= 1 or self.others.lower <= 0 <= self.others.upper:
            return False
        little = self.effect.value * self.others.value < _LITTLE * self.others.value**2
        return little or self.effect.lower <= 0 <= self.effect.upper


class LeftOut(NamedTuple):
    """An installation that does not count, and why."""

    site: str
    reason: str


@dataclass(frozen=True)
class Joint:
    """An effect over all installations that count.

    heterogeneity: p-value of the hypothesis that the effect is the same in all that answered. price: how much wider
    the interval is than without the noise that installations added, 1 without. parents: which causes hold everywhere.
    """

    question: Question
    effect: Interval
    association: Interval
    rows: int
    members: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]
    heterogeneity: float
    price: float
    parents: Invariant | None
    notices: tuple[str, ...] = ()


class _Part(NamedTuple):
    site: str
    block: Block
    weight: float = 1.0


def join_effect(ask: Ask, question: Question, keep_all: bool = False) -> Joint:
    """Ask for sums twice: as they are, then whitened by what they say together. Who says something quite different and
    moves the answer is left out, unless `keep_all`. Raises SumsError where nothing can be said."""
    columns = question.columns
    if len(set(columns)) < len(columns):
        raise SumsError("treatment, outcome and what is adjusted for must be different columns")
    slopes = list(range(1, len(columns)))
    plain = _parts(ask(columns, (0.0,) * ORDER))
    try:
        parts = _weighted(_parts(ask(columns, _whitening(plain, slopes))), question)
        odd = [] if keep_all else _odd(parts, question)
        if odd:
            usual = [part for part in plain if part.site not in {each.site for each in odd}]
            parts = _weighted(_parts(ask(columns, _whitening(usual, slopes))), question)
        return _joint(question, plain, parts, odd)
    except (MomentError, np.linalg.LinAlgError) as error:
        raise SumsError(f"the joined sums cannot answer: {error}") from None


def _parts(sites: Sequence[Site]) -> list[_Part]:
    parts = [_Part(site.name, block) for site in sites for block in site.blocks]
    if not parts:
        raise SumsError("no installation answers with sums over these columns")
    return parts


def _weighted(parts: Sequence[_Part], question: Question) -> list[_Part]:
    """The same; what adds noise counts for as many points without noise as it is worth."""
    found = []
    for part in parts:
        price = _fit([part], [part.site], question).price(question.weights, [part.block.added])
        found.append(part._replace(weight=1 / price**2))
    return found


def _whitening(parts: Sequence[_Part], slopes: Sequence[int]) -> list[float]:
    """The autoregression of what is left, by those that add no noise; none where all do, nor where it would explode."""
    clear = [part.block.sums for part in parts if not part.block.added]
    rho = autoregression(clear, 0, slopes) if clear else np.zeros(ORDER)
    companion = np.vstack([rho, np.eye(ORDER)[:-1]])
    stays = np.isfinite(rho).all() and np.abs(np.linalg.eigvals(companion)).max() < 1
    return [float(one) for one in (rho if stays else np.zeros(ORDER))]


def _odd(parts: Sequence[_Part], question: Question) -> list[LeftOut]:
    """Installations, fewer than half of them, whose effect is quite another one than that of all others together, and
    that move it; the oddest first."""
    left: list[LeftOut] = []
    sites = list(dict.fromkeys(part.site for part in parts))
    level = _ODD / max(len(sites), 1)
    while len(sites) > 2 and len(left) < (len(sites) + len(left) - 1) // 2:
        whole = _fit(parts, sites, question)
        scores = {}
        for site in sites:
            own = _fit(parts, [site], question, like=parts)
            rest = _fit(parts, [one for one in sites if one != site], question, like=parts)
            found = combination_difference(own, rest, question.weights, level)
            moved = abs(_value(whole, question) - _value(rest, question)) / max(_error(rest, question), 1e-300)
            scores[site] = (
                found.score if moved > _MATTERS else 0.0,
                _value(own, question),
                _value(rest, question),
                moved,
            )
        worst = max(sites, key=lambda site: scores[site][0])
        score, own_value, rest_value, moved = scores[worst]
        if score <= 1:
            return left
        reason = (
            f"its effect is {own_value:.4g}, that of all others {rest_value:.4g}: it lies, or its system is another "
            f"one (it alone would move the joined effect by {moved:.1f} of its errors)"
        )
        left.append(LeftOut(worst, reason))
        sites.remove(worst)
    return left


def _joint(question: Question, plain: Sequence[_Part], parts: Sequence[_Part], odd: Sequence[LeftOut]) -> Joint:
    gone = {one.site for one in odd}
    kept = [number for number, part in enumerate(parts) if part.site not in gone]
    blocks = [part.block.sums for part in parts]

    def fit(numbers: Sequence[int]) -> Joined:
        counted = [parts[number].weight for number in numbers]
        columns = list(range(1, len(question.columns)))
        return regress([blocks[number] for number in numbers], 0, columns, like=blocks, weights=counted)

    whole, weights, level = fit(kept), question.weights, _DIFFERENT / len(parts)
    members = []
    for number, part in enumerate(parts):
        others = [other for other in kept if other != number]
        own = fit([number])
        rest = fit(others) if others else None
        effect = combination_difference(own, rest, weights, level) if rest else SAME
        besides = fit([*kept, number]) if number not in kept else rest
        without = float(weights @ besides.slopes) if besides else float("nan")
        several = sum(other.site == part.site for other in parts) > 1
        members.append(
            Member(
                part.site,
                part.block.environment if several else "",
                part.block.sums.count,
                own.combined(weights),
                rest.combined(weights) if rest else None,
                effect.score,
                effect.p_value,
                coefficient_difference(own, rest, level) if rest else SAME,
                noise_difference(own, rest, level) if rest else SAME,
                without,
                abs(without - float(weights @ whole.slopes)) / max(_error(whole, question), 1e-300),
                number in kept,
            )
        )
    lowest = min((member.p_value for member in members), default=1.0)
    association = regress([part.block.sums for part in plain if part.site not in gone], 0, [1])
    return Joint(
        question,
        whole.combined(weights),
        association.interval(0),
        whole.rows,
        tuple(members),
        tuple(odd),
        min(1.0, lowest * (len(parts) if len(parts) > 2 else 1)),
        whole.price(weights, [parts[number].block.added for number in kept]),
        _invariant(question, parts),
        (*_notices(members), *(_ALL_ADD if all(part.block.added for part in parts) else ())),
    )


def _invariant(question: Question, parts: Sequence[_Part]) -> Invariant | None:
    """Which of the treatment and what is adjusted for hold in all environments; None where there is only one."""
    if len(parts) < 2 or len(question.columns) - 1 > _MOST_PARENTS:
        return None
    groups = Groups(
        tuple(Group(Environment((), part.site), (part.block.sums,)) for part in parts), levels=False, clustered=False
    )
    outcome, *causes = (_named(column) for column in question.columns)
    return parents_of(groups, outcome.variable, causes)


def _named(column: str) -> Cause:
    name, lag = column_of(column)
    return Cause(Variable(Entity("", ()), name), lag)


def _notices(members: Sequence[Member]) -> list[str]:
    if len(members) == 2 and members[0].score > 1:
        return ["two say different things, and of two nobody can tell who is odd: the joined effect is between them"]
    differ = [member.name for member in members if member.joined and member.score > 1]
    return (
        [f"the effect is another one in {', '.join(differ)}: the joined effect is a mean of different ones"]
        if differ
        else []
    )


def _fit(parts: Sequence[_Part], sites: Sequence[str], question: Question, like: Sequence[_Part] = ()) -> Joined:
    chosen = [part for part in parts if part.site in sites]
    columns = list(range(1, len(question.columns)))
    blocks, counted = [part.block.sums for part in chosen], [part.weight for part in chosen]
    return regress(blocks, 0, columns, like=[part.block.sums for part in like], weights=counted)


def _value(fit: Joined, question: Question) -> float:
    return float(question.weights @ fit.slopes)


def _error(fit: Joined, question: Question) -> float:
    return float(np.sqrt(max(fit.variance_of(question.weights), 0.0)))
