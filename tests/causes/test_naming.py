"""Who is named as a cause of what, and that the name does not flap."""

from itertools import pairwise

import numpy as np
import pytest
from small_shop import Shop

from datasource.causes import Verdict, cause_name
from datasource.causes.suspects import Ways, named_roots
from datasource.data import Entity
from datasource.topology import EntityRelation, Topology

WEB, DB, CACHE = (Entity("service", (("service", name),)) for name in ("web", "db", "cache"))


WAYS = Ways(
    Topology(
        (
            EntityRelation("calls", (("client", WEB), ("server", DB))),
            EntityRelation("calls", (("client", WEB), ("server", CACHE))),
        )
    )
)


def names(found: list[dict[Entity, float]]) -> list[Entity | None]:
    """Who is named first in one evaluation after the other, each with its evidence."""
    named: list[Entity] = []
    said = []
    for evidence in found:
        named = [*named_roots(evidence, frozenset(evidence), WAYS, named)]
        said.append(next(iter(named), None))
    return said


def evidence(db: float, cache: float) -> dict[Entity, float]:
    return {WEB: 0.1, DB: db, CACHE: cache}


def changes(said: list[Entity | None]) -> int:
    return sum(a != b for a, b in pairwise(said))


def test_the_likeliest_cause_is_named_at_once() -> None:
    assert names([evidence(1.2, 0.3)]) == [DB]


@pytest.mark.parametrize("seed", range(20))
def test_noisy_alternating_evidence_changes_the_name_at_most_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tilt = (0.05, -0.05) * 50
    found = [evidence(1.2 + by + rng.normal(0, 0.02), 1.2 - by) for by in tilt]
    assert changes(names(found)) <= 1


def test_a_new_cause_takes_over_when_it_is_clearly_likelier() -> None:
    said = names([evidence(1.3, 0.3)] * 3 + [evidence(0.3, 1.3)] * 3)
    assert said == [DB] * 3 + [CACHE] * 3


def test_a_name_stays_while_it_is_likely_enough_and_is_not_given_then() -> None:
    little = evidence(0.55, 0.1)
    assert names([little]) == [None]
    assert names([evidence(1.2, 0.1), little]) == [DB, DB]
    assert names([evidence(1.2, 0.1), evidence(0.2, 0.1)]) == [DB, None]


def test_two_causes_of_which_none_suffers_by_the_other_are_both_named() -> None:
    both = frozenset({DB, CACHE})
    assert [*named_roots(evidence(1.5, 1.5), both, WAYS, anomalous=[DB, CACHE])] == [DB, CACHE]
    assert [*named_roots(evidence(1.5, 1.5), both, WAYS)] == [], "it lies between two that may be one fault"
    assert [*named_roots(evidence(1.5, 0.9), frozenset({DB}), WAYS)] == [DB], "only who is blamed"


def test_who_suffers_by_the_one_that_is_named_is_named_beside_it_only_when_that_is_very_sure() -> None:
    both = frozenset({WEB, DB})
    assert [*named_roots({WEB: 1.0, DB: 1.5}, both, WAYS)] == [DB]
    assert [*named_roots({WEB: 2.0, DB: 2.5}, both, WAYS)] == [DB, WEB]


def test_a_call_is_told_by_its_two_ends() -> None:
    call = Entity("call", (("client", "web"), ("server", "db")))
    topology = Topology((EntityRelation("calls", (("client", WEB), ("server", DB), ("call", call))),))
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
