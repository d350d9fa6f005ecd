"""The ranking names who broke, on what little is measured, and knows nobody's name."""

import numpy as np
import pytest

from datasource.causes.ranking.rank import Ranking, rank
from datasource.data import Entity, Matrix, Variable
from datasource.settings import Signal

SIGNALS = {
    "requests": Signal(entity="service", query="r", window=60.0, unit="reqps", role="load"),
    "work": Signal(entity="service", query="w", window=60.0, unit="s", role="work"),
    "latency": Signal(entity="service", query="l", window=60.0, unit="s", role="latency"),
    "errors": Signal(entity="service", query="e", window=60.0, unit="reqps", role="failure"),
    "cpu": Signal(entity="service", query="c", window=60.0, unit="cores", role="saturation"),
    "disk": Signal(entity="service", query="d", window=60.0, unit="bytes", role="saturation"),
    "success": Signal(entity="service", query="s", window=60.0, unit="%", role="success"),
}
SIGNALS["client_latency"] = SIGNALS["latency"]
WEB, CART, DB, PAY = (Entity("service", (("service", name),)) for name in ("web", "cart", "db", "pay"))
CALLS = ((WEB, CART), (CART, DB))


def measured(rows: dict[str, float], points: int, seed: int, noise: float = 0.03) -> Matrix:
    """Variables as `web.latency` at about these levels."""
    rng = np.random.default_rng(seed)
    entities = {str(entity): entity for entity in (WEB, CART, DB, PAY)}
    variables = tuple(Variable(entities[name.split(".")[0]], name.split(".")[1]) for name in rows)
    levels = np.array(list(rows.values()))[:, None]
    return Matrix(variables, 60_000, 60, levels * np.exp(noise * rng.normal(size=(len(rows), points))))


def ranked(
    normal: dict[str, float], changed: dict[str, float], *, points: int = 5, before: int = 60, **known
) -> Ranking:
    return rank(measured(normal, before, 1), measured({**normal, **changed}, points, 2), SIGNALS, **known)


def first(ranking: Ranking) -> str:
    return str(ranking.variables[0].variable.entity)


CHAIN = {"web.latency": 0.10, "cart.latency": 0.08, "db.latency": 0.05, "web.requests": 50.0, "cart.requests": 50.0}
CHAIN |= {"db.requests": 50.0}
SLOW_DB = {"web.latency": 0.20, "cart.latency": 0.18, "db.latency": 0.15}


def test_whoever_waits_for_the_broken_service_is_not_named():
    assert first(ranked(CHAIN, SLOW_DB, calls=CALLS, symptom=Variable(WEB, "latency"))) == "db"
    own = {"web.latency": 0.20, "cart.latency": 0.18}
    assert first(ranked(CHAIN, own, calls=CALLS, symptom=Variable(WEB, "latency"))) == "cart"


def test_whom_the_symptom_does_not_reach_along_the_calls_is_less_likely():
    normal = {**CHAIN, "pay.latency": 0.05, "pay.requests": 50.0}
    slow = {"db.latency": 0.15, "pay.latency": 0.15}
    calls, symptom = (*CALLS, (PAY, PAY)), Variable(WEB, "latency")
    told = ranked(normal, slow, calls=calls, symptom=symptom).entities
    unknown = ranked(normal, slow, calls=calls).entities
    assert told[DB] == pytest.approx(unknown[DB])
    assert told[PAY] < 0.8 * unknown[PAY]


def test_who_broke_beside_somebody_far_slower_is_seen_once_that_one_is_set_apart():
    normal = {**CHAIN, "pay.latency": 0.05, "pay.requests": 50.0}
    changed = {"db.latency": 3.05, "cart.latency": 3.08, "web.latency": 3.10, "pay.latency": 0.15}
    together, apart = (ranked(normal, changed, calls=(*CALLS, (WEB, PAY)), apart=whom) for whom in ((), [DB]))
    assert together.blamed == (DB,)
    assert PAY in apart.blamed


WAITS = {"web.latency": 0.10, "web.client_latency": 0.05, "web.requests": 50.0}
WAITS |= {"cart.latency": 0.02, "cart.requests": 50.0, "db.latency": 0.02, "db.requests": 50.0}


def test_who_waits_on_the_way_is_not_slow_by_itself():
    late = {"web.latency": 0.30, "web.client_latency": 0.25}
    calls = ((WEB, CART), (WEB, DB))
    waits, slow = (ranked(WAITS, one, calls=calls).entities for one in (late, {"web.latency": 0.30}))
    assert slow[WEB] > 1
    assert waits[WEB] < 0.5 * slow[WEB]
    assert waits[CART] == pytest.approx(waits[DB], abs=0.1)
    assert waits[CART] > 0.5 > slow[CART]


