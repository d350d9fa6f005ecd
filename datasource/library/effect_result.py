"""The answer to a question of effect, as tables, as JSON, as a data frame and as pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.effects.document import effect_document
from datasource.effects.result import Check, EffectResult, Estimate, Group, Stratified
from datasource.library.result import Estimated
from datasource.library.text import table

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_MARKS = {True: "pass", False: "FAIL", None: "-"}
_SHOWN = 20


@dataclass(frozen=True, repr=False)
class Effect(Estimated):
    """What one column does to another; `answer` has everything as it was computed."""

    answer: EffectResult

    @property
    def title(self) -> str:
        """What was asked."""
        return f"The effect of {self.answer.treatment} on {self.answer.outcome}"

    def lines(self) -> Iterator[str]:
        """As `causal-datasource effect` prints it."""
        return show(self.answer)

    def to_frame(self) -> Any:
        """A row for the association, the effect, that at each lag and in each group: value, lower, upper, p_value."""
        import pandas as pd

        return pd.DataFrame([{"what": name, **vars(one)} for name, one in _parts(self.answer)])

    def _document(self) -> dict[str, Any]:
        return effect_document(self.answer)

    def plot(self) -> "Picture":
        """Association, effect and its parts with their 95% intervals."""
        from datasource.library.pictures import PLAIN, RIGHT, Bar, intervals

        shown: list[Bar] = [
            Bar(name, one.value, one.lower, one.upper, PLAIN if name == "association" else RIGHT)
            for name, one in _parts(self.answer)[:_SHOWN]
        ]
        unit = f"change of {self.answer.outcome} for one unit more of {self.answer.treatment}"
        return intervals(self.title, unit, shown)

    def pictures(self) -> Sequence["Picture"]:
        """The effect, and what was treated beside what it would have been, where a comparison was made."""
        from datasource.library.pictures import Band, band

        found = self.answer.comparison
        if found is None:
            return (self.plot(),)
        shown = Band(found.treated, found.counterfactual, found.lower, found.upper)
        title = f"{self.answer.outcome}: treated, and what it would have been"
        return self.plot(), band(title, str(self.answer.outcome), found.times, shown, "95% interval", found.began)


def _parts(answer: EffectResult) -> list[tuple[str, Estimate]]:
    found = [("association", answer.association), ("effect", answer.effect)]
    if len(answer.per_lag) > 1:
        found += [(f"effect after {lag} steps", one) for lag, one in enumerate(answer.per_lag)]
    return [*found, *((f"effect where {group.modifier} is {group.level}", group.effect) for group in answer.groups)]


def show(answer: EffectResult) -> Iterator[str]:
    """An answer for people."""
    yield f"{answer.treatment} -> {answer.outcome}: {answer.rows}"
    yield ""
    yield "Change of the outcome for one unit more of the treatment"
    cumulative = f"effect, lags 0 to {answer.lags} summed" if answer.lags else "effect"
    yield from estimate_rows("", [("association", answer.association), (cumulative, answer.effect)])
    yield ""
    yield from table(
        [
            ("method", answer.method),
            ("identified by", answer.identified_by),
            ("adjusted for", ", ".join(answer.adjustment_set) or "nothing"),
            ("n", f"{answer.n:,}"),
        ]
    )
    yield from listing("This is the effect if", answer.assumptions)
    yield from _per_lag(answer.per_lag)
    yield from _groups(answer.groups)
    yield from _simpson(answer.stratified)
    yield from check_rows(answer.checks)
    yield from listing("Notices", answer.notices)


def estimate_rows(heading: str, rows: Sequence[tuple[str, Estimate]]) -> Iterator[str]:
    cells = [(heading, "value", "95% interval", "p")]
    cells += [(name, _number(one.value), _interval(one), _p_value(one.p_value)) for name, one in rows]
    yield from table(cells)


def listing(heading: str, texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield ""
        yield heading
        yield from (f"  - {text}" for text in texts)


def _per_lag(per_lag: Sequence[Estimate]) -> Iterator[str]:
    if len(per_lag) > 1:
        yield ""
        yield "Effect by lag"
        yield from estimate_rows("steps later", [(str(lag), one) for lag, one in enumerate(per_lag)])


def _groups(groups: Sequence[Group]) -> Iterator[str]:
    for modifier in dict.fromkeys(group.modifier for group in groups):
        own = [group for group in groups if group.modifier == modifier]
        yield ""
        yield f"Effect by {modifier}"
        yield from estimate_rows(
            modifier, [(f"{group.level} (n = {group.n:,})", group.effect) for group in own[:_SHOWN]]
        )
        if len(own) > _SHOWN:
            yield f"  and {len(own) - _SHOWN} more"


def _simpson(found: Stratified | None) -> Iterator[str]:
    if found is None:
        return
    yield ""
    yield f"Association by {found.strata}"
    within = [(f"{group.level} (n = {group.n:,})", group.effect) for group in found.within]
    rows = [("in aggregate", found.aggregate), *within[:_SHOWN], ("within strata, averaged", found.average)]
    yield from estimate_rows("", rows)
    if len(within) > _SHOWN:
        yield f"  and {len(within) - _SHOWN} more"
    if found.reversed:
        yield f"  Simpson's paradox: within {found.strata} the association is the other way round than in aggregate"


def check_rows(checks: Sequence[Check]) -> Iterator[str]:
    if checks:
        yield ""
        yield "Checks"
        yield from table([(_MARKS[check.passed], check.name, check.text) for check in checks])


def _interval(estimate: Estimate) -> str:
    if not (np.isfinite(estimate.lower) or np.isfinite(estimate.upper)):
        return "-"
    return f"[{_number(estimate.lower)}, {_number(estimate.upper)}]"


def _p_value(value: float) -> str:
    return "-" if not np.isfinite(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"
