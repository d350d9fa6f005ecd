"""The methods of discovery by name: one file each, behind one function `fit(matrix, prior) -> Proposal`."""

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from datasource.data import Matrix
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.settings.discovery import DISCOVERY_METHODS, known_method


class Method(Protocol):
    """What every method is. Raises ValueError for what the data do not allow."""

    def __call__(self, matrix: Matrix, prior: Prior) -> Proposal: ...


METHODS: tuple[str, ...] = tuple(DISCOVERY_METHODS)
"""Every method's name, the default first."""


def absent_methods() -> dict[str, str]:
    """The methods that cannot be used here, and what each needs to be installed."""
    return {name: one.install for name, one in DISCOVERY_METHODS.items() if one.package and not find_spec(one.package)}


def find_method(name: str) -> Method:
    """The function of a method. Raises ValueError."""
    place = DISCOVERY_METHODS[known_method(name)]
    if name in absent_methods():
        raise ValueError(f"method '{name}' needs {place.package}: pip install {place.install}; or take another method")
    method: Method = getattr(import_module(f"datasource.discovery.{place.file}"), place.function)
    return method
