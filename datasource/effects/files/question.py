"""A question of effect about a CSV file."""

from dataclasses import dataclass

from datasource.data.csv.table import Readable
from datasource.settings.model import Graph


@dataclass(frozen=True)
class FileQuestion:
    """What is asked of a file, by its column names; None and () where the user says nothing.

    `adjust` is () where nothing is to be adjusted for, and None where that is not said. With
    `accept_loss` an answer from part of the rows is an answer.
    """

    data: Readable
    treatment: str
    outcome: str
    graph: str | Graph | None = None
    adjust: tuple[str, ...] | None = None
    instruments: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    time: str | None = None
    group: str | None = None
    post: str | None = None
    method: str | None = None
    lags: int | None = None
    accept_loss: bool = False
