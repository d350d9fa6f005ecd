"""Other people's methods: causal-learn, which DoWhy brings, and lingam, which is installed for the benchmark."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

Edges = set[tuple[str, str]]
Peer = Callable[..., tuple[Edges, Edges]]
_LONGEST = 3


def absent_peers() -> dict[str, str]:
    """The peers that cannot be run here, and the package that each needs."""
    return {} if find_spec("lingam") else {"lingam's": "lingam", "VARLiNGAM": "lingam"}


def _named(rows: np.ndarray, names: Sequence[str]) -> list[str]:
    return list(names) or [f"x{place}" for place in range(rows.shape[1])]


def _of_endpoints(graph: Any, names: Sequence[str]) -> tuple[Edges, Edges]:
    oriented: Edges = set()
    undirected: Edges = set()
    for one in range(len(graph)):
        for other in range(len(graph)):
            if graph[one, other] == -1 and graph[other, one] == 1:
                oriented.add((names[one], names[other]))
            elif one < other and graph[one, other] == graph[other, one] != 0:
                undirected.add((names[one], names[other]))
    return oriented, undirected


def causal_learn_pc(rows: np.ndarray, names: Sequence[str] = ()) -> tuple[Edges, Edges]:
    from causallearn.search.ConstraintBased.PC import pc

    return _of_endpoints(pc(rows, 0.05, "fisherz", show_progress=False).G.graph, _named(rows, names))


def causal_learn_ges(rows: np.ndarray, names: Sequence[str] = ()) -> tuple[Edges, Edges]:
    from causallearn.search.ScoreBased.GES import ges

    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return _of_endpoints(ges(scaled)["G"].graph, _named(rows, names))


def direct_lingam(rows: np.ndarray, names: Sequence[str] = ()) -> tuple[Edges, Edges]:
    import lingam

    shown = _named(rows, names)
    found = lingam.DirectLiNGAM().fit(rows).adjacency_matrix_
    return {(shown[cause], shown[effect]) for effect, cause in np.argwhere(np.abs(found) > 0.05)}, set()


def var_lingam(rows: np.ndarray, names: Sequence[str] = ()) -> tuple[Edges, Edges]:
    import lingam

    shown = _named(rows, names)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    found = lingam.VARLiNGAM(lags=_LONGEST, criterion=None, prune=True).fit(scaled).adjacency_matrices_
    edges = {(int(cause), int(effect)) for _, effect, cause in np.argwhere(np.abs(found) > 0.05)}
    return {(shown[cause], shown[effect]) for cause, effect in edges if cause != effect}, set()


PEERS: dict[str, Peer] = {
    "causal-learn PC": causal_learn_pc,
    "causal-learn GES": causal_learn_ges,
    "lingam's": direct_lingam,
    "VARLiNGAM": var_lingam,
}
