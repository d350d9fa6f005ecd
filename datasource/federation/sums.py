"""What travels between installations: sums over an environment, as JSON and back, and what cannot be such sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from datasource.numerics.moment_sums import MomentSums

PROTOCOL = 1
MOST_COLUMNS = 10
ORDER = 5
_FAR = 1e60
"""Beyond what any unit makes of a number."""
_LARGEST = 1e12
"""Of sums of four whitened standardised columns, by squared rows."""
_ROUNDING = 1e-6
"""How far sums may be from what sums of rows are."""


class SumsError(ValueError):
    """Sums that cannot be had, or cannot be; the text says why."""


class Column(NamedTuple):
    """A variable as all installations call it, so many steps before, as `web.latency@1`."""

    variable: str
    lag: int = 0

    def __str__(self) -> str:
        return self.variable + (f"@{self.lag}" if self.lag else "")


def column_of(text: str) -> Column:
    """A column by its name. Raises SumsError."""
    name, at, lag = text.rpartition("@")
    if not at:
        return Column(text)
    if not (name and lag.isdigit() and int(lag) <= 100):
        raise SumsError(f"'{text[:100]}' is no column; write it as web.latency, or web.latency@1 for one step before")
    return Column(name, int(lag))


@dataclass(frozen=True)
class Block:
    """The sums over one environment. `added` is the variance of the noise in each sum of products, 0 without."""

    environment: str
    sums: MomentSums
    added: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        named = {name: value for name, value in vars(self.sums).items()}
        return {"environment": self.environment, "added": self.added, **named}


@dataclass(frozen=True)
class Site:
    """What an installation says of some columns: a block for each of its environments, `points` at most in each."""

    name: str
    columns: tuple[str, ...]
    blocks: tuple[Block, ...]
    points: int
    notices: tuple[str, ...] = ()

    @property
    def sums(self) -> list[MomentSums]:
        return [block.sums for block in self.blocks]


def read_site(name: str, document: Any, columns: Sequence[str]) -> Site:
    """What an installation answered, if it can be what it says. Raises SumsError for sums that no rows have."""
    try:
        if document["protocol"] != PROTOCOL:
            raise SumsError(
                f"it speaks version {document['protocol']} of the sums, and not {PROTOCOL}; update one of them"
            )
        if tuple(document["columns"]) != tuple(columns):
            raise SumsError("it answers with other columns than it was asked for")
        points = int(document["points"])
        blocks = tuple(_block(one, len(columns), points) for one in document["environments"])
        notices = tuple(str(one) for one in document["notices"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SumsError):
            raise
        raise SumsError(f"it does not answer with sums ({type(error).__name__}: {error})") from None
    return Site(name, tuple(columns), blocks, points, notices)


def _block(document: Mapping[str, Any], width: int, points: int) -> Block:
    d, p = 1 + width, (1 + width) * (2 + width) // 2
    arrays = {
        "location": (width,),
        "scale": (width,),
        "products": (d, d),
        "cosines": (p, p),
        "lagged": (ORDER + 1, d, d),
    }
    read = {name: np.array(document[name], dtype=np.float64) for name in arrays}
    pairs = np.array(document["pairs"], dtype=np.int64)
    sums = MomentSums(count=int(document["count"]), terms=int(document["terms"]), pairs=pairs, **read)
    added = float(document["added"])
    wrong = {name for name, shape in arrays.items() if read[name].shape != shape or not np.isfinite(read[name]).all()}
    if wrong or pairs.shape != (ORDER + 1,) or not 0 <= added < np.inf:
        raise SumsError(f"its sums are not complete ({', '.join(sorted(wrong)) or 'pairs'})")
    _believe(sums, points, added)
    return Block(str(document["environment"]), sums, added)


def _believe(sums: MomentSums, points: int, added: float) -> None:
    """Raises SumsError for what cannot be the sums of so many rows, whatever is in them."""
    count = sums.count
    if not (0 < sums.terms < count <= points and (sums.pairs >= 0).all() and (sums.pairs <= points).all()):
        raise SumsError(f"its sums are of {count} rows, with {sums.terms} cosines, of {points} points: that cannot be")
    if not ((sums.scale > 1 / _FAR) & (sums.scale < _FAR) & (np.abs(sums.location) < _FAR)).all():
        raise SumsError("a column of it has no scale that a measurement has")
    if max(np.abs(one).max() for one in (sums.products, sums.lagged, sums.cosines)) > _LARGEST * count**2:
        raise SumsError("its sums are larger than those of standardised columns")
    slack = _ROUNDING * count + 8 * float(np.sqrt(added))
    for name, matrix, room in (
        ("products", sums.products, slack),
        ("products", sums.lagged[0], slack),
        ("cosines", sums.cosines, _ROUNDING * np.abs(sums.cosines).max()),
    ):
        if np.abs(matrix - matrix.T).max() > room or np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] < -room:
            raise SumsError(f"its {name} are those of no rows at all")
    # Over all rows, standardised columns have a mean of 0 and a variance of 1.
    if np.abs(np.diag(sums.lagged[0]) - sums.pairs[0]).max() > slack:
        raise SumsError("its columns are not as wide as it says")
    if np.abs(sums.lagged[0][0, 1:]).max(initial=0) > slack:
        raise SumsError("its columns are not where it says")
