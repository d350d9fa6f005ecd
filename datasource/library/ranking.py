"""Who caused an incident, as a table, as JSON, as a data frame and as a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasource.causes.ranking.rank import Ranked
from datasource.library.result import Result
from datasource.library.text import table
from datasource.replay.rank_files import RankedFiles

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SHOWN = 10


@dataclass(frozen=True, repr=False)
class Ranking(Result):
    """Root causes, most likely first; `found` has everything as it was computed."""

    found: RankedFiles
    title = "Who caused the incident"

    @property
    def confidence(self) -> dict[str, float]:
        """By service, the likeliest first, the probability that it is the root cause; what is missing to 1 is that of
        nobody of them."""
        sure = self.found.ranking.confidence.items()
        return {str(entity): share for entity, share in sorted(sure, key=lambda one: (-one[1], str(one[0])))}

    def lines(self) -> Iterator[str]:
        """As `causal-datasource rank` prints it."""
        yield from self._table()
        if not self.found.ranking.blamed:
            yield "Nothing is far enough from normal to be blamed"
        if self.found.notices:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in self.found.notices)

    def _table(self) -> Iterator[str]:
        """The best variable of each service."""
        confidence = self.found.ranking.confidence
        changed = {str(entity): words for entity, words in self.found.ranking.changed.items()}
        last = ("changed",) if changed else ()
        rows = [("", "service", "clearest at", "score", "confidence", "adds by itself", *last)]
        adds = {one.variable.entity: one for one in self.found.ranking.variables if one.contribution is not None}
        first = self._first()
        for number, one in enumerate(first[:_SHOWN], 1):
            entity = one.variable.entity
            own = adds.get(entity)
            shown = f"{own.contribution:+.3g} {own.unit}" if own else ""
            told = (changed.get(str(entity), ""),) if changed else ()
            sure = f"{confidence[entity]:.0%}"
            rows.append((f"{number}.", str(entity), str(one.variable), f"{one.score:.2f}", sure, shown, *told))
        yield "Root causes, most likely first; above 1 is blamed"
        yield from table(rows)
        if len(first) > _SHOWN:
            yield f"  and {len(first) - _SHOWN} more"
        yield f"Nobody of them: {max(0.0, 1 - sum(confidence.values())):.0%}"

    def _first(self) -> list[Ranked]:
        """The best variable of each service, in order."""
        best: dict[str, Ranked] = {}
        for one in self.found.ranking.variables:
            best.setdefault(str(one.variable.entity), one)
        return list(best.values())

    def to_frame(self) -> Any:
        """A row for each variable, most likely first: variable, service, score, contribution, unit, confidence."""
        import pandas as pd

        confidence = self.confidence
        rows = [entry | {"confidence": confidence[str(entry["service"])]} for entry in self._document()["ranking"]]
        return pd.DataFrame(rows)

    def _document(self) -> dict[str, Any]:
        entries = [
            {
                "variable": str(one.variable),
                "service": str(one.variable.entity),
                "score": one.score,
                "contribution": one.contribution,
                "unit": one.unit,
            }
            for one in self.found.ranking.variables
        ]
        return {"ranking": entries, "confidence": self.confidence, "notices": list(self.found.notices)}

    def plot(self) -> "Picture":
        """How likely each of the first ten is to be the root cause."""
        from datasource.library.pictures import PLAIN, WRONG, Bar, bars

        sure = list(self.confidence.items())[:_SHOWN]
        shown = [Bar(name, share, color=WRONG if place == 0 else PLAIN) for place, (name, share) in enumerate(sure)]
        shown.append(Bar("nobody of them", max(0.0, 1 - sum(self.confidence.values())), color=PLAIN))
        return bars(self.title, "probability of being the root cause", shown)
