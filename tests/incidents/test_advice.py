"""A suggestion says what to do, and what that is predicted to do to the symptom."""

from dataclasses import replace

import numpy as np
import pytest
from advising import CACHE, CALL, DB, LEVELS, NOW, SLOW, START_AT, STEP, WEB, incident, level, said, scores, settings
from worlds import SETTINGS, START, World

from datasource.causes import Contribution, RootCauses, Scores
from datasource.data import Matrix, Variable
from datasource.demo.faults import PAST
from datasource.demo.series import SERIES
from datasource.demo.shop import Shop
from datasource.effects import StructuralModel, fit_structural
from datasource.graph import CausalGraph, Edge
from datasource.incidents.advice import advise
from datasource.incidents.quantity import interval, levels, quantity
from datasource.service import Snapshot
from datasource.settings import load_settings
from datasource.topology import Topology


def events(**at: int) -> Matrix:
    """An hour of events at the database, each at so many seconds before the incident."""
    times = START_AT + STEP * np.arange(-120, 6)
    rows = [(times == START_AT - before).astype(float) for before in at.values()]
    return Matrix(tuple(Variable(DB, name) for name in at), int(times[0]), STEP, np.array(rows))


def test_a_fresh_rollout_of_the_cause_is_named_with_its_time() -> None:
    (told,) = said(incident(), matrix=events(rollouts=60, restarts=3000)).suggestions
    assert told.startswith("roll shop/db back (rollouts at 22:13 UTC): ")


def test_an_alert_says_the_first_one_without_what_it_is_predicted_to_do() -> None:
    found = said(incident(), matrix=events(rollouts=60, restarts=3000))
    assert found.action == "roll shop/db back (rollouts at 22:13 UTC)"
    assert found.suggestions[0].startswith(f"{found.action}: ")
    assert said(replace(incident(), end=NOW)).action == ""


def test_an_old_rollout_is_none_and_that_nothing_happened_is_told() -> None:
    (told,) = said(incident(), matrix=events(rollouts=3000, restarts=3000)).suggestions
    assert "roll" not in told.split("(")[0]
    assert "latency is 200 ms, usually 50 ms; no restarts, rollouts since half an hour before" in told


def test_restarts_are_a_reason_to_look_at_why() -> None:
    told = said(incident(), matrix=events(rollouts=3000, restarts=30)).suggestions[0]
    assert told.startswith("look at why shop/db had restarts at 22:13 UTC")


@pytest.mark.parametrize(
    ("resource", "now", "usual", "text"),
    [
        ("cpu", 3.6, 2.0, "scale shop/db out, or raise its cpu limit (cpu is 3.6 cores, usually 2 cores)"),
        ("memory", 2**32, 2**31, "restart shop/db, or raise its memory limit (memory is 4 GiB, usually 2 GiB)"),
    ],
)
def test_a_resource_that_is_short_is_what_to_relieve(resource: str, now: float, usual: float, text: str) -> None:
    known = LEVELS | {Variable(DB, resource): level(now, usual, broke=True)}
    assert said(incident(), known).suggestions[0].startswith(text)


N = 720


