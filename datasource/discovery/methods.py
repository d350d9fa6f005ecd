"""The methods of discovery by name: one file each, behind one function `fit(matrix, prior) -> Proposal`."""

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from datasource.data import Matrix
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal


class Method(Protocol):
    """What every method is. Raises ValueError for what the data do not allow."""

    def __call__(self, matrix: Matrix, prior: Prior) -> Proposal: ...


class _Place(NamedTuple):
    """Where a method is: its file in this room and its function; `package` is what it needs beside ours."""

    file: str
    function: str = "fit"
    package: str = ""


_ALL: dict[str, _Place] = {
    "hybrid": _Place("hybrid"),
    "pc": _Place("pc"),
    "lagged_pc": _Place("lagged_pc"),
    "order_search": _Place("order_search"),
    "lingam": _Place("lingam"),
    "notears": _Place("notears"),
    "dynotears": _Place("notears", "fit_with_lags"),
    "tigramite": _Place("tigramite", package="tigramite"),
}

METHODS: tuple[str, ...] = tuple(_ALL)
"""Every method's name, the default first."""


def absent_methods() -> dict[str, str]:
    """The methods that cannot be used here, and the package that each needs."""
    return {name: one.package for name, one in _ALL.items() if one.package and not find_spec(one.package)}


def find_method(name: str) -> Method:
    """The function of a method. Raises ValueError."""
    if name not in _ALL:
        raise ValueError(f"method '{name}' is unknown; known are: {', '.join(METHODS)}")
    place = _ALL[name]
    if name in absent_methods():
        raise ValueError(f"method '{name}' needs {place.package}: pip install {place.package}; or leave --method out")
    method: Method = getattr(import_module(f"datasource.discovery.{place.file}"), place.function)
    return method
