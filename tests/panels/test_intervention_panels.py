"""Panels and metrics of the log of interventions: regions, table, impact and verdicts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from worlds import World, with_interventions

from datasource.panels import REGISTRY, Query, QueryError
from datasource.service import Snapshot, samples


@pytest.fixture(scope="module")
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot
    return with_interventions(world.clock.snapshot)


def asked(snapshot: Snapshot, panel: str, **parameters: str) -> Any:
    given = {name: (value,) for name, value in parameters.items()}
    return REGISTRY.answer(Query(panel, snapshot.matrix.start, snapshot.time, given), snapshot, "")[0]


def columns(frame: Any) -> Mapping[str, list[Any]]:
    return {field.name: list(field.values) for field in frame.fields}


def test_the_table_says_what_was_done_to_whom_by_whom(snapshot: Snapshot) -> None:
    found = columns(asked(snapshot, "interventions"))
    assert found["state"] == ["active", "ended"]
    assert found["parameters"] == ["version=v2", ""]
    assert found["who"] == ["ci", "ann"]
    assert columns(asked(snapshot, "interventions", kind="restart"))["intervention"] == ["1"]
    assert columns(asked(snapshot, "interventions", target="shop/web"))["why"] == ["stuck"]


def test_regions_last_to_the_end_or_to_now(snapshot: Snapshot) -> None:
    found = columns(asked(snapshot, "intervention_regions"))
    assert found["timeEnd"] == [snapshot.time * 1000, snapshot.interventions[1].end * 1000]  # type: ignore[operator]
    assert found["title"][0] == "deploy of platform/inventory (version=v2)"


def test_an_impact_has_its_course_its_band_and_a_sentence(snapshot: Snapshot) -> None:
    frame = asked(snapshot, "intervention_impact", intervention="2", outcome="shop/web.latency")
    found = columns(frame)
    assert set(found) == {"time", "observed", "counterfactual", "counterfactual_lower", "counterfactual_upper"}
    late = np.array(found["observed"])[-1] - np.array(found["counterfactual"])[-1]
    assert late > 0.05
    assert frame.notices[0].startswith("deploy of platform/inventory (version=v2) added ")
    added = columns(asked(snapshot, "intervention_impact", intervention="2", view="cumulative"))
    assert added["added up"][-1] > added["added up"][0]


def test_the_number_is_the_exported_one_with_bounded_labels(snapshot: Snapshot) -> None:
    exported = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in samples(snapshot)}
    frame = asked(
        snapshot, "intervention_impact", intervention="2", outcome="platform/inventory.latency", view="estimate"
    )
    impact = frame.fields[1]
    assert exported["causal_impact", tuple(sorted(impact.labels.items()))] == impact.values[0]
    assert impact.labels["intervention"] == "2"
    active = [one for one in samples(snapshot) if one.name == "causal_intervention_active"]
    assert [one.labels for one in active] == [{"intervention": "2", "kind": "deploy", "targets": "platform/inventory"}]
    newer = replace(snapshot.interventions[0], id=3)
    superseded = replace(snapshot, interventions=(newer, *snapshot.interventions))
    active = [one for one in samples(superseded) if one.name == "causal_intervention_active"]
    assert [one.labels["intervention"] for one in active] == ["3"]
    many = replace(snapshot, interventions=tuple(replace(newer, id=n, targets=(str(n),)) for n in range(500)))
    assert sum(one.name == "causal_intervention_active" for one in samples(many)) == 50
    assert sum("intervention" in one.labels and one.name == "causal_impact" for one in samples(many)) <= 50


def test_verdicts_stand_in_a_table_with_their_numbers(snapshot: Snapshot) -> None:
    found = columns(asked(snapshot, "intervention_verdicts"))
    row = found["effect"].index("shop/checkout.latency")
    assert (found["verdict"][row], found["cause"][row]) == ("confirmed", "platform/inventory.latency")
    assert found["measured lower"][row] > 0


def test_what_to_do_next_stands_in_a_table_with_its_bits(snapshot: Snapshot) -> None:
    found = columns(asked(snapshot, "next_experiment"))
    assert found["question"][0] == "who caused shop/web.latency?"
    assert "platform/inventory" in found["what it tells"][0]
    assert len(set(found["question"])) == 2
    only = columns(asked(snapshot, "next_experiment", entity="shop/cart"))
    assert set(only["question"]) == {"is the graph at shop/cart true?"}
    alone = columns(asked(snapshot, "next_experiment", incident=snapshot.incidents[0].id))
    assert set(alone["incident"]) == {snapshot.incidents[0].id}
    assert "being fitted" in asked(replace(snapshot, structural=None), "next_experiment").notices[0]


def test_what_is_not_there_is_said(snapshot: Snapshot) -> None:
    nothing = replace(snapshot, interventions=(), assessed=type(snapshot.assessed)())
    for panel in ("interventions", "intervention_impact", "intervention_verdicts"):
        assert "no intervention is written down" in asked(nothing, panel).notices[0]
    for parameters, told in (
        ({"intervention": "7"}, "there is no intervention '7'"),
        ({"outcome": "nobody"}, "'nobody' is not measured"),
        ({"view": "pie"}, "view 'pie' is unknown"),
    ):
        with pytest.raises(QueryError, match=told):
            asked(snapshot, "intervention_impact", **parameters)