def slow_database() -> tuple[Matrix, StructuralModel, dict[Variable, Scores], float]:
    """web = 0.1 + 2 db + cache, db = 0.2 - 0.02 replicas; for six points db is 0.1 and cache 0.05 slower.

    The model was fitted before. The last number is what web is in these points without the database's fault.
    """
    rng = np.random.default_rng(5)
    count = 3.0 + (np.arange(N + 6) // 90 % 3)
    db = 0.2 - 0.02 * count + 0.004 * rng.normal(size=N + 6)
    cache = 0.05 + 0.004 * rng.normal(size=N + 6)
    cache[N:] += 0.05
    own = 0.1 + 0.005 * rng.normal(size=N + 6)
    healthy = own + 2 * db + cache
    db[N:] += 0.1
    web = own + 2 * db + cache
    rows = {Variable(DB, "latency"): db, Variable(CACHE, "latency"): cache, Variable(WEB, "latency"): web}
    rows |= {Variable(DB, "replicas"): count}
    matrix = Matrix(tuple(rows), NOW - (N + 5) * STEP, STEP, np.array(list(rows.values())))
    edges = [Edge(Variable(DB, "latency"), Variable(WEB, "latency"), 0)]
    edges += [Edge(Variable(CACHE, "latency"), Variable(WEB, "latency"), 0)]
    edges += [Edge(Variable(DB, "replicas"), Variable(DB, "latency"), 0)]
    before = matrix.between(matrix.start, START_AT - STEP)
    model = fit_structural(before, CausalGraph(tuple(rows), tuple(edges)), settings().signals)
    known = {v: scores(row[N:], float(row[:N].mean())) for v, row in rows.items()}
    expected = 0.2 - 0.02 * count[N:].mean()
    known[Variable(DB, "latency")] = scores(db[N:], float(db[:N].mean()), expected)
    return matrix, model, known, float(healthy[-5:].mean())


ROLL_BACK = "roll_back: {text: 'roll {service} back', against: [latency], change: usual}"
SCALE_OUT = "scale_out: {text: 'scale {service} out', against: [latency], change: {replicas: now + 2}}"
TWO = RootCauses(
    Variable(WEB, "latency"),
    0.25,
    (Contribution(Variable(CACHE, "latency"), 0.05, 0.2), Contribution(Variable(DB, "latency"), 0.2, 0.8)),
)


def numbers(text: str) -> list[float]:
    """Milliseconds of "from 600 to 400 ms (95%: 390 to 410 ms)": now, predicted, lower, upper."""
    return [float(word) for word in text.replace("95%", "").replace("(:", "").split() if word.isdigit()]


def test_a_remedy_says_what_it_is_predicted_to_do_and_the_truth_lies_within() -> None:
    _, model, known, healthy = slow_database()
    (told,) = said(incident(TWO), known, ROLL_BACK, structural=model).suggestions
    assert told.startswith("roll db back: predicted to bring shop/web.latency from ")
    now, predicted, lower, upper = numbers(told)
    assert now - predicted == pytest.approx(200, abs=15)
    assert lower <= 1000 * healthy <= upper
    assert upper - lower < 40


def test_remedies_are_ordered_by_the_relief_that_is_predicted_of_several_causes() -> None:
    _, model, known, _ = slow_database()
    told = said(incident(TWO, roots=(CACHE, DB)), known, f"{SCALE_OUT}, {ROLL_BACK}", structural=model).suggestions
    assert [one.split(":")[0] for one in told] == ["roll db back", "scale db out", "roll cache back", "scale cache out"]
    assert told[3].endswith("not predicted: shop/cache.replicas is not measured")


def test_a_value_never_seen_is_told_to_be_extrapolation() -> None:
    _, model, known, _ = slow_database()
    told = said(incident(TWO), known, SCALE_OUT.replace("+ 2", "+ 9"), structural=model).suggestions[0]
    assert "replicas was only ever seen between 3 and 5" in told
    assert "is extrapolation" in told


def test_a_remedy_helps_only_against_what_it_is_listed_for() -> None:
    listed = (
        "a: {text: free memory, against: [memory]}, b: {text: page the team, against: [latency], where: {service: w.*}}"
    )
    assert not {"free memory", "page the team"} & set(said(incident(), remedies=listed).suggestions)
    assert "page the team" in said(incident(), remedies=listed.replace("w.*", "d.")).suggestions


def test_a_remedy_after_an_event_waits_for_that_event() -> None:
    listed = (
        "back: {text: 'roll {service} back', against: [latency], after: rollouts, within: 10m, "
        "runbook: 'https://wiki/{service}'}"
    )
    late = said(incident(), remedies=listed, matrix=events(rollouts=900)).suggestions
    assert not late[0].startswith("roll db back")
    soon = said(incident(), remedies=listed, matrix=events(rollouts=300)).suggestions
    assert soon == ("roll db back (rollouts at 22:09 UTC); runbook: https://wiki/db",)


def test_without_a_model_a_judgement_or_known_signals_it_is_words_and_never_an_error() -> None:
    strange = RootCauses(Variable(WEB, "gone"), float("nan"), (Contribution(Variable(DB, "lost"), 1.0, 1.0),))
    for causes in (SLOW, strange):
        for roots in ((), (DB,), (CALL,)):
            told = advise(incident(causes, roots=roots), settings(ROLL_BACK), None, None, Topology())
            assert told.summary
            assert told.suggestions
            assert "nan" not in " ".join((told.summary, *told.suggestions))


def test_a_symptom_without_samples_now_is_told_as_not_known() -> None:
    own = RootCauses(Variable(DB, "latency"), 0.15, (Contribution(Variable(DB, "latency"), 0.15, 1.0),))
    silent = {Variable(DB, "latency"): level(float("nan"), 0.05)}
    (told,) = said(incident(own), silent, ROLL_BACK).suggestions
    assert told.startswith("roll db back: not predicted: what shop/db.latency is now, is not known; its part of")


@pytest.mark.parametrize("unit", ["s", "bytes", "percentunit", "reqps", ""])
def test_levels_that_are_no_numbers_are_unknown(unit: str) -> None:
    known = quantity(2.0, unit)
    assert levels(float("nan"), 2.0, unit, gap=1.0) == f"unknown to {known}"
    assert levels(2.0, float("inf"), unit, gap=1.0) == f"{known} to unknown"
    assert levels(2.0, 2.0, unit, gap=float("nan")) == f"{known} to {known}"


def test_an_interval_that_nearly_touches_0_has_no_more_digits_than_its_width_bears() -> None:
    assert interval(0.1, 1e-7, 0.2, "s") == "100.0 ms [0.0 ms, 200.0 ms]"
    assert interval(0.1, float("nan"), float("inf"), "s") == "100 ms [unknown, unknown]"


def test_a_cause_that_the_graph_does_not_tie_to_the_symptom_shows_its_part_instead() -> None:
    _, model, known, _ = slow_database()
    cut = replace(model, graph=CausalGraph((), ()))
    (told,) = said(incident(TWO), known, ROLL_BACK, structural=cut).suggestions
    assert told.endswith("does not reach shop/web.latency in the graph; its part of shop/web.latency's gap is 200 ms")


FAULT = next(fault for fault in PAST if fault.kind == "slow")


class Healthy(Shop):
    """The same shop, had the fault not been."""

    def _let_faults_happen(self) -> None:
        super()._let_faults_happen()
        self._active = [fault for fault in self._active if fault != FAULT]


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    """The demo's shop twelve steps into a bad release."""
    loaded = load_settings(SETTINGS)
    asking_nothing = loaded.settings.model_copy(update={"effects": (), "impacts": ()})
    return World(FAULT.start_step + 12, loaded._replace(settings=asking_nothing)).tick()


def test_in_the_shop_rolling_back_is_predicted_to_bring_what_it_would_have_been(shop: Snapshot) -> None:
    assert shop.judgement
    cart, root = (
        next(e for e in shop.entities if (e.type, e.name) == ("service", name)) for name in ("cart", FAULT.service)
    )
    symptom, began = Variable(cart, "latency"), START + STEP * FAULT.start_step
    row = next(n for n, one in enumerate(SERIES) if "latency" in one.name and ("service", "cart") in one.labels)
    history = Healthy().history(FAULT.start_step + 12)
    truth = float(np.mean([step.values[row] for step in history[-5:]]))
    gap = float(shop.matrix.row(symptom)[-5:].mean()) - truth
    causes = RootCauses(symptom, gap, (Contribution(Variable(root, "latency"), gap, 1.0),))
    one = incident(causes, (root,), start=began, updated=shop.time)
    (told,) = advise(one, shop.settings, shop.judgement, shop.structural, shop.topology, shop.matrix).suggestions
    assert told.startswith(f"roll platform/{FAULT.service} back (rollouts at ")
    assert told.endswith(f"; runbook: https://runbooks.example.com/roll-back#{FAULT.service}")
    _, predicted, lower, upper = numbers(told.split("UTC")[1].split(";")[0])
    assert lower <= 1000 * truth <= upper
    assert predicted == pytest.approx(1000 * truth, rel=0.05)
    assert gap > 0.08
