"""What the tests of the demo share."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from datasource.demo.series import SERIES
from datasource.demo.shop import Shop

Read = Callable[..., NDArray[np.float64]]


@pytest.fixture(scope="session")
def prometheus(server_binary: Callable[[str], str]) -> str:
    return server_binary("prometheus")


@pytest.fixture(scope="session")
def promtool(server_binary: Callable[[str], str]) -> str:
    return server_binary("promtool")


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
