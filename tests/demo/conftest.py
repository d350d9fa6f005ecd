"""What the tests of the demo share."""

import os
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from datasource.demo.series import SERIES
from datasource.demo.shop import Shop

Read = Callable[..., NDArray[np.float64]]


@pytest.fixture(scope="session")
def prometheus() -> str:
    """The path of a prometheus binary; without one the test is skipped, or fails where everything is expected."""
    return binary("prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    return binary("promtool")


def binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {name} on PATH")
    return found


@pytest.fixture(scope="session")
def history() -> Read:
    """Reads one series of the two days: `history(metric, service="web")`, in the order of time."""
    values = np.array([step.values for step in Shop().history()])

    def read(metric: str, **labels: str) -> NDArray[np.float64]:
        places = [
            place
            for place, series in enumerate(SERIES)
            if series.name == metric and labels.items() <= dict(series.labels).items()
        ]
        assert len(places) == 1, f"{metric}{labels} are {len(places)} series"
        return values[:, places[0]]

    return read
