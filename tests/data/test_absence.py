"""No sample of a failure means that nothing failed, where there is load and the signal was read."""

import numpy as np
import pytest

from datasource.data import Entity, Known, Matrix, Variable, absence_notices, count_absent_failures
from datasource.settings import Signal

NAN = float("nan")
STEP = 30
WEB, CART = (Entity("service", (("service", name),)) for name in ("web", "cart"))
CALL = Entity("call", (("client", "web"), ("server", "cart")))


def signal(role: str | None, entity: str = "service", **more: str) -> Signal:
    return Signal(entity=entity, query="q", window=30, role=role, **more)


SIGNALS = {"requests": signal("load"), "errors": signal("failure"), "latency": signal("latency")}


def matrix(rows: dict[tuple[Entity, str], list[float]]) -> Matrix:
    return Matrix(tuple(Variable(*key) for key in rows), 0, STEP, np.array([*rows.values()], dtype=float))


def counted(
    rows: dict[tuple[Entity, str], list[float]],
    signals: dict[str, Signal] = SIGNALS,
    known: dict[str, Known] | None = None,
) -> dict[tuple[Entity, str], list[float]]:
    found = count_absent_failures(matrix(rows), signals, known)
    return {tuple(variable): list(found.row(variable)) for variable in found.variables}


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


def test_gaps_between_failures_are_zero_where_there_is_load_also_of_no_request() -> None:
    found = counted({(WEB, "requests"): [5, 0, NAN, 5], (WEB, "errors"): [NAN, NAN, NAN, 2]})
    assert same(found[WEB, "errors"], [0, 0, NAN, 2])


def test_every_entity_with_load_has_the_variable_before_its_first_failure() -> None:
    found = counted({(WEB, "requests"): [5, 5], (WEB, "errors"): [1, NAN], (CART, "requests"): [NAN, 7]})
    assert same(found[CART, "errors"], [NAN, 0])


def test_who_has_no_load_may_fail_unseen() -> None:
    found = counted({(WEB, "latency"): [1, 1], (CART, "errors"): [1, NAN], (WEB, "requests"): [5, 5]})
    assert same(found[CART, "errors"], [1, NAN])
    assert (CART, "latency") not in found
    assert same(counted({(WEB, "requests"): [-1, 5]})[WEB, "errors"], [NAN, 0])


def test_only_failures_are_zero() -> None:
    found = counted({(WEB, "requests"): [5, 5], (WEB, "latency"): [1, NAN], (WEB, "errors"): [0, 0]})
    assert same(found[WEB, "latency"], [1, NAN])


def test_a_query_that_says_or_zero_is_taken_as_it_is() -> None:
    whole = matrix({(WEB, "requests"): [5, 5], (WEB, "errors"): [0, 1]})
    assert count_absent_failures(whole, SIGNALS) is whole


def test_a_ratio_is_zero_too() -> None:
    signals = SIGNALS | {"errors": signal("failure", unit="percentunit")}
    assert same(counted({(WEB, "requests"): [5, 5]}, signals)[WEB, "errors"], [0, 0])


def test_a_call_fails_where_it_has_load_of_its_own_at_the_same_end_where_that_is_measured() -> None:
    signals = {
        "sent": signal("load", "call"),
        "answered": signal("load", "call", end="server"),
        "lost": signal("failure", "call"),
        "refused": signal("failure", "call", end="server"),
    }
    rows = {(CALL, "sent"): [5, NAN], (CALL, "answered"): [NAN, 5], (WEB, "requests"): [5, 5]}
    found = counted(rows, signals | {"requests": signal("load")})
    assert same(found[CALL, "lost"], [0, NAN])
    assert same(found[CALL, "refused"], [NAN, 0])
    del signals["answered"]
    assert same(counted({(CALL, "sent"): [5, NAN]}, signals)[CALL, "refused"], [0, NAN])


def test_absence_is_known_as_far_as_the_signal_was_read_and_its_answer_was_whole() -> None:
    rows = {(WEB, "requests"): [5.0] * 6, (WEB, "errors"): [1, *[NAN] * 5]}
    known = {"errors": Known(until=4 * STEP, doubtful=((2 * STEP, 3 * STEP),))}
    assert same(counted(rows, known=known)[WEB, "errors"], [1, 0, NAN, NAN, 0, NAN])
    assert same(counted(rows, known={})[WEB, "errors"], rows[WEB, "errors"])


@pytest.mark.parametrize(
    ("rows", "signals", "said"),
    [
        ({(WEB, "requests"): [5, 5]}, SIGNALS, "'errors' has no series anywhere: counted as zero failures where"),
        ({(WEB, "errors"): [1, NAN]}, {"errors": signal("failure")}, "unknown and not zero, since 'service' has no"),
        ({(WEB, "errors"): [1, NAN]}, SIGNALS, "since signal 'requests' has none; measure the load"),
        ({(WEB, "errors"): [1, 0]}, SIGNALS, ""),
        ({(WEB, "errors"): [1, NAN], (WEB, "requests"): [5, 5]}, SIGNALS, ""),
    ],
)
def test_what_absence_cannot_tell_is_said(
    rows: dict[tuple[Entity, str], list[float]], signals: dict[str, Signal], said: str
) -> None:
    found = absence_notices(matrix(rows), signals)
    assert (said in found[0]) if said else not found


def test_a_signal_that_was_never_read_has_no_series_for_another_reason() -> None:
    assert absence_notices(matrix({(WEB, "requests"): [5, 5]}), SIGNALS, {"requests": Known(STEP)}) == ()
