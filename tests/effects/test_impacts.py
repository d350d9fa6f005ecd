"""What an intervention changed, as the settings ask for it."""

import numpy as np
import pytest
from simulated import autoregressive, covers

from datasource.data import Entity, Matrix, Variable
from datasource.effects import EffectResult, analyse_impact
from datasource.graph import CausalGraph, Edge
from datasource.settings import Impact, Signal

N, BEGAN, STEP, START = 600, 500, 30, 1_700_000_010
SIGNALS = {name: Signal(entity="service", query="q", window=STEP) for name in ("latency", "rollouts")}


def service(name: str) -> Entity:
    return Entity("service", (("namespace", "shop"), ("service", name)))


def matrix(seed: int = 0, effect: float = 2.0) -> Matrix:
    """Four services with a common course; web is changed at step 500."""
    rng = np.random.default_rng(seed)
    common = autoregressive(rng, N, 0.9)
    rows = {Variable(service(name), "latency"): common + autoregressive(rng, N, 0.5) for name in ("web", "a", "b", "c")}
    rows[Variable(service("web"), "latency")][BEGAN:] += effect
    rollouts = np.zeros(N)
    rollouts[[100, BEGAN]] = 1
    rows[Variable(service("web"), "rollouts")] = rollouts
    return Matrix(tuple(rows), START, STEP, np.vstack(list(rows.values())))


def impact(data: Matrix | None = None, **said) -> EffectResult:
    asked = {"outcome": "latency", "treated": "shop/web", "at": "rollouts"} | said
    return analyse_impact(Impact(**asked), data or matrix(), SIGNALS)


@pytest.mark.parametrize("method", ["difference_in_differences", "synthetic_control", "counterfactual_regression"])
def test_the_newest_rollout_is_compared_with_the_others(method):
    result = impact(method=method)
    assert covers(result.effect, 2.0)
    assert str(result.outcome) == "shop/web.latency"
    assert result.comparison is not None
    assert result.comparison.began == (START + BEGAN * STEP) // STEP
    assert result.comparison.times[-1] == matrix().end // STEP


def test_a_time_may_be_named_instead_of_an_event():
    assert impact(at=str(START + BEGAN * STEP)).effect == impact().effect


def test_controls_may_be_chosen():
    result = impact(controls=("a", "shop/b"))
    assert covers(result.effect, 2.0)
    assert result.effect != impact().effect


def test_without_an_effect_the_interval_holds_0():
    covered = [covers(impact(matrix(seed, 0.0)).effect, 0.0) for seed in range(20)]
    assert np.mean(covered) >= 0.85


def test_checks_stand_beside_an_impact():
    assert {"parallel trends", "placebo dates"} <= {check.name for check in impact().checks}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"treated": "shop/nobody"}, "'shop/nobody' has no latency"),
        ({"controls": ("nobody",)}, "control 'nobody' has no latency"),
        ({"at": "yesterday"}, "'yesterday' is neither a time nor a signal of shop/web"),
        ({"at": "2001-01-01T00:00:00Z"}, "lies outside the baseline"),
        ({"until": "someday"}, "'someday' is neither a time nor a signal of shop/web"),
        ({"until": str(START)}, "is not after the start"),
        ({"at": str(START + 101), "until": str(START + 102)}, "no point lies between"),
        ({"treated": "a"}, "'rollouts' is neither a time nor a signal of shop/a"),
    ],
)
def test_what_cannot_be_compared_is_said(said, told):
    result = impact(**said)
    assert np.isnan(result.effect.value)
    assert any(told in notice for notice in result.notices), result.notices


def test_an_intervention_too_far_back_says_so(monkeypatch):
    monkeypatch.setattr("datasource.effects.impacts._NUMBERS", 0)
    young = matrix()
    later = np.tile(young.values[:, :1], (1, 1500))
    later[-1] = 0
    data = Matrix(young.variables, START, STEP, np.hstack([young.values, later]))
    result = impact(data)
    assert not np.isfinite(result.effect.value)
    assert "before the newest 1,440 points" in result.notices[0]


def test_more_points_than_a_day_of_minutes_are_compared_where_they_are_there():
    rng = np.random.default_rng(0)
    rows = {Variable(service(name), "latency"): autoregressive(rng, 4000, 0.5) for name in ("web", "a", "b")}
    data = Matrix(tuple(rows), START, STEP, np.vstack(list(rows.values())))
    compared = impact(data, at=str(START + 1000 * STEP)).comparison
    assert compared is not None
    assert len(compared.times) == 4000


def ended(seed: int = 0, lasting: float = 0.0) -> Matrix:
    """Web is changed by 2 from step 500 until 560, where a rollback leaves `lasting` of it."""
    young = matrix(seed)
    values = young.values.copy()
    values[young.rows([Variable(service("web"), "latency")])[0], 560:] += lasting - 2
    rollbacks = np.zeros(N)
    rollbacks[[50, 560]] = 1
    variables = (*young.variables, Variable(service("web"), "rollbacks"))
    return Matrix(variables, START, STEP, np.vstack([values, rollbacks]))