def test_a_way_is_blamed_by_its_callers_that_wait_also_where_one_of_them_waits_for_others_as_well():
    normal = {**WAITS, "pay.latency": 0.02, "pay.requests": 50.0, "pay.client_latency": 0.01}
    late = {"web.latency": 0.30, "web.client_latency": 0.25, "pay.latency": 0.12, "pay.client_latency": 0.02}
    both = ranked(normal, late, calls=((WEB, CART), (WEB, DB), (PAY, DB))).entities
    assert both[DB] > 0.9 * both[CART]
    alone = ranked(normal, {"web.latency": 0.30, "web.client_latency": 0.25}, calls=((WEB, CART), (WEB, DB), (PAY, DB)))
    assert alone.entities[DB] < 0.9 * alone.entities[CART], "pay calls it as well, and does not wait"


def test_contributions_are_in_the_symptoms_unit_and_do_not_exceed_its_gap():
    found = ranked(CHAIN, SLOW_DB, calls=CALLS, symptom=Variable(WEB, "latency")).variables
    told = {str(one.variable.entity): one for one in found if one.contribution is not None}
    assert told["db"].unit == "s"
    assert told["db"].contribution == pytest.approx(0.10, rel=0.15)
    assert sum(one.contribution for one in told.values()) <= 0.12


def test_a_service_that_is_abnormal_inside_comes_before_those_who_only_suffer():
    normal = {f"{name}.{signal}": 1.0 for name in ("web", "cart", "db") for signal in ("cpu", "disk", "latency")}
    changed = {"db.cpu": 4.0, "web.latency": 3.0, "cart.latency": 3.0, "db.latency": 3.0}
    assert first(ranked(normal, changed)) == "db"
    assert first(ranked(normal, changed, calls=CALLS)) == "db"


def test_resources_alone_are_enough():
    normal = {f"{name}.{signal}": 1.0 for name in ("web", "cart", "db") for signal in ("cpu", "disk")}
    assert first(ranked(normal, {"cart.disk": 2.0}, points=3, before=30)) == "cart"


def test_a_share_of_success_counts_as_failures():
    normal = {"web.success": 99.9, "cart.success": 99.9, "db.success": 99.9}
    normal |= {"web.requests": 50.0, "cart.requests": 50.0, "db.requests": 50.0}
    before, now = measured(normal, 60, 1, noise=1e-4), measured({**normal, "cart.success": 90.0}, 5, 2, noise=1e-4)
    assert first(rank(before, now, SIGNALS)) == "cart"


def test_traffic_alone_is_no_cause():
    normal = {f"{name}.{s}": 1.0 for name in ("web", "cart", "db") for s in ("cpu", "requests", "latency", "work")}
    more = {name: 1.5 for name in normal if not name.endswith("latency")}
    assert not ranked(normal, more, calls=CALLS).blamed
    assert ranked(normal, {**more, "db.cpu": 6.0}, calls=CALLS).blamed == (DB,)


def test_a_queue_that_traffic_filled_is_no_cause():
    normal = {f"{name}.{s}": 1.0 for name in ("web", "cart", "db") for s in ("requests", "latency")}
    more = {name: 1.5 for name in normal if name.endswith("requests")}
    assert not ranked(normal, {**more, "db.latency": 3.0}, calls=CALLS).blamed
    assert ranked(normal, {"db.latency": 3.0}, calls=CALLS).blamed == (DB,)


def test_a_disk_that_is_written_now_and_then_is_no_cause():
    normal = {f"{name}.{s}": 1.0 for name in ("web", "cart", "db") for s in ("cpu", "disk")}
    before, now = measured(normal, 60, 1), measured(normal, 5, 2)
    seldom, written = before.values.copy(), now.values.copy()
    seldom[1::2] *= np.random.default_rng(3).random((3, 60)) < 0.15
    written[1::2] = 0.0
    written[5, 1:3] = 1.0
    before, now = Matrix(before.variables, 0, 60, seldom), Matrix(now.variables, 3600, 60, written)
    assert not rank(before, now, SIGNALS).blamed
    much = Matrix(now.variables, 3600, 60, np.where(np.arange(6)[:, None] == 5, 100.0, written))
    assert rank(before, much, SIGNALS).blamed == (DB,)


def test_confidence_is_high_where_one_broke_and_goes_to_nobody_where_none_did():
    sure = ranked(CHAIN, SLOW_DB, calls=CALLS).confidence
    assert sure[DB] > 0.6 > sum(share for entity, share in sure.items() if entity != DB)
    assert sum(sure.values()) <= 1
    assert sum(ranked(CHAIN, {}, calls=CALLS).confidence.values()) < 0.3


