"""Who is named, of everybody: what the ranking, the mechanisms, the machine and time before say together."""

import numpy as np
from small_shop import FAULT, POINTS, ROLES, Shop, call, node, service

from datasource.causes.suspects import Busy, Suspects, Ways, suspects
from datasource.data import Entity, Matrix, Variable
from datasource.topology import Topology

STEP = 60
SHOP = Shop([("web", "a"), ("web", "b"), ("a", "db")])
WAYS = Ways(SHOP.topology)
SINCE = FAULT.start * STEP


def asked(matrix: Matrix, broke: dict[str, float] | None = None, shop: Shop = SHOP, **more) -> Suspects:
    known = {service(name): score for name, score in (broke or {}).items()}
    return suspects(matrix, SINCE, ROLES.signals, Ways(shop.topology), [service("web"), *known], known, **more)


def names(found: Suspects) -> list[str]:
    return [str(one) for one in found.roots]


def test_nobody_is_named_while_all_is_well() -> None:
    assert not asked(SHOP.simulate()).roots
    assert sum(asked(SHOP.simulate()).confidence.values()) < 0.5


def test_the_causal_score_makes_it_surer() -> None:
    little = SHOP.simulate(slow={"db": 0.005})
    sure = [asked(little, {"db": score}).confidence[service("db")] for score in (0.0, 1.0, 10.0)]
    assert sure[0] < sure[1] < sure[2]
    assert asked(little, {"db": 50.0}).confidence == asked(little, {"db": 5000.0}).confidence, "clear is clear"


def test_two_who_break_at_once_are_both_named_and_who_waits_for_one_of_them_is_not() -> None:
    found = asked(SHOP.simulate(slow={"db": 0.3, "b": 0.3}), {"db": 9.0, "b": 9.0})
    assert sorted(names(found)) == ["b", "db"]


def test_who_was_busy_before_does_not_make_that_usual() -> None:
    matrix = SHOP.simulate(slow={"db": 0.1})
    values = matrix.values.copy()
    before = slice(FAULT.start - 150, FAULT.start - 30)
    latency, busy, requests = (
        matrix.variables.index(Variable(service("db"), s)) for s in ("latency", "busy", "requests")
    )
    values[latency, before] += 0.1
    values[busy, before] += 0.1 * values[requests, before]
    again = Matrix(matrix.variables, 0, STEP, values)
    incident = Busy(service("db"), before.start * STEP, before.stop * STEP)
    usual, known = asked(again), asked(again, busy=[incident])
    assert known.confidence[service("db")] > usual.confidence[service("db")]
    assert names(known) == ["db"]


def test_who_is_excused_is_not_named() -> None:
    slow = SHOP.simulate(slow={"db": 0.3})
    assert names(asked(slow)) == ["db"]
    assert "db" not in names(asked(slow, excused=[service("db")]))


def test_who_may_be_disturbed_by_a_greedy_neighbour_is_less_likely_and_the_machine_is_no_cause() -> None:
    shop = Shop([("web", "a"), ("batch", "b")], runs_on={"a": "n1", "batch": "n1"})
    matrix = shop.simulate(slow={"a": 0.05}, cpu={"batch": 5.0})
    alone, beside = asked(matrix, shop=shop), asked(matrix, shop=shop, greedy=[service("batch")])
    assert beside.confidence[service("a")] < alone.confidence[service("a")]
    assert node("n1") in alone.confidence
    assert node("n1") not in beside.confidence
    assert names(beside)[0] == "batch"


def test_who_is_gone_is_the_cause_of_those_who_suffer_by_it() -> None:
    matrix = SHOP.simulate(failing={"a": 0.5})
    values = matrix.values.copy()
    rows = [number for number, variable in enumerate(matrix.variables) if variable.entity == service("db")]
    values[rows, FAULT] = np.nan
    gone = Matrix(matrix.variables, 0, STEP, values)
    assert names(asked(matrix, {"a": 20.0})) == ["a"]
    assert names(asked(gone, {"a": 20.0})) == ["db"]
    seldom = values.copy()
    seldom[rows, : FAULT.start - 50] = np.nan
    assert names(asked(Matrix(matrix.variables, 0, STEP, seldom), {"a": 20.0})) == ["a"], "it was not there for long"


def test_a_name_needs_some_normal_points() -> None:
    matrix = SHOP.simulate(slow={"db": 0.3})
    assert not asked(matrix.between(SINCE - 10 * STEP, matrix.end)).confidence
    assert asked(matrix.between(SINCE - 20 * STEP, matrix.end)).confidence


def test_in_a_large_system_only_who_is_near_is_looked_at() -> None:
    calls = [(f"s{number}", f"s{number + 1}") for number in range(200)]
    shop = Shop(calls)
    matrix = shop.simulate(slow={"s101": 0.3})
    found = suspects(matrix, SINCE, ROLES.signals, Ways(shop.topology), [service("s100")], {})
    assert {str(one) for one in found.confidence} == {"s98", "s99", "s100", "s101", "s102"}
    assert names(found) == ["s101"]


def test_a_cause_reaches_who_waits_for_it_and_who_runs_on_it() -> None:
    shop = Shop([("web", "a"), ("a", "db"), ("web", "b")], runs_on={"db": "n1"})
    ways = Ways(shop.topology)

    def reached(cause: Entity) -> set[str]:
        return {name for name in ("web", "a", "b", "db") if ways.leads(cause, service(name))}

    assert reached(node("n1")) == {"db", "a", "web"}
    assert reached(service("b")) == {"b", "web"}
    assert ways.tied(service("b"))
    assert not ways.tied(service("mail"))
    assert Ways(Topology(), [(call("web", "a"), service("web"))]).leads(call("web", "a"), service("web"))


def test_the_newest_points_are_looked_at_however_new_the_anomaly_is() -> None:
    matrix = SHOP.simulate(slow={"db": 0.3})
    late = suspects(matrix, matrix.end, ROLES.signals, WAYS, [service("web")], {})
    assert names(late) == ["db"]
    assert np.isfinite([*late.confidence.values()]).all()
    assert matrix.values.shape[1] == POINTS
