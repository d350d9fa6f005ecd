"""Who is named as a cause of what, and that the name does not flap."""

from itertools import pairwise

import numpy as np
import pytest
from small_shop import Shop

from datasource.anomaly import Contribution, Outside, RootCauses, Verdict, cause_name, named_roots
from datasource.anomaly.causes.naming import name_cause, support_for
from datasource.telemetry import Entity, Variable
from datasource.topology import Tie, Topology

WEB, DB, CACHE = (Entity("service", (("service", name),)) for name in ("web", "db", "cache"))
SYMPTOM = Variable(WEB, "latency")


def causes(db: float, cache: float, confidence: float = 0.9) -> RootCauses:
    parts = tuple(
        Contribution(Variable(entity, "latency"), share, share, confidence)
        for entity, share in ((DB, db), (CACHE, cache))
    )
    return RootCauses(SYMPTOM, 1.0, parts, (), 1.0 - db - cache)


def names(found: list[RootCauses]) -> list[Entity | None]:
    """Who is named in one evaluation after the other."""
    support: dict[Entity, float] | None = None
    named: Entity | None = None
    said = []
    for one in found:
        support = support_for(one, support)
        named = name_cause(support, named)
        said.append(named)
    return said


def changes(said: list[Entity | None]) -> int:
    return sum(a != b for a, b in pairwise(said))


def test_the_largest_cause_is_named_at_once() -> None:
    assert names([causes(0.6, 0.3)]) == [DB]


@pytest.mark.parametrize("seed", range(20))
def test_noisy_alternating_shares_change_the_name_at_most_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = []
    for number in range(100):
        tilt = 0.15 if number % 2 else -0.15
        db = float(np.clip(0.45 + tilt + rng.normal(0, 0.05), 0, 0.9))
        found.append(causes(db, 0.9 - db))
    assert changes(names(found)) <= 1


def test_a_new_cause_takes_over_only_after_it_held_for_some_evaluations() -> None:
    said = names([causes(0.8, 0.1)] * 3 + [causes(0.1, 0.8)] * 10)
    assert said[:5] == [DB] * 5
    assert said[-5:] == [CACHE] * 5
    assert changes(said) <= 2


def test_a_single_evaluation_without_a_cause_does_not_take_the_name_away() -> None:
    said = names([causes(0.8, 0.1)] * 3 + [causes(0.0, 0.0)] + [causes(0.8, 0.1)] * 3)
    assert set(said) == {DB}


def test_nobody_is_named_when_it_is_not_sure() -> None:
    assert names([causes(0.9, 0.05, confidence=0.3)] * 5) == [None] * 5


def test_nobody_is_named_for_a_small_share() -> None:
    assert names([causes(0.3, 0.3)]) == [None]


def test_all_who_qualify_are_roots_largest_first() -> None:
    assert [(root.entity, root.share) for root in named_roots(causes(0.3, 0.6))] == [(CACHE, 0.6), (DB, 0.3)]
    assert [root.entity for root in named_roots(causes(0.85, 0.1))] == [DB]
    assert named_roots(causes(0.8, 0.1, confidence=0.2)) == ()


def test_the_variables_of_one_entity_count_together() -> None:
    both = (Contribution(Variable(DB, s), 0.25, 0.25, 0.8) for s in ("latency", "cpu"))
    (root,) = named_roots(RootCauses(SYMPTOM, 1.0, tuple(both), (), 0.5))
    assert root.share == 0.5


def test_a_call_is_told_by_its_two_ends() -> None:
    call = Entity("call", (("client", "web"), ("server", "db")))
    topology = Topology((Tie("calls", (("client", WEB), ("server", DB), ("call", call))),))
    assert cause_name(call, topology) == "web -> db"
    assert cause_name(DB, topology) == "db"


def test_verdicts_on_two_equal_and_noisy_causes_do_not_flap() -> None:
    """A hundred evaluations of the service, in each of which a little more comes from the one or from the other."""
    shop = Shop([("web", "a"), ("web", "b")])
    rng = np.random.default_rng(4)
    verdicts: tuple[Verdict, ...] = ()
    said = []
    for number in range(100):
        tilt = 0.03 if number % 2 else -0.03
        matrix = shop.simulate(slow={"a": 0.15 + tilt + rng.normal(0, 0.02), "b": 0.15 - tilt})
        verdicts = shop.judge(matrix.between(matrix.end - 20 * matrix.step, matrix.end), verdicts).verdicts
        said.append(next(verdict.root_cause for verdict in verdicts if verdict.entity.name == "web"))
    assert said[0] is not None
    assert changes(said) <= 1


def test_who_explains_less_than_what_is_outside_is_not_supported() -> None:
    less, more = (
        causes(db, 0.0)._replace(outside=(Outside("demand at web", 0.5, 0.5, "demand", WEB),)) for db in (0.4, 0.5)
    )
    assert support_for(less, None) == {}
    assert support_for(more, None) == {DB: 0.5}
