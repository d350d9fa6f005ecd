"""The panels of effects show what the analyses found, and say what they did not."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from worlds import World

from datasource.data import Entity, Environment, Variable
from datasource.effects import EffectResult, EffectSeries, Estimate
from datasource.effects.result import Check, Comparison, Group, Stratified
from datasource.effects.structural import fit_structural
from datasource.panels import REGISTRY, Frame, Query, QueryError
from datasource.service import HELP, Snapshot, samples
from datasource.service.rows import snapshot_json
from datasource.web.app import create_app
from datasource.web.render import frame_json

WEB = Entity("service", (("namespace", "shop"), ("service", "web")))
INVENTORY = Entity("service", (("namespace", "platform"), ("service", "inventory")))
SERIES = EffectSeries(np.array([0]), *(np.array([float(n)]) for n in range(6)))


def about(value: float) -> Estimate:
    return Estimate(value, value - 1, value + 1, 0.01)


def result(entity: Entity = WEB, signal: str = "restarts", **more: Any) -> EffectResult:
    found = EffectResult(
        treatment=Variable(entity, signal),
        outcome=Variable(entity, "latency"),
        environment=Environment(),
        association=about(9),
        effect=about(3),
        per_lag=(about(2), about(1)),
        method="backdoor.distributed_lag",
        adjustment_set=("shop/web.cpu",),
        lags=1,
        n=500,
        series=SERIES,
        notices=("a notice",),
        identified_by="adjustment",
    )
    return replace(found, **more)


def comparison(step: int, end: int) -> Comparison:
    places = np.arange(end // step - 9, end // step + 1)
    lines = [np.full(10, float(n)) for n in range(5)]
    study = ((-2, about(0)), (-1, Estimate(0, 0, 0)), (0, about(5)))
    return Comparison(places, *lines, int(places[6]), about(5), Estimate(20, np.nan, np.nan), study)


@pytest.fixture(scope="module")
def young() -> World:
    """The shop after a few hours: enough for mechanisms."""
    world = World(steps=400)
    world.tick()
    return world


@pytest.fixture(scope="module")
def snapshot(young: World) -> Snapshot:
    """With results that have everything a result may have."""
    bare = young.clock.snapshot
    assert bare is not None
    held, failed = Check("placebo treatment", True, "fine"), Check("parallel trends", False, "the trends part")
    groups = (Group("cpu", "<= 1", about(1), 250), Group("cpu", "> 1", about(5), 250))
    strata = Stratified("cpu", about(-9), groups, about(3), reversed=True)
    effects = (
        result(checks=(held,), groups=groups, stratified=strata),
        result(INVENTORY, checks=(held, failed), effect=Estimate(np.nan, np.nan, np.nan)),
    )
    impact = result(signal="intervention", comparison=comparison(bare.matrix.step, bare.matrix.end))
    model = fit_structural(bare.matrix, bare.graph, bare.settings.signals)
    return replace(bare, effects=effects, impacts=(impact,), structural=model)


def ask(snapshot: Snapshot, panel: str, **parameters: str) -> list[Frame]:
    given = {name: (value,) for name, value in parameters.items()}
    return REGISTRY.answer(Query(panel, snapshot.time - 3600, snapshot.time, given), snapshot, "")


def columns(frame: Frame) -> dict[str, list[Any]]:
    """As Grafana gets them: NaN is null."""
    rendered = orjson.loads(orjson.dumps(frame_json(frame, "A"), option=orjson.OPT_SERIALIZE_NUMPY))
    return {field["name"]: field["values"] for field in rendered["fields"]}


def test_the_effects_table_has_a_row_an_effect_and_a_colour_for_its_checks(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "effects_table")
    table = columns(frame)
    assert table["treatment"] == ["shop/web.restarts", "platform/inventory.restarts"]
    assert table["effect"] == [3.0, None]
    assert table["association"] == [9.0, 9.0]
    assert table["checks"] == ["green", "red"]
    assert table["what the checks say"][1].endswith("parallel trends fails; the trends part")
    colours = next(field for field in frame.fields if field.name == "checks").config["mappings"][0]["options"]
    assert {colours[light]["color"] for light in table["checks"]} == {"green", "red"}


def test_the_causal_effect_says_when_its_checks_fail(snapshot: Snapshot) -> None:
    good, bad = ask(snapshot, "causal_effect", view="estimate")
    assert good.notices == ("a notice",)
    assert any("parallel trends fails" in notice for notice in bad.notices)


def test_the_estimate_has_the_colour_of_its_checks(snapshot: Snapshot) -> None:
    for frame, colour in zip(ask(snapshot, "causal_effect", view="estimate"), ("green", "red"), strict=True):
        effect = next(field for field in frame.fields if field.name == "causal_effect")
        assert effect.config["color"] == {"mode": "fixed", "fixedColor": colour}
        assert effect.config["unit"] == "s", "of the outcome"
        assert "in s per restart" in effect.config["description"]
        assert columns(frame)["checks"] == [colour]


def test_the_checks_come_as_a_table_with_what_failed_first(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "causal_effect", view="checks")
    table = columns(frame)
    assert table["check"][0] == "parallel trends"
    assert table["verdict"] == ["fails", "holds", "holds"]
    bare = replace(snapshot, effects=(result(),))
    (frame,) = ask(bare, "causal_effect", view="checks")
    assert frame.notices == ("no check could be made",)


def test_what_is_not_identified_says_what_to_measure(snapshot: Snapshot) -> None:
    said = "measure shop/web.mood: with it the effect is identified by adjustment"
    lost = result(effect=Estimate(np.nan, np.nan, np.nan), notices=(said,), method="not identified", checks=())
    asked = replace(snapshot, effects=(lost,))
    for panel, more in (("causal_effect", {"view": "estimate"}), ("causal_effect", {}), ("lag_response", {})):
        (frame,) = ask(asked, panel, **more)
        assert said in frame.notices
    (frame,) = ask(asked, "effects_table")
    assert columns(frame)["notices"] == [said]


def test_a_pooled_effect_has_a_name_and_a_unit_but_no_entity(snapshot: Snapshot) -> None:
    every = Entity("service", ())
    pooled = result(WEB, treatment=Variable(every, "restarts"), outcome=Variable(every, "latency"))
    asked = replace(snapshot, effects=(pooled, result()))
    (frame,) = ask(asked, "causal_effect", view="estimate", effect="restarts -> latency")
    assert frame.fields[1].labels == {"treatment": "restarts", "outcome": "latency"}
    assert frame.fields[1].config["unit"] == "s"
    found = {(one.name, tuple(one.labels.items())) for one in samples(asked)}
    assert ("causal_effect", (("treatment", "restarts"), ("outcome", "latency"))) in found


def test_the_lag_response_begins_with_the_lag_and_adds_up_to_the_effect(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "lag_response", effect="shop/web: restarts -> latency")
    assert frame.fields[0].name == "lag"
    assert frame.fields[0].type == "number"
    table = columns(frame)
    assert table["lag"] == [0, 1]
    assert table["seconds"] == [0, 30]
    assert table["causal_effect_lag"] == [2.0, 1.0]
    assert table["causal_effect_cumulative"] == [2.0, 3.0]
    names = {field.config.get("displayNameFromDS") for field in frame.fields}
    upper = next(field for field in frame.fields if field.name == "causal_effect_lag_upper")
    assert upper.config["custom"]["fillBelowTo"] in names
    assert upper.config["unit"] == "s"


def test_one_lag_response_is_drawn_at_a_time(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "lag_response")
    assert frame.notices[0] == "2 effects, the first is shown; choose one"


def test_heterogeneity_shows_each_level_below_all(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "heterogeneity")
    table = columns(frame)
    assert table["level"] == ["all", "<= 1", "> 1"]
    assert table["effect"] == [3.0, 1.0, 5.0]
    (plain,) = ask(snapshot, "heterogeneity", effect="platform/inventory: restarts -> latency")
    assert columns(plain)["level"] == ["all"]
    assert "modifiers" in plain.notices[0]


def test_simpsons_view_says_that_the_sign_turns_around(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "simpson")
    table = columns(frame)
    assert table["stratum"][:4] == ["all together", "<= 1", "> 1", "mean within strata"]
    assert table["slope"] == [-9.0, 1.0, 5.0, 3.0, 3.0]
    assert "turns the sign around" in frame.notices[0]
    (plain,) = ask(snapshot, "simpson", effect="platform/inventory: restarts -> latency")
    assert columns(plain)["slope"] == [9.0, None]


def test_a_comparison_is_drawn_at_the_times_that_it_is_about(snapshot: Snapshot) -> None:
    lines, mark = ask(snapshot, "difference_in_differences")
    table = columns(lines)
    assert table["time"][-1] == snapshot.matrix.end * 1000
    assert table["counterfactual"] == [2.0] * 10
    assert mark.meta["dataTopic"] == "annotations"
    assert columns(mark)["time"] == [table["time"][6]]
    assert "5 (95% interval 4 to 6)" in columns(mark)["text"][0]


def test_the_event_study_has_its_placebos_before_the_intervention(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "difference_in_differences", view="event_study")
    table = columns(frame)
    assert table["steps since"] == [-2, -1, 0]
    assert table["effect"] == [0.0, 0.0, 5.0]
    assert frame.fields[1].config["unit"] == "s"


def test_what_if_pushes_a_value_through_the_graph(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "what_if", variable="platform/inventory.latency", value="now + 0.1")
    table = columns(frame)
    row = table["outcome"].index("shop/web.latency")
    assert table["change"][row] == pytest.approx(0.05, rel=0.3)
    assert table["predicted"][row] == pytest.approx(table["now"][row] + table["change"][row])
    assert table["lower"][row] < table["predicted"][row] < table["upper"][row]
    assert table["unit"][row] == "s"


def test_what_if_holds_the_treatment_of_an_effect_unless_told_otherwise(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "what_if", effect="platform/inventory: restarts -> latency", value="2")
    assert columns(frame)["do"][0].startswith("platform/inventory.restarts = 2")


def test_what_if_says_what_is_beyond_its_reach(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "what_if", variable="shop/web.latency", outcome="shop/web.requests", value="1")
    assert columns(frame)["change"] == [0.0]
    assert any("does not reach shop/web.requests" in notice for notice in frame.notices)


def test_what_if_shows_a_screenful_with_what_users_feel_first(snapshot: Snapshot) -> None:
    (frame,) = ask(snapshot, "what_if", variable="shop/web.requests", value="now * 2")
    outcomes = columns(frame)["outcome"]
    assert len(outcomes) == 50
    assert any("the first 50 are shown" in notice for notice in frame.notices)
    felt = [name.endswith((".latency", ".errors", ".cpu")) for name in outcomes]
    assert felt == sorted(felt, reverse=True)
    assert sum(felt) >= 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", "high"),
        ("highest", "high"),
        ("lowest", "low"),
        ("0.25", 0.25),
        ("-1", -1.0),
        ("now", 1.0),
        ("now * 2", 2.0),
        ("now*50%", 0.5),
        ("now + 10%", 1.1),
        ("now - 10%", 0.9),
    ],
)
def test_a_value_may_be_told_by_what_was_seen(snapshot: Snapshot, text: str, value: float | str) -> None:
    (frame,) = ask(snapshot, "what_if", variable="shop/web.latency", outcome="shop/web.latency", value=text)
    assert snapshot.structural is not None
    level = snapshot.structural.levels[Variable(WEB, "latency")]
    expected = getattr(level, value) if isinstance(value, str) else value * (level.now if "now" in text else 1)
    assert columns(frame)["predicted"] == [pytest.approx(expected)]


@pytest.mark.parametrize("text", ["a lot", "now / 2", "now + + 1", "now + 1.2.3", "nan"])
def test_a_value_that_is_none_is_refused_with_an_example(snapshot: Snapshot, text: str) -> None:
    with pytest.raises(QueryError, match="number"):
        ask(snapshot, "what_if", variable="shop/web.latency", value=text)


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ("effects_table", "being computed"),
        ("lag_response", "being computed"),
        ("heterogeneity", "being computed"),
        ("simpson", "being computed"),
        ("difference_in_differences", "impacts"),
        ("what_if", "being fitted"),
    ],
)
def test_a_panel_that_must_wait_says_for_what(snapshot: Snapshot, panel: str, said: str) -> None:
    waiting = replace(snapshot, effects=None, impacts=None, structural=None)
    (frame,) = ask(waiting, panel)
    assert said in frame.notices[0]


@pytest.mark.parametrize("panel", ["causal_effect", "effects_table", "lag_response", "heterogeneity", "simpson"])
def test_a_panel_without_any_effect_says_whether_one_was_asked_for(snapshot: Snapshot, panel: str) -> None:
    silent = replace(snapshot, effects=(), settings=snapshot.settings.model_copy(update={"effects": ()}))
    assert "no effects are configured" in ask(silent, panel)[0].notices[0]
    said = "effect of a on b: no entity has both signals"
    assert ask(replace(snapshot, effects=(), notices=(said,)), panel)[0].notices == (said,)


def test_a_comparison_is_cut_to_what_the_panel_shows(snapshot: Snapshot) -> None:
    step, end = snapshot.matrix.step, snapshot.matrix.end

    def over(first: int, last: int, most: int = 100) -> list[Frame]:
        asked = Query("difference_in_differences", end - first * step, end - last * step, {}, most)
        return REGISTRY.answer(asked, snapshot, "")

    lines, mark = over(2, 0)
    assert len(columns(lines)["time"]) == 3
    assert columns(mark)["time"] == [], "it began before"
    lines, mark = over(9, 0, most=5)
    assert len(columns(lines)["time"]) == 5
    assert len(columns(mark)["time"]) == 1
    (nothing,) = over(500, 400)
    assert "outside the panel's time range" in nothing.notices[0]


def test_an_impact_without_numbers_says_why(snapshot: Snapshot) -> None:
    failed = result(signal="intervention", notices=("no restarts at shop/web in the baseline",))
    (frame,) = ask(replace(snapshot, impacts=(failed,)), "difference_in_differences")
    assert frame.notices == ("no restarts at shop/web in the baseline",)


def test_everything_that_has_a_number_is_exported(snapshot: Snapshot) -> None:
    found = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in samples(snapshot)}
    web = {"namespace": "shop", "service": "web", "outcome": "latency"}
    effect = web | {"treatment": "restarts"}

    def value(name: str, labels: dict[str, str]) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert value("causal_effect_p_value", effect) == 0.01
    assert value("causal_effect_check", effect | {"check": "placebo treatment"}) == 1
    assert value("causal_effect_lag", effect | {"lag": "1"}) == 1
    assert value("causal_effect_group_upper", effect | {"modifier": "cpu", "level": "> 1"}) == 6
    assert value("causal_association_within", effect | {"strata": "cpu", "stratum": "<= 1"}) == 1
    assert value("causal_impact_lower", web) == 2
    assert value("causal_impact_cumulative", web) == 20
    failed = {"namespace": "platform", "service": "inventory", "treatment": "restarts", "outcome": "latency"}
    assert value("causal_effect_check", failed | {"check": "parallel trends"}) == 0
    assert ("causal_impact_cumulative_lower", tuple(sorted(web.items()))) not in found, "an unknown bound is left out"


def test_an_impact_with_an_end_tells_it_and_what_is_left(snapshot: Snapshot) -> None:
    (impact,) = snapshot.impacts or ()
    assert impact.comparison
    began = impact.comparison.began
    over = replace(impact, comparison=replace(impact.comparison, ended=began + 2, afterwards=Estimate(1, -1, 3)))
    ended = replace(snapshot, impacts=(over,))
    left = {one.name: one.value for one in samples(ended) if one.name.startswith("causal_impact_afterwards")}
    assert left == {
        "causal_impact_afterwards": 1,
        "causal_impact_afterwards_lower": -1,
        "causal_impact_afterwards_upper": 3,
    }
    (row,) = snapshot_json(ended)["impacts"]
    assert row["ended"] - row["began"] == 2 * ended.matrix.step
    assert (row["afterwards"], row["afterwards_lower"], row["afterwards_upper"]) == (1, -1, 3)
    (row,) = snapshot_json(snapshot)["impacts"]
    assert (row["ended"], row["afterwards"]) == (None, None)


def test_every_exported_series_is_there_once_and_explained(snapshot: Snapshot, young: World) -> None:
    twice = replace(snapshot, impacts=(snapshot.impacts or ()) * 2)
    keys = [(one.name, tuple(sorted(one.labels.items()))) for one in samples(twice)]
    assert len(set(keys)) == len(keys)
    assert {name for name, _ in keys} <= HELP.keys()
    young.clock.snapshot = snapshot
    text = create_app(young.clock).test_client().get("/metrics").get_data(as_text=True)
    assert {family.name for family in text_string_to_metric_families(text)} >= {"causal_impact", "causal_effect_lag"}