END = str(START + 560 * STEP)


@pytest.mark.parametrize("method", ["difference_in_differences", "synthetic_control", "counterfactual_regression"])
def test_an_impact_with_an_end_is_that_of_its_window(method):
    result = impact(ended(), until=END, method=method)
    assert covers(result.effect, 2.0)
    assert result.effect.lower > 0
    assert result.comparison is not None
    assert result.comparison.cumulative.value == pytest.approx(60 * result.effect.value)
    assert result.comparison.ended == int(END) // STEP
    assert len(result.comparison.times) == N
    assert (np.diff(result.comparison.times) == 1).all()


def test_what_is_observed_after_the_end_says_whether_the_effect_is_gone_or_lasts():
    gone, lasts = impact(ended(), until=END), impact(ended(lasting=2.0), until=END)
    assert covers(gone.comparison.afterwards, 0.0)
    assert gone.notices[-1].endswith("the effect is gone")
    assert covers(lasts.comparison.afterwards, 2.0)
    assert lasts.notices[-1].endswith("the effect lasts")
    turned = impact(ended(lasting=-2.0), until=END)
    assert turned.notices[-1].endswith("it is on the other side of 0")


def test_without_regard_to_its_end_an_effect_is_watered_down():
    assert impact(ended()).effect.value < 0.8 * impact(ended(), until=END).effect.value


def test_the_first_rollback_after_the_start_may_be_the_end():
    assert impact(ended(), until="rollbacks").effect == impact(ended(), until=END).effect


def test_an_event_that_lasts_ends_when_it_is_over():
    data = ended()
    values = data.values.copy()
    values[data.rows([Variable(service("web"), "rollouts")])[0], BEGAN:560] = 1
    lasting = Matrix(data.variables, START, STEP, values)
    assert impact(lasting, until="rollouts").effect == impact(data, until=END).effect


def test_an_end_that_has_not_come_leaves_everything_after_the_start():
    later = str(START + 2 * N * STEP)
    result = impact(until=later)
    assert result.effect == impact().effect
    assert result.notices[-1] == f"until {later}: it still goes on at the newest point"


WEB = {name: Variable(service("web"), name) for name in ("latency", "requests", "retries", "throttled", "rollouts")}


def throttled(seed: int = 0) -> Matrix:
    """A service alone: its latency follows its load and its throttling; an intervention adds 27 ms for an hour."""
    rng = np.random.default_rng(seed)
    requests = 100 + 20 * autoregressive(rng, N, 0.8)
    squeezed = np.maximum(autoregressive(rng, N, 0.8), 0)
    latency = 80 + 0.9 * requests + 6 * squeezed + 3 * autoregressive(rng, N, 0.5)
    latency[400:520] += 27
    retries = 0.1 * latency + rng.normal(size=N)
    rollouts = np.zeros(N)
    rollouts[400] = 1
    rows = dict(zip(WEB.values(), (latency, requests, retries, squeezed, rollouts), strict=True))
    return Matrix(tuple(rows), START, STEP, np.vstack(list(rows.values())))


def service_graph(*rules: str) -> CausalGraph:
    pairs = [rule.split(" -> ") for rule in rules]
    return CausalGraph(tuple(WEB.values()), tuple(Edge(WEB[cause], WEB[effect], 0) for cause, effect in pairs))


CAUSES = service_graph("requests -> latency", "throttled -> latency", "rollouts -> latency")


def by_causes(seed: int = 0, graph: CausalGraph | None = CAUSES, **said) -> EffectResult:
    asked = {"outcome": "latency", "treated": "web", "at": "rollouts", "until": str(START + 520 * STEP)}
    return analyse_impact(Impact(**asked | {"controls": "causes"} | said), throttled(seed), SIGNALS, (), graph)


def test_27_ms_for_an_hour_are_seen_against_the_own_causes_and_the_interval_holds_them():
    found = [by_causes(seed) for seed in range(30)]
    alone = [by_causes(seed, controls=(), method="counterfactual_regression") for seed in range(30)]
    assert np.mean([covers(result.effect, 27) for result in found]) >= 0.86
    assert np.mean([covers(result.effect, 27) for result in alone]) >= 0.8
    widths = [np.median([r.effect.upper - r.effect.lower for r in results]) / 2 for results in (found, alone)]
    assert widths[0] < 3
    assert widths[1] > 5 * widths[0]
    assert np.mean([covers(result.comparison.afterwards, 0) for result in found]) >= 0.86


def test_own_causes_are_named_and_the_intervention_is_none_of_them():
    result = by_causes()
    assert result.adjustment_set == ("shop/web.requests", "shop/web.throttled")
    assert result.method == "counterfactual_regression"
    assert "no controls, the intervention or the outcome moves them: shop/web.rollouts" in result.notices


