"""Questions of the service beyond one pair by the default: pooled, by instrument, front door, strata, groups."""

import numpy as np
import pytest
from simulated import STEP, autoregressive, covers, delayed, signals

from datasource.data import Entity, Matrix, Variable
from datasource.effects import EffectResult, analyse_effect
from datasource.graph import CausalGraph, Edge
from datasource.identification import EffectQuestion
from datasource.settings import parse_rule

N = 1500


def service(name: str, namespace: str = "shop") -> Entity:
    return Entity("service", (("namespace", namespace), ("service", name)))


WEB = service("web")


def laid_out(rows: dict[Variable, np.ndarray]) -> Matrix:
    return Matrix(tuple(rows), 1_700_000_010, STEP, np.vstack(list(rows.values())).astype(float))


def caused(*rules: str, entities: tuple[Entity, ...] = (WEB,), unmeasured: str = "") -> CausalGraph:
    hidden = frozenset(Variable(entity, name) for entity in entities for name in unmeasured.split())
    edges = tuple(
        Edge(Variable(entity, rule.cause), Variable(entity, rule.effect), lag)
        for entity in entities
        for rule in map(parse_rule, rules)
        for lag in rule.lags
    )
    return CausalGraph(tuple(sorted({end for edge in edges for end in edge[:2]})), edges, hidden)


def ask(data: Matrix, graph: CausalGraph, **further) -> EffectResult:
    question = EffectQuestion(Variable(WEB, "x"), Variable(WEB, "y"), 300)._replace(**further)
    return analyse_effect(question, data, graph, signals("x y z m c u"))


