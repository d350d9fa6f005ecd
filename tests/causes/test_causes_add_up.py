"""Contributions, what is outside and what is unexplained add up to the symptom's gap, whatever goes wrong."""

import numpy as np
import pytest
from small_shop import FAULT, ROLES, Shop, service
from work import calls_of

from datasource.causes import Recent, RootCauses, root_causes
from datasource.data import Matrix, Variable

FAN = Shop([("web", "a"), ("web", "b"), ("a", "db"), ("b", "db"), ("b", "mail")], weighed=frozenset({("b", "mail")}))


def recent(shop: Shop, matrix: Matrix) -> Recent:
    return Recent(matrix.between(matrix.end - 4 * 60, matrix.end), shop.mechanisms, ROLES, shop.topology)


def total(causes: RootCauses) -> float:
    parts = [*(part.contribution for part in causes.contributions), *(part.contribution for part in causes.outside)]
    return sum(parts) + causes.unexplained


@pytest.mark.parametrize("seed", range(12))
def test_everything_adds_up_to_the_gap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = rng.permutation(FAN.services)
    matrix = FAN.simulate(
        slow={str(names[0]): rng.uniform(0, 0.5), str(names[1]): rng.uniform(0, 0.1)},
        failing={str(names[2]): rng.uniform(0, 0.3)},
        cpu={str(names[3]): rng.uniform(0, 3)},
        traffic=rng.uniform(0.5, 1.8),
        seed=seed,
    )
    holes = np.where(rng.random(matrix.values.shape) < 0.1, np.nan, matrix.values)
    seen = recent(FAN, Matrix(matrix.variables, matrix.start, matrix.step, holes))
    for variable in FAN.mechanisms.causal:
        causes = root_causes(seen, variable)
        assert total(causes) == pytest.approx(causes.gap, rel=1e-9, abs=1e-12)
        for part in causes.contributions:
            assert part.contribution == pytest.approx(part.share * causes.gap)
            assert 0 < part.share <= 1 + 1e-9


def test_a_gap_is_split_in_the_symptoms_own_unit() -> None:
    causes = root_causes(recent(FAN, FAN.simulate(slow={"mail": 0.15, "a": 0.02})), Variable(service("web"), "latency"))
    seconds = {str(part.variable): part.contribution for part in causes.contributions}
    assert causes.gap == pytest.approx(0.17, abs=0.01)
    assert seconds["mail.latency"] == pytest.approx(0.15, abs=0.01)
    assert seconds["a.latency"] == pytest.approx(0.02, abs=0.01)
    assert abs(causes.unexplained) < 0.01


def test_a_callee_of_two_is_not_counted_twice() -> None:
    """Each of web's two ways to the database brings half of its seconds."""
    causes = root_causes(recent(FAN, FAN.simulate(slow={"db": 0.1})), Variable(service("web"), "latency"))
    (db,) = (part for part in causes.contributions if part.variable.entity == service("db"))
    assert causes.gap == pytest.approx(0.2, abs=0.01)
    assert db.contribution == pytest.approx(0.2, abs=0.02)


def test_callees_that_are_called_at_the_same_time_explain_a_wait_once() -> None:
    """x waits for p and q at once, so that each could explain all of its gap; y's part of web's is y's all the same."""
    shop = Shop([("web", "x"), ("web", "y"), ("x", "p"), ("x", "q")])
    matrix = shop.simulate(slow={"y": 0.1, "p": 0.1, "q": 0.1})
    values, row = matrix.values.copy(), matrix.variables.index
    for name in ("x", "web"):
        values[row(Variable(service(name), "latency")), FAULT] -= 0.1
        values[row(Variable(service(name), "busy")), FAULT] -= (
            0.1 * matrix.row(Variable(service(name), "requests"))[FAULT]
        )
    seen = recent(shop, Matrix(matrix.variables, matrix.start, matrix.step, values))
    causes = root_causes(seen, Variable(service("web"), "latency"))
    seconds = {str(part.variable): part.contribution for part in causes.contributions}
    assert seconds == pytest.approx({"y.latency": 0.1, "p.latency": 0.05, "q.latency": 0.05}, abs=0.01)


def test_what_stays_where_nothing_changed_is_unexplained() -> None:
    matrix = FAN.simulate(seed=3)
    seen = recent(FAN, matrix)
    for name in FAN.services:
        causes = root_causes(seen, Variable(service(name), "latency"))
        assert causes.contributions == ()
        assert causes.unexplained == pytest.approx(causes.gap - sum(part.contribution for part in causes.outside))


def test_a_quantile_that_rose_more_than_the_mean_is_unexplained_for_the_rest() -> None:
    matrix = FAN.simulate(slow={"web": 0.1})
    values = matrix.values.copy()
    row = matrix.variables.index(Variable(service("web"), "latency"))
    values[row, FAULT] += 0.4
    signals = ROLES.signals | {"latency": ROLES.signals["latency"].model_copy(update={"kind": "quantile"})}
    seen = recent(FAN, Matrix(matrix.variables, matrix.start, matrix.step, values))
    quantiles = Recent(seen.matrix, seen.mechanisms, type(ROLES)(signals), seen.topology)
    causes = root_causes(quantiles, Variable(service("web"), "latency"))
    assert causes.gap == pytest.approx(0.5, abs=0.02)
    assert causes.contributions[0].contribution == pytest.approx(0.1, abs=0.02)
    assert causes.unexplained == pytest.approx(0.4, abs=0.03)


def test_the_confidence_is_the_same_each_time_and_higher_for_a_clear_cause() -> None:
    clear, again, doubtful = (
        FAN.judge(FAN.simulate(slow={"a": seconds})).confidence.get(service("a"), 0.0) for seconds in (0.3, 0.3, 0.003)
    )
    assert clear > 0.95
    assert clear == again
    assert doubtful < clear


def test_a_symptom_of_forty_services_takes_little_work() -> None:
    calls = [(f"s{client}", f"s{server}") for server in range(1, 40) for client in {server // 2, server // 3}]
    calls = [pair for pair in calls if pair[0] != pair[1]]
    shop = Shop(sorted(dict.fromkeys(calls), key=lambda pair: int(pair[0][1:])))
    matrix = shop.simulate(slow={"s39": 0.3, "s20": 0.2}, traffic=1.4)
    symptom = Variable(service("s0"), "latency")
    _, calls_made = calls_of(root_causes, recent(shop, matrix), symptom)
    assert calls_made < 100_000, "some 20 milliseconds"
