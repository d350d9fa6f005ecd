"""The panel of discovered edges."""

from dataclasses import replace

import numpy as np
import pytest
from discovered import HOST, matrix_of

from datasource.data import Variable
from datasource.data.csv.files import CsvData
from datasource.data.guess import guess_signal
from datasource.discovery import Prior, Proposal, find_method
from datasource.graph import Edge, Evidence
from datasource.panels import REGISTRY, Query, QueryError
from datasource.replay import evaluate_matrix
from datasource.replay.files import guessed_settings
from datasource.service import Snapshot
from datasource.settings import Loaded, Signal
from datasource.settings.model import Discovery


def snapshot(on: bool, found: Proposal | None) -> Snapshot:
    matrix = matrix_of({"requests": np.arange(40.0), "cpu": np.arange(40.0) ** 2})
    signals = {
        name: Signal(entity="service", query=name, window=60.0, role=guess_signal(name).role)
        for name in ("requests", "cpu")
    }
    settings, data = guessed_settings(CsvData(matrix, signals, ()))
    graph = settings.graph.model_copy(update={"discover": Discovery() if on else None})
    settings = settings.model_copy(update={"graph": graph})
    return replace(evaluate_matrix(Loaded(settings, "x"), data.matrix), proposal=found)


def proposal() -> Proposal:
    """A new edge from requests to cpu, and a known one from errors to requests that nothing supports."""
    rng = np.random.default_rng(0)
    requests = rng.gamma(9.0, 3.0, size=600)
    columns = {"requests": requests, "cpu": requests + rng.normal(0, 4, size=600), "errors": rng.normal(size=600)}
    matrix = matrix_of(columns)
    errors, target = Variable(HOST, "errors"), Variable(HOST, "requests")
    known = (Edge(errors, target, 0, "", (Evidence("expert", "errors -> requests"),)),)
    direction = {(target, Variable(HOST, "cpu")): 3.0}
    return find_method("hybrid")(matrix, Prior(matrix.variables, known=known, direction=direction))


def rows(shown: Snapshot, **payload: str) -> list[tuple[str, ...]]:
    (frame,) = REGISTRY.answer(
        Query("discovered_edges", 0, 1, {name: (value,) for name, value in payload.items()}), shown, ""
    )
    columns = {field.name: field.values for field in frame.fields}
    return list(zip(columns["cause"], columns["effect"], columns["what"], strict=True))


def test_new_and_doubtful_edges_are_rows() -> None:
    assert rows(snapshot(True, proposal())) == [
        ("host.requests", "host.cpu", "new"),
        ("host.errors", "host.requests", "doubtful"),
    ]


def test_while_it_is_off_the_panel_says_how_to_turn_it_on() -> None:
    (frame,) = REGISTRY.answer(Query("discovered_edges", 0, 1), snapshot(False, None), "")
    assert "graph.discover" in frame.notices[0]


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(QueryError, match="news, all, refused"):
        REGISTRY.answer(Query("discovered_edges", 0, 1, {"show": ("x",)}), snapshot(True, proposal()), "")


def test_before_anything_is_discovered_all_edges_are_those_of_the_graph() -> None:
    assert rows(snapshot(False, None), show="all") == [("host.requests", "host.cpu", "known")]
