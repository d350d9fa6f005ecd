"""What an intervention changed, as tables, as JSON, as a data frame and as pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.effects import EffectResult
from datasource.effects.document import checks_document
from datasource.effects.result import Comparison, Estimate
from datasource.library.effect_result import check_rows, estimate_rows, listing
from datasource.library.result import Estimated
from datasource.library.text import table, when

if TYPE_CHECKING:
    from datasource.library.pictures import Picture


@dataclass(frozen=True, repr=False)
class ImpactOf(Estimated):
    """What an intervention changed at one entity while it lasted, and what was left of it afterwards.

    `answer` has everything as it was computed, `comparison` the course by time; `step` is in seconds. Without
    `has_time` times are numbers of rows. `controls` are the entities that were named to compare with.
    """

    answer: EffectResult
    comparison: Comparison
    step: int
    has_time: bool
    controls: tuple[str, ...]

    @property
    def title(self) -> str:
        """What was asked."""
        return f"The impact on {self.answer.outcome}"

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The comparison's times, in seconds since 1970."""
        return self.comparison.times * self.step

    def lines(self) -> Iterator[str]:
        """As `causal-datasource impact` prints it."""
        found, answer = self.comparison, self.answer
        during = self._during()
        until = f" until {self._when(found.ended)}" if found.ended is not None else ""
        yield f"{answer.outcome}: changed from {self._when(found.began)}{until}"
        yield ""
        yield from estimate_rows("", self._parts())
        yield ""
        rows = [
            ("observed while it lasted", f"{np.nanmean(found.treated[during]):.4g}"),
            ("expected without it", f"{np.nanmean(found.counterfactual[during]):.4g}"),
            ("method", answer.method),
            ("compared with", ", ".join((*answer.adjustment_set, *self.controls)) or self._others()),
            ("n", f"{answer.n:,}"),
        ]
        yield from table(rows)
        yield from listing("This is the impact if", answer.assumptions)
        yield from check_rows(answer.checks)
        yield from listing("Notices", answer.notices)

    def to_frame(self) -> Any:
        """A row for each time: observed, expected, lower, upper; `during` says whether the intervention lasted."""
        import pandas as pd

        index = pd.to_datetime(self.times, unit="s", utc=True) if self.has_time else self.times
        found = self.comparison
        columns = {"observed": found.treated, "expected": found.counterfactual}
        bounds = {"lower": found.lower, "upper": found.upper, "during": self._during()}
        return pd.DataFrame(columns | bounds, index=pd.Index(index, name="time"))

    def _during(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        found = self.comparison
        begun: np.ndarray[Any, np.dtype[np.bool_]] = found.times >= found.began
        return begun if found.ended is None else begun & (found.times < found.ended)

    def _others(self) -> str:
        return "its own past" if np.isnan(self.comparison.control).all() else "all other entities"

    def _when(self, place: int) -> str:
        return when(place * self.step, self.has_time)

    def _parts(self) -> list[tuple[str, Estimate]]:
        found = self.comparison
        rows = [("on average", self.answer.effect), ("summed over its points", found.cumulative)]
        rows += [(group.level, group.effect) for group in self.answer.groups]
        if found.afterwards:
            rows.append(("on average, after its end", found.afterwards))
        return [*rows, ("on average, as the graph predicts", found.predicted)] if found.predicted else rows

    def _document(self) -> dict[str, Any]:
        found, answer = self.comparison, self.answer
        names = ("impact", "cumulative", "afterwards", "predicted")
        given: dict[str, Any] = {}
        for name, one in zip(names, (answer.effect, found.cumulative, found.afterwards, found.predicted), strict=True):
            given[name] = None if one is None else vars(one)
        return {
            "outcome": str(answer.outcome),
            "began": found.began * self.step,
            "ended": None if found.ended is None else found.ended * self.step,
            **given,
            "groups": [{"modifier": one.modifier, "level": one.level, **vars(one.effect)} for one in answer.groups],
            "method": answer.method,
            "adjustment_set": list(answer.adjustment_set),
            "controls": list(self.controls),
            "assumptions": list(answer.assumptions),
            "n": answer.n,
            **checks_document(answer.checks),
            "notices": list(answer.notices),
            "times": self.times,
            "observed": found.treated,
            "expected": found.counterfactual,
            "lower": found.lower,
            "upper": found.upper,
        }

    def plot(self) -> "Picture":
        """What was observed beside what would have been, with the 95% interval and the start."""
        from datasource.library.pictures import Band, band

        found = self.comparison
        shown = Band(found.treated, found.counterfactual, found.lower, found.upper)
        times = self.times.astype("datetime64[s]") if self.has_time else self.times
        began = times[np.searchsorted(found.times, found.began)]
        return band(self.title, str(self.answer.outcome), times, shown, "95% interval", began)

    def pictures(self) -> Sequence["Picture"]:
        """The course by time, and the numbers with their intervals."""
        from datasource.library.pictures import RIGHT, Bar, intervals

        parts = [one for one in self._parts() if one[0].startswith("on average")]
        shown = [Bar(name, one.value, one.lower, one.upper, RIGHT) for name, one in parts]
        return self.plot(), intervals(self.title, f"change of {self.answer.outcome}", shown)
