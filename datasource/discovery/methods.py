"""The methods of discovery by name: one file each, behind one function `fit(matrix, prior) -> Proposal`."""

from importlib import import_module
from typing import Protocol

from datasource.data import Matrix
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal

METHODS = {
    "hybrid": "hybrid",
}
"""Method -> its file in this room."""


class Method(Protocol):
    """What every method is. Raises ValueError for what the data do not allow."""

    def __call__(self, matrix: Matrix, prior: Prior) -> Proposal: ...


def find_method(name: str) -> Method:
    """The function of a method. Raises ValueError."""
    if name not in METHODS:
        raise ValueError(f"method '{name}' is unknown; known are: {', '.join(METHODS)}")
    fit: Method = import_module(f"datasource.discovery.{METHODS[name]}").fit
    return fit