def confounded_by_something_hidden(seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    hidden, flag = autoregressive(rng, N), (rng.random(N) < 0.3).astype(float)
    x = hidden + 2 * flag + rng.normal(size=N)
    y = 1.0 * x + 0.5 * delayed(x, 1) + 2 * hidden + rng.normal(size=N)
    return laid_out({Variable(WEB, "x"): x, Variable(WEB, "y"): y, Variable(WEB, "z"): flag})


HIDDEN = ("u -> x", "u -> y", "u -> u (lag 1)", "x -> y (lag 0..1)", "z -> x")


def test_an_event_that_the_graph_knows_as_an_instrument_is_used_where_adjustment_fails():
    result = ask(confounded_by_something_hidden(1), caused(*HIDDEN, unmeasured="u"))
    assert result.method == "iv.instrumental_variable"
    assert covers(result.effect, 1.5)
    assert not covers(result.association, 1.5)
    assert any("only through" in sentence for sentence in result.assumptions)
    assert "weak instrument" in {check.name for check in result.checks}


def test_an_instrument_may_be_named_in_the_question():
    result = ask(confounded_by_something_hidden(2), caused(*HIDDEN[:4], unmeasured="u"), instruments=("z",))
    assert covers(result.effect, 1.5)


def test_what_is_not_identified_says_which_variable_to_measure():
    result = ask(confounded_by_something_hidden(3), caused(*HIDDEN[:4], unmeasured="u"))
    assert np.isnan(result.effect.value)
    assert result.identified_by == "not identified"
    assert any("measure" in notice and "u" in notice for notice in result.notices)


def test_a_front_door_is_taken_where_there_is_one():
    rng = np.random.default_rng(4)
    hidden = autoregressive(rng, N)
    x = hidden + rng.normal(size=N)
    m = 0.8 * x + rng.normal(size=N)
    y = 1.5 * m + 2 * hidden + rng.normal(size=N)
    data = laid_out({Variable(WEB, "x"): x, Variable(WEB, "m"): m, Variable(WEB, "y"): y})
    result = ask(data, caused("u -> x", "u -> y", "x -> m", "m -> y", unmeasured="u"))
    assert result.method == "frontdoor.two_stage_regression"
    assert covers(result.effect, 1.2)


def several(seed: int, effects: tuple[float, ...]) -> tuple[Matrix, CausalGraph, tuple[Entity, ...]]:
    """Services whose load confounds them, each with a slope of its own."""
    rng = np.random.default_rng(seed)
    entities = tuple(service(f"s{number}", "ab"[number % 2]) for number in range(len(effects)))
    rows = {}
    for number, (entity, effect) in enumerate(zip(entities, effects, strict=True)):
        z = autoregressive(rng, N)
        x = (1 + number) * z + rng.normal(size=N)
        y = 10 * number + effect * x + (3 - number) * z + autoregressive(rng, N, 0.5)
        rows |= {Variable(entity, name): row for name, row in (("x", x), ("y", y), ("z", z))}
    return laid_out(rows), caused("z -> x", "z -> y", "x -> y", entities=entities), entities


def pooled(effects: tuple[float, ...], **further) -> EffectResult:
    data, graph, entities = several(5, effects)
    every = Entity("service", ())
    ends = {"treatment": Variable(every, "x"), "outcome": Variable(every, "y"), "entities": entities}
    return ask(data, graph, **ends, **further)


def test_a_pooled_effect_is_one_for_all_with_each_service_beside_it():
    result = pooled((1.0, 1.0, 1.0, 1.0))
    assert covers(result.effect, 1.0)
    assert str(result.outcome) == "y"
    assert {(g.modifier, g.level) for g in result.groups} == {("service", f"{'ab'[n % 2]}/s{n}") for n in range(4)}
    assert all(covers(group.effect, 1.0) for group in result.groups)
    assert result.adjustment_set == ("z",)


def test_a_label_of_the_entity_tells_effects_apart():
    result = pooled((1.0, 3.0, 1.0, 3.0), modifiers=("namespace",))
    found = {group.level: group.effect for group in result.groups if group.modifier == "namespace"}
    assert covers(found["a"], 1.0)
    assert covers(found["b"], 3.0)


def test_a_signal_tells_effects_apart_by_its_level():
    rng = np.random.default_rng(6)
    c, x = autoregressive(rng, N, 0.5), rng.normal(size=N)
    y = np.where(c > 0, 3.0, 1.0) * x + rng.normal(size=N)
    data = laid_out({Variable(WEB, name): row for name, row in (("x", x), ("y", y), ("c", c))})
    result = ask(data, caused("x -> y", "c -> y"), modifiers=("c",), method="backdoor.linear_regression")
    low, _, high = (group.effect for group in result.groups if group.modifier == "c")
    assert covers(low, 1.0)
    assert covers(high, 3.0)


def test_strata_show_the_association_within_beside_the_aggregate():
    result = pooled((-1.0, -1.0, -1.0, -1.0), strata="service")
    assert result.stratified is not None
    assert {group.level for group in result.stratified.within} == {"s0", "s1", "s2", "s3"}
    first = next(group.effect for group in result.stratified.within if group.level == "s0")
    assert first.lower > 1, "the load, which moves both, is in the association"
    assert covers(result.effect, -1.0)


def test_the_association_of_a_pooled_effect_is_not_adjusted():
    assert pooled((0.0, 0.0, 0.0)).association.lower > 0


def test_the_association_of_a_pooled_effect_is_the_aggregate_of_simpsons_view():
    result = pooled((1.0, 1.0, 1.0), strata="service")
    assert result.stratified is not None
    assert result.association.value == pytest.approx(result.stratified.aggregate.value)


def test_the_assumptions_of_a_pooled_effect_name_no_single_service():
    assert any("moves both x and y" in said for said in pooled((1.0, 1.0)).assumptions)


def test_a_pooled_treatment_that_hardly_moves_on_its_own_has_no_overlap():
    data, graph, entities = several(5, (1.0, 1.0))
    stuck = {v: (100 * row if v.signal == "z" else row) for v, row in zip(data.variables, data.values, strict=True)}
    for entity in entities:
        stuck[Variable(entity, "x")] = stuck[Variable(entity, "z")] + stuck[Variable(entity, "x")]
    ends = {name: Variable(Entity("service", ()), end) for name, end in (("treatment", "x"), ("outcome", "y"))}
    result = ask(laid_out(stuck), graph, **ends, entities=entities)
    assert {check.name: check.passed for check in result.checks}["overlap"] is False


@pytest.mark.parametrize("method", ["backdoor.linear_regression", "backdoor.double_machine_learning"])
def test_another_method_answers_the_same_question(method):
    data, graph, (first, *_) = several(7, (1.0, 1.0))
    result = ask(data, graph, treatment=Variable(first, "x"), outcome=Variable(first, "y"), method=method)
    assert result.method == method
    assert covers(result.effect, 1.0)
    assert np.isfinite(result.series.effect).all()
    within = (result.series.effect_lower <= 1.0) & (result.series.effect_upper >= 1.0)
    assert within.mean() > 0.8


def test_rolling_double_machine_learning_ends_at_the_estimate_over_everything():
    data, graph, (first, *_) = several(7, (1.0, 1.0))
    ends = {"treatment": Variable(first, "x"), "outcome": Variable(first, "y")}
    result = ask(data, graph, **ends, method="backdoor.double_machine_learning", window=N)
    assert result.series.effect[-1] == pytest.approx(result.effect.value, abs=1e-3)
    assert result.series.effect_upper[-1] == pytest.approx(result.effect.upper, abs=0.05)


def test_a_signal_that_nobody_has_is_a_notice():
    result = ask(
        *several(8, (1.0,))[:2],
        treatment=Variable(service("s0", "a"), "x"),
        outcome=Variable(service("s0", "a"), "y"),
        modifiers=("nothing",),
    )
    assert any("'nothing' is not measured" in notice for notice in result.notices)
