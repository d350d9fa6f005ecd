"""Environments whose mechanisms a test decides: two causes, one effect of the outcome, and one variable apart."""

import numpy as np

from datasource.data import Entity, Environment, Floats, Variable
from datasource.demo.three_shops import smooth
from datasource.invariance import Cause, Question, Rows

CAUSES = ("x1", "x2", "child", "apart")


def variable(name: str) -> Variable:
    return Variable(Entity("host", (("host", "web"),)), name)


def environment(
    seed: int, n: int = 800, memory: float = 0.9, moved: float = 1.0, slope: float = 1.0, noise: float = 1.0,
    level: float = 0.0, curve: float = 0.0,
) -> Floats:  # fmt: skip
    """y, x1, x2, child, apart (n, 5). The causes are `moved` by how much further they scatter and where they are;
    `slope`, `noise` and `level` are the mechanism of y = slope x1 + x2 + curve x1^2 + level + noise e."""
    rng = np.random.default_rng(seed)
    x1 = moved * smooth(n, rng, memory) + (moved - 1)
    x2 = 0.7 * x1 + moved * smooth(n, rng, memory)
    y = slope * x1 + x2 + curve * x1**2 + level + noise * smooth(n, rng, memory)
    child = y + moved * smooth(n, rng, memory)
    return np.column_stack([y, x1, x2, child, smooth(n, rng, memory)])


def question(*columns: Floats, parallel: bool = True, levels: bool = False, causes: int = 4) -> Question:
    """Is the mechanism of y the same in these environments?"""
    rows = []
    first = 0
    for number, one in enumerate(columns):
        places = np.arange(len(one), dtype=np.int64) + (0 if parallel else first)
        first += len(one)
        rows.append(Rows(Environment((), f"e{number}"), variable("y"), one[:, : 1 + causes], places))
    known = tuple(Cause(variable(name)) for name in CAUSES[:causes])
    return Question(variable("y"), known, tuple(rows), parallel, levels)
