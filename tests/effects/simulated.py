"""Small systems whose effects are known, as matrix, graph and signals."""

import numpy as np

from datasource.data import Entity, Matrix, Variable
from datasource.effects import EffectResult, analyse_effect
from datasource.graph import CausalGraph, Edge
from datasource.identification import EffectQuestion
from datasource.settings import Signal, parse_rule

STEP = 30
SERVICE = Entity("service", (("service", "shop"),))


def variable(signal: str) -> Variable:
    return Variable(SERVICE, signal)


def graph(*rules: str) -> CausalGraph:
    """A graph from 'x -> y (lag 0..1)'."""
    edges = [
        Edge(variable(rule.cause), variable(rule.effect), lag) for rule in map(parse_rule, rules) for lag in rule.lags
    ]
    return CausalGraph(tuple(sorted({end for edge in edges for end in edge[:2]})), tuple(edges))


def matrix(**rows: np.ndarray) -> Matrix:
    return Matrix(tuple(map(variable, rows)), 1_700_000_010, STEP, np.vstack(list(rows.values())).astype(float))


def signals(names: str = "x y z m c", **changes: dict) -> dict[str, Signal]:
    plain = {"entity": "service", "query": "q", "window": float(STEP)}
    return {name: Signal(**plain | changes.get(name, {})) for name in names.split()}


def effect(
    data: Matrix, causes: CausalGraph, known: dict[str, Signal] | None = None, window: int = 720, checked: bool = False
) -> EffectResult:
    question = EffectQuestion(variable("x"), variable("y"), window)
    return analyse_effect(question, data, causes, known or signals(), checked=checked)


def autoregressive(rng: np.random.Generator, n: int, memory: float = 0.9) -> np.ndarray:
    noise = rng.normal(size=n)
    for t in range(1, n):
        noise[t] += memory * noise[t - 1]
    return noise


def delayed(row: np.ndarray, lag: int) -> np.ndarray:
    return np.concatenate([np.zeros(lag), row[: len(row) - lag]])


def covers(estimate, truth: float) -> bool:
    return estimate.lower <= truth <= estimate.upper