def test_an_excess_of_who_calls_somebody_unmeasured_may_come_from_there():
    normal = {f"{name}.{signal}": 0.1 for name in ("web", "cart", "db") for signal in ("latency", "cpu")}
    cache = Entity("service", (("service", "cache"),))
    calls = ((WEB, CART), (CART, DB), (CART, cache))
    assert ranked(normal, {"cart.latency": 0.4}, calls=calls).outside == (cache,)
    assert not ranked(normal, {"cart.latency": 0.4, "cart.cpu": 0.4}, calls=calls).outside
    assert not ranked(normal, {"db.latency": 0.4}, calls=calls).outside
    assert not ranked(normal, {"cart.latency": 0.4}, calls=CALLS).outside
    assert not ranked(normal, {}, calls=calls).outside


RESOURCES = {f"{name}.{signal}": 1.0 for name in ("web", "cart", "db") for signal in ("cpu", "disk", "latency")}


def test_a_service_whose_resources_all_vanish_has_stopped():
    assert ranked(RESOURCES, {"db.cpu": 0.05, "db.disk": 0.05}).blamed == (DB,)


def test_who_is_asked_less_like_everybody_else_has_not_stopped():
    less = {name: 0.4 for name in RESOURCES if not name.endswith("latency")}
    assert not ranked(RESOURCES, less).blamed


def test_without_calls_whoever_grew_most_relative_to_its_usual_latency_comes_first():
    normal = {"web.latency": 1.0, "cart.latency": 0.1, "db.latency": 0.01}
    assert first(ranked(normal, {"web.latency": 1.3, "cart.latency": 0.35, "db.latency": 0.21})) == "db"


def test_a_fault_that_begins_late_in_ten_minutes_of_seconds_is_found():
    changed = measured(RESOURCES, 400, 2), measured({**RESOURCES, "cart.cpu": 3.0}, 200, 3)
    now = Matrix(changed[0].variables, 0, 60, np.hstack([part.values for part in changed]))
    assert rank(measured(RESOURCES, 600, 1), now, SIGNALS).blamed == (CART,)


def test_normal_minutes_blame_nobody():
    assert not ranked(CHAIN, {}, calls=CALLS).blamed


def test_one_stray_point_is_no_incident():
    before, now = measured(CHAIN, 60, 1), measured(CHAIN, 3, 2)
    values = now.values.copy()
    values[2, 1] *= 20
    assert not rank(before, Matrix(now.variables, now.start, 60, values), SIGNALS, CALLS).blamed


@pytest.mark.parametrize("scale", [1e-9, 1e12])
def test_the_ranking_does_not_depend_on_the_scale_of_a_resource(scale):
    normal = {f"{name}.cpu": 1.0 for name in ("web", "cart", "db")}
    as_is = ranked(normal, {"db.cpu": 2.0}).entities
    scaled = ranked({name: scale for name in normal}, {"db.cpu": 2 * scale}).entities
    assert scaled == pytest.approx(as_is)


def test_names_say_nothing_to_it():
    renamed = {"web": "cart", "cart": "db", "db": "web"}
    turned = {f"{renamed[n.split('.')[0]]}.{n.split('.')[1]}": v for n, v in CHAIN.items()}
    slow = {f"{renamed[n.split('.')[0]]}.{n.split('.')[1]}": v for n, v in SLOW_DB.items()}
    assert first(ranked(turned, slow, calls=((CART, DB), (DB, WEB)), symptom=Variable(CART, "latency"))) == "web"


def test_equal_services_have_equal_scores():
    before = np.tile(np.random.default_rng(1).normal(1, 0.1, 40), (3, 1))
    variables = tuple(Variable(entity, "cpu") for entity in (WEB, CART, DB))
    ranking = rank(Matrix(variables, 0, 60, before), Matrix(variables, 2400, 60, before[:, :3]), SIGNALS)
    assert len(set(ranking.entities.values())) == 1


@pytest.mark.parametrize("dirt", ["constant", "nothing known", "one point", "other columns", "no columns"])
def test_dirty_input_is_ranked_without_complaint(dirt):
    before, now = measured(CHAIN, 30, 1), measured({**CHAIN, **SLOW_DB}, 3, 2)
    if dirt == "constant":
        before = Matrix(before.variables, 0, 60, np.ones_like(before.values))
    elif dirt == "nothing known":
        before = Matrix(before.variables, 0, 60, np.full_like(before.values, np.nan))
    elif dirt == "one point":
        before, now = before.between(before.start, before.start), now.between(now.start, now.start)
    elif dirt == "other columns":
        before = before.select(before.variables[:3])
        now = now.select(now.variables[2:])
    else:
        now = Matrix((), 0, 60, np.empty((0, 3)))
    ranking = rank(before, now, SIGNALS, CALLS, Variable(WEB, "latency"))
    assert {one.variable for one in ranking.variables} == {*before.variables, *now.variables}
    assert all(np.isfinite(one.score) for one in ranking.variables)
