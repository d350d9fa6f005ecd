"""A first look at data: which columns move together, at which lag."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasource.data import Variable
from datasource.discovery.association import COEFFICIENTS, LONGEST_LAG, Association, Coefficient, associations
from datasource.effects.study import StudyError
from datasource.library.known_graph import open_known
from datasource.library.result import Result
from datasource.library.text import table

if TYPE_CHECKING:
    from datasource.library.data import Data
    from datasource.library.pictures import Picture

_SHOWN = 40
_MOST = 500


@dataclass(frozen=True, repr=False)
class Associated(Result):
    """Associations, the strongest first; `names` is what the variables are called."""

    found: tuple[Association, ...]
    names: Mapping[Variable, str]
    title = "Associations: what moves together, whatever causes it"

    def lines(self) -> Iterator[str]:
        """As `causal-datasource associations` prints it."""
        yield f"{len(self.found)} associations (unadjusted: none of them says what causes what)"
        if self.found:
            rows = [("variable", "later", "lag", "pearson", "spearman", "95% interval")]
            yield from table([*rows, *(self._row(one) for one in self.found[:_SHOWN])])
        if len(self.found) > _SHOWN:
            yield f"  and {len(self.found) - _SHOWN} more"

    def _row(self, one: Association) -> tuple[str, ...]:
        ends = self.names[one.one], self.names[one.other]
        return (
            *ends,
            str(one.lag),
            f"{one.pearson:+.2f}",
            f"{one.spearman:+.2f}",
            f"{one.lower:+.2f} to {one.upper:+.2f}",
        )

    def _document(self) -> dict[str, Any]:
        named = {"one": "variable", "other": "later"}
        return {
            "associations": [
                {
                    named.get(key, key): self.names[value] if isinstance(value, Variable) else value
                    for key, value in one._asdict().items()
                }
                for one in self.found
            ]
        }

    def to_frame(self) -> Any:
        """A row for each association."""
        import pandas as pd

        columns = ["variable", "later", *Association._fields[2:]]
        return pd.DataFrame(self._document()["associations"], columns=columns)

    def plot(self) -> "Picture":
        """The strongest ones as a graph without arrows."""
        from datasource.library.pictures import PLAIN, Arrow, network

        return network(
            self.title, [Arrow(self.names[e.one], self.names[e.other], PLAIN, False) for e in self.found[:_SHOWN]]
        )


def find_associations(
    data: "Data | Any", *, coefficient: str = "pearson", longest_lag: int = LONGEST_LAG, config: str | None = None
) -> Associated:
    """Which columns move together, at the lag at which they do so most.

    `coefficient` (pearson or spearman) chooses the lag, up to `longest_lag` steps. At most 5% of the pairs that are
    told are chance, for series with memory, too. Raises CsvError, SettingsError and StudyError.

    >>> import numpy as np, pandas as pd
    >>> load = np.random.default_rng(0).normal(size=300)
    >>> table = pd.DataFrame({"load": load, "cpu": np.roll(load, 2), "disk": np.random.default_rng(1).normal(size=300)})
    >>> [(one.one.signal, one.other.signal, one.lag) for one in find_associations(table).found]
    [('load', 'cpu', 2)]
    """
    by: Coefficient | None = next((one for one in COEFFICIENTS if one == coefficient), None)
    if by is None:
        raise StudyError(f"coefficient '{coefficient}' is unknown; use {' or '.join(COEFFICIENTS)}")
    known = open_known(data, config=config)
    most = known.matrix.values.shape[1] // 2
    if not 0 <= longest_lag <= most:
        raise StudyError(f"longest_lag is {longest_lag}; give steps from 0 to {most}")
    if len(known.matrix.variables) > _MOST:
        raise StudyError(f"{len(known.matrix.variables)} columns; {_MOST} at most can be compared, leave some out")
    return Associated(associations(known.matrix, coefficient=by, longest_lag=longest_lag), known.names)
