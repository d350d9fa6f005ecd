"""Events in the matrix: count, active, time since."""

import numpy as np
import pytest

from datasource.data import Entity, Matrix, Variable
from datasource.data.events import encode_events
from datasource.settings import Signal

WEB = Entity("service", (("service", "web"),))
NAN = float("nan")
COUNTS = [0, 0, 2, 0, NAN, 0, 1, 0]


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        ("count", COUNTS),
        ("active", [0, 0, 1, 0, NAN, 0, 1, 0]),
        ("since", [NAN, NAN, 0, 30, NAN, 90, 0, 30]),
    ],
)
def test_an_event_is_encoded_as_the_settings_say(encode: str, expected: list[float]) -> None:
    signals = {
        "restarts": Signal(entity="service", query="q", window=30, kind="event", encode=encode),
        "cpu": Signal(entity="service", query="q", window=30),
    }
    variables = (Variable(WEB, "restarts"), Variable(WEB, "cpu"))
    matrix = Matrix(variables, 0, 30, np.array([COUNTS, COUNTS], dtype=float))
    encoded = encode_events(matrix, signals)
    assert np.array_equal(encoded.row(variables[0]), expected, equal_nan=True)
    assert np.array_equal(encoded.row(variables[1]), COUNTS, equal_nan=True)
    assert (encoded is matrix) == (encode == "count")


def test_no_line_in_a_log_is_no_event() -> None:
    signals = {"panics": Signal(entity="service", query="q", window=30, kind="event", source="loki")}
    matrix = Matrix((Variable(WEB, "panics"),), 0, 30, np.array([COUNTS]))
    assert list(encode_events(matrix, signals).values[0]) == [0, 0, 2, 0, 0, 0, 1, 0]


def test_an_event_that_never_happened_has_no_time_since() -> None:
    signals = {"restarts": Signal(entity="service", query="q", window=30, kind="event", encode="since")}
    matrix = Matrix((Variable(WEB, "restarts"),), 0, 30, np.zeros((1, 4)))
    assert np.isnan(encode_events(matrix, signals).values).all()
