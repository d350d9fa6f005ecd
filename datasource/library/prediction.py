"""What if a variable were held at a value, as a table, as JSON, as a data frame and as a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasource.effects.what_if import Prediction
from datasource.library.result import Result
from datasource.library.text import table

if TYPE_CHECKING:
    from datasource.library.pictures import Picture


@dataclass(frozen=True, repr=False)
class WhatIf(Result):
    """One prediction for each outcome, with do(treatment = value), once everything has settled."""

    predictions: tuple[Prediction, ...]

    @property
    def title(self) -> str:
        """What was asked."""
        if not self.predictions:
            return "What if"
        return f"What if {self.predictions[0].treatment} were held at {self.predictions[0].value:.4g}"

    def lines(self) -> Iterator[str]:
        """A row for each outcome, and what is to be said of them."""
        yield self.title
        if not self.predictions:
            yield "  it reaches nothing that is measured"
            return
        rows = [("outcome", "now", "predicted", "95% interval", "change")]
        for one in self.predictions:
            interval = f"[{one.lower:.4g}, {one.upper:.4g}]"
            change = f"{one.change.value:+.4g}"
            rows.append((str(one.outcome), f"{one.now:.4g}", f"{one.predicted:.4g}", interval, change))
        yield from table(rows)
        yield from (f"  {notice}" for notice in dict.fromkeys(n for one in self.predictions for n in one.notices))

    def to_frame(self) -> Any:
        """A row for each outcome: now, predicted, lower, upper, change, change_lower, change_upper."""
        import pandas as pd

        return pd.DataFrame(self._document()["outcomes"]).drop(columns="notices", errors="ignore")

    def _document(self) -> dict[str, Any]:
        first = self.predictions[0] if self.predictions else None
        return {
            "treatment": str(first.treatment) if first else None,
            "value": first.value if first else None,
            "outcomes": [
                {
                    "outcome": str(one.outcome),
                    "now": one.now,
                    "predicted": one.predicted,
                    "lower": one.lower,
                    "upper": one.upper,
                    "change": one.change.value,
                    "change_lower": one.change.lower,
                    "change_upper": one.change.upper,
                    "notices": list(one.notices),
                }
                for one in self.predictions
            ],
        }

    def plot(self) -> "Picture":
        """The change of each outcome, relative to its level now, with its 95% interval."""
        from datasource.library.pictures import Bar, intervals

        shown = [
            Bar(str(one.outcome), each * change.value, each * change.lower, each * change.upper)
            for one in self.predictions
            if one.now
            for each, change in ((100 / abs(one.now), one.change),)
        ]
        return intervals(self.title, "change, % of the level now", shown)