def test_one_series_by_itself_may_be_an_interrupted_time_series():
    result = by_causes(method="interrupted_time_series")
    assert covers(result.effect, 27)
    assert [group.level for group in result.groups] == ["change of the level", "change of the trend, by step"]
    assert covers(result.groups[0].effect, 27)
    alone = impact(method="interrupted_time_series")
    assert covers(alone.effect, 2.0)
    assert alone.comparison is not None
    assert np.isnan(alone.comparison.control).all(), "no other entity is looked at"


def test_what_the_intervention_or_the_outcome_moves_is_no_control():
    graph = service_graph(
        "requests -> latency",
        "rollouts -> throttled",
        "throttled -> latency",
        "latency -> retries",
        "retries -> latency",
    )
    result = by_causes(graph=graph)
    assert result.adjustment_set == ("shop/web.requests",)
    assert "moves them: shop/web.retries, shop/web.throttled" in result.notices[0]
    assert covers(result.effect, 27)


def test_causes_may_stand_beside_other_entities():
    data = matrix()
    requests = Variable(service("web"), "requests")
    load = autoregressive(np.random.default_rng(1), N, 0.9)
    values = data.values.copy()
    values[0] += 2 * load
    with_load = Matrix((*data.variables, requests), START, STEP, np.vstack([values, load]))
    graph = CausalGraph((requests, data.variables[0]), (Edge(requests, data.variables[0], 0),))
    asked = Impact(outcome="latency", treated="web", at="rollouts", controls=("causes", "a", "b"))
    result = analyse_impact(asked, with_load, SIGNALS, (), graph)
    others = impact(with_load, controls=("a", "b"), method="counterfactual_regression")
    assert covers(result.effect, 2.0)
    assert result.effect.upper - result.effect.lower < others.effect.upper - others.effect.lower


@pytest.mark.parametrize("graph", [None, service_graph("rollouts -> latency"), service_graph("latency -> retries")])
def test_without_a_cause_to_control_for_it_is_said(graph):
    result = by_causes(graph=graph)
    assert np.isnan(result.effect.value)
    assert "the graph has no cause of shop/web.latency to control for" in result.notices[0]


def test_a_cause_that_is_hardly_measured_is_left_out():
    graph = service_graph("requests -> latency", "throttled -> latency")
    data = throttled()
    values = data.values.copy()
    values[data.rows([WEB["throttled"]])[0], ::5] = np.nan
    asked = Impact(outcome="latency", treated="web", at="rollouts", controls="causes")
    result = analyse_impact(asked, Matrix(data.variables, START, STEP, values), SIGNALS, (), graph)
    assert result.adjustment_set == ("shop/web.requests",)
    assert "no controls, not measured or too often missing: shop/web.throttled" in result.notices


def throttle(*, change: float = 27.0, before: tuple[int, ...] = (100, 220), at: str = "throttle") -> EffectResult:
    """One service whose requests and throttle move its latency; the newest throttle changes it by `change`."""
    rng = np.random.default_rng(4)
    requests, on = rng.normal(100, 20, N), np.zeros(N)
    for first in before:
        on[first : first + 30] = 1
    latency = 80 + 0.9 * requests + 27 * on + rng.normal(0, 3, N)
    on[BEGAN : BEGAN + 60], latency[BEGAN : BEGAN + 60] = 1, latency[BEGAN : BEGAN + 60] + change
    own = {name: Variable(service("web"), name) for name in ("requests", "throttle", "latency")}
    data = Matrix(tuple(own.values()), START, STEP, np.vstack([requests, on, latency]))
    edges = tuple(Edge(own[cause], own["latency"], 0) for cause in ("requests", "throttle"))
    signals = {name: Signal(entity="service", query="q", window=STEP) for name in own}
    until = str(START + (BEGAN + 60) * STEP)
    asked = Impact(outcome="latency", treated="shop/web", at=at, until=until, controls=("causes",))
    return analyse_impact(asked, data, signals, (), CausalGraph(tuple(own.values()), edges))


def foretold(result: EffectResult) -> str:
    (said,) = [notice for notice in result.notices if "predict" in notice]
    return said


@pytest.mark.parametrize("at", ["throttle", str(START + BEGAN * STEP)])
def test_what_the_graph_predicted_stands_beside_what_was_observed(at):
    result = throttle(at=at)
    assert result.comparison.predicted is not None
    assert covers(result.comparison.predicted, 27.0)
    assert covers(result.effect, 27.0)
    assert result.adjustment_set == ("shop/web.requests",)
    assert foretold(result).startswith("the graph's equations of before the start predict a change of 2")
    assert foretold(result).endswith("for shop/web.throttle at 1: what was observed agrees")


def test_an_intervention_that_does_more_than_the_graph_knows_contradicts_it():
    result = throttle(change=90.0)
    assert covers(result.comparison.predicted, 27.0)
    assert foretold(result).endswith("what was observed is another effect")


def test_what_was_never_seen_before_is_not_predicted():
    result = throttle(before=())
    assert result.comparison.predicted is None
    assert foretold(result).startswith("the graph predicts nothing for it: ")
    assert "throttle" in foretold(result)
