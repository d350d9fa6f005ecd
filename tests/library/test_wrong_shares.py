"""`check` says when the numbers of failures and successes cannot mean what their signals say."""

import numpy as np
import pytest

from datasource.data import Entity, Matrix, Variable
from datasource.library.shares import wrong_share
from datasource.settings import parse_settings

WEB = Entity("service", (("service", "web"),))


def said(unit, role, *, told, load=300.0):
    text = f"""
prometheus: {{url: http://localhost:9090}}
entities: {{service: {{labels: [service]}}}}
signals:
  requests: {{entity: service, query: requests, window: 1m, unit: reqps, role: load}}
  told: {{entity: service, query: told, window: 1m, unit: {unit}, role: {role}}}
"""
    rows = {Variable(WEB, "requests"): np.full(9, load), Variable(WEB, "told"): np.array(told)}
    matrix = Matrix(tuple(rows), 0, 60, np.array(list(rows.values())))
    return wrong_share(parse_settings(text), "told", matrix)


@pytest.mark.parametrize(
    ("unit", "role", "told", "says"),
    [
        ("reqps", "failure", [0.002] * 9, "less than one request in 60 s: a ratio? Then write unit: percentunit"),
        ("reqps", "failure", [700.0] * 9, "more than there are requests"),
        ("percentunit", "failure", [2.5] * 9, "2.5 is no share in unit: percentunit; write unit: percent"),
        ("percent", "failure", [250.0] * 9, "the query counts something else"),
        ("percentunit", "failure", [0.998] * 9, "write role: success"),
        ("percentunit", "success", [0.01] * 9, "write role: failure"),
    ],
)
def test_what_cannot_be_is_told_with_the_fix(unit, role, told, says):
    assert says in said(unit, role, told=told)


@pytest.mark.parametrize(
    ("unit", "role", "told"),
    [
        ("reqps", "failure", [0.0] * 9),
        ("reqps", "failure", [0.0] * 8 + [1 / 60]),
        ("reqps", "failure", [3.0] * 9),
        ("reqps", "failure", [298.0] * 9),
        ("reqps", "failure", [1.0] * 6 + [250.0] * 3),
        ("percentunit", "failure", [0.002] * 8 + [1.0]),
        ("percent", "failure", [0.2] * 9),
        ("percentunit", "success", [0.998] * 9),
        ("percent", "success", [99.9] * 8 + [40.0]),
        ("reqps", "success", [299.0] * 9),
        ("percentunit", "success", [np.nan] * 9),
    ],
)
def test_what_can_be_is_fine(unit, role, told):
    assert said(unit, role, told=told) == ""
