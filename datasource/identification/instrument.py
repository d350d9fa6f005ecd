"""Identification by instruments, conditional ones too."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import networkx as nx
import numpy as np

from datasource.graph import LaggedVariable
from datasource.identification.adjustment import descendants
from datasource.identification.unrolled import Unrolled

_MOST_TRIED = 30
_NO_RELATION = 1e-6


class Instruments(NamedTuple):
    """What moves the treatments, and what has to be adjusted for beside them."""

    moments: frozenset[LaggedVariable]
    adjustment_set: frozenset[LaggedVariable]


def find_instruments(unrolled: Unrolled) -> Iterator[Instruments]:
    """Instruments for the joint treatment, at least as many as it has lags.

    First the unconditional ones that DoWhy's `get_instruments` names, all of them together; then one variable after
    the other with what makes it an instrument (conditional instruments: Brito and Pearl 2002; the search by separators:
    van der Zander, Textor and Liśkiewicz 2015). Neither instruments nor what is adjusted for follow from a treatment.
    The past of treatment and outcome is not tried: it would be one only if nothing unmeasured lasted.
    """
    for moments, adjustment_set in _tries(unrolled):
        found = Instruments(moments, adjustment_set)
        if moments and valid_instruments(unrolled, found) and moves_all(unrolled, found):
            yield found


def valid_instruments(unrolled: Unrolled, found: Instruments) -> bool:
    """Whether the instruments reach the outcome through the treatments alone, given what is adjusted for.

    With the treatments' causal paths cut, they must be d-separated from the outcome. What is cut follows from the
    treatments, so that instruments and adjustment set, which do not, are the same with and without the cut.
    """
    moments, fixed = found
    return (
        unrolled.candidates >= moments | fixed
        and not moments & fixed
        and bool(nx.is_d_separator(unrolled.proper_backdoor, set(moments), {unrolled.outcome}, set(fixed)))
    )


def moves_all(unrolled: Unrolled, found: Instruments) -> bool:
    """Whether the instruments move every treatment apart from the others, given what is adjusted for.

    That is the rank of their partial covariance, which is the same for nearly all linear models over a graph; it is
    read off one of them.
    """
    instruments, fixed, treatments = (sorted(part) for part in (*found, unrolled.treatments))
    if len(instruments) < len(treatments):
        return False
    nodes, correlation = _random_correlation(unrolled.graph)
    place = {node: number for number, node in enumerate(nodes)}
    z, w, x = ([place[node] for node in part] for part in (instruments, fixed, treatments))
    partial = correlation[np.ix_(z, x)]
    if w:
        partial = partial - correlation[np.ix_(z, w)] @ np.linalg.solve(
            correlation[np.ix_(w, w)], correlation[np.ix_(w, x)]
        )
    return bool(np.linalg.matrix_rank(partial, tol=_NO_RELATION) == len(treatments))


def _tries(unrolled: Unrolled) -> Iterator[tuple[frozenset[LaggedVariable], frozenset[LaggedVariable]]]:
    ends = {unrolled.treatment, unrolled.outcome.variable}
    usable = frozenset(node for node in unrolled.candidates if node.variable not in ends)
    nothing: frozenset[LaggedVariable] = frozenset()
    yield _unconditional(unrolled) & usable, nothing
    parents = {parent for x in unrolled.treatments for parent in unrolled.graph.predecessors(x)} & usable
    first = sorted({node.variable for node in parents})
    others = sorted({node.variable for node in usable} - set(first))
    for variable in (*first, *others)[:_MOST_TRIED]:
        lags = range(len(unrolled.treatments))
        moments = frozenset(node for node in parents if node.variable == variable)
        moments = moments or frozenset(LaggedVariable(variable, lag) for lag in lags) & usable
        if not moments:
            continue
        yield moments, nothing
        rest = unrolled.candidates - moments
        for allowed in (rest - descendants(unrolled.graph, moments), rest):
            separator = _separator(unrolled, moments, allowed)
            if separator is not None:
                yield moments, separator


def _separator(
    unrolled: Unrolled, moments: Collection[LaggedVariable], allowed: Collection[LaggedVariable]
) -> frozenset[LaggedVariable] | None:
    found = nx.find_minimal_d_separator(
        unrolled.proper_backdoor, set(moments), {unrolled.outcome}, restricted=set(allowed)
    )
    return None if found is None else frozenset(found)


def _unconditional(unrolled: Unrolled) -> frozenset[LaggedVariable]:
    from dowhy.graph import get_instruments

    names = {node: f"n{number}" for number, node in enumerate(sorted(unrolled.graph))}
    nodes = {name: node for node, name in names.items()}
    treatments = [names[node] for node in sorted(unrolled.treatments)]
    found = get_instruments(nx.relabel_nodes(unrolled.graph, names), treatments, [names[unrolled.outcome]])
    return frozenset(nodes[name] for name in found)


def _random_correlation(graph: nx.DiGraph) -> tuple[list[LaggedVariable], np.ndarray]:
    """The nodes in order, and their correlations in a linear model with the same coefficients at all times."""
    rng = np.random.default_rng(0)
    nodes: list[LaggedVariable] = list(nx.lexicographical_topological_sort(graph))
    place = {node: number for number, node in enumerate(nodes)}
    edges = sorted({(cause.variable, effect.variable, cause.lag - effect.lag) for cause, effect in graph.edges})
    strengths = dict(zip(edges, rng.uniform(0.3, 0.9, len(edges)) * rng.choice((-1, 1), len(edges)), strict=True))
    ways = np.eye(len(nodes))
    for effect in nodes:
        for cause in graph.predecessors(effect):
            strength = strengths[cause.variable, effect.variable, cause.lag - effect.lag]
            ways[place[effect]] += strength * ways[place[cause]]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return nodes, ways @ ways.T
