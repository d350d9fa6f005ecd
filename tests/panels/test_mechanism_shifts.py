"""The panel of mechanism shifts: what is another one, which edges break, which causes hold everywhere."""

from dataclasses import replace

import pytest
from clusters import Cluster, Clusters

from datasource.panels import REGISTRY, Query, QueryError
from datasource.service import Snapshot


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """In us cpu does not move latency; us and ap are asked more and less than eu."""
    clusters = {"eu": Cluster(), "us": Cluster(slope=0.0, load=1.6), "ap": Cluster(load=0.8)}
    return Clusters({name: one.simulate(1200, seed) for seed, (name, one) in enumerate(clusters.items())}).tick()


def columns(snapshot: Snapshot, **payload: str) -> dict[str, list[object]]:
    query = Query("mechanism_shifts", 0, 1, {name: (value,) for name, value in payload.items()})
    (frame,) = REGISTRY.answer(query, snapshot, "")
    return {field.name: list(field.values) for field in frame.fields}


def test_the_clearest_shift_comes_first(snapshot: Snapshot) -> None:
    found = columns(snapshot)
    assert (found["variable"][0], found["environment"][0], found["part"][0]) == (
        "us/web.latency",
        "cluster=us",
        "slopes",
    )
    assert found["score"] == sorted(found["score"], reverse=True)  # type: ignore[type-var]


def test_an_edge_that_breaks_comes_first(snapshot: Snapshot) -> None:
    found = columns(snapshot, show="edges")
    assert "us/web.cpu -> us/web.latency breaks in cluster=us" in str(found["told"][0])
    assert len(found["cause"]) == 9  # three edges in three clusters


def test_causes_that_hold_everywhere_are_a_row_for_each_outcome(snapshot: Snapshot) -> None:
    found = columns(snapshot, show="parents")
    assert set(found["outcome"]) == {"web.cpu", "web.latency"}
    assert any("no set of these causes" in str(told) for told in found["told"])


def test_what_cannot_be_shown_is_said(snapshot: Snapshot) -> None:
    query = Query("mechanism_shifts", 0, 1, {"show": ("x",)})
    with pytest.raises(QueryError, match="show 'x' is unknown; use mechanisms, edges, parents"):
        REGISTRY.answer(query, snapshot, "")
    (frame,) = REGISTRY.answer(Query("mechanism_shifts", 0, 1), replace(snapshot, invariance=None), "")
    assert frame.notices == ("nothing has been compared yet",)
