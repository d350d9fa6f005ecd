"""Faults that follow each other within an hour: every one is its own incident, with its own cause, start and end."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from small_shop import ROLES, Shop, service

from datasource.causes import Recurrences, judge
from datasource.data import Floats, Matrix, Variable
from datasource.incidents import Incident
from datasource.incidents.connected import neighbours
from datasource.incidents.episodes import Past
from datasource.incidents.grouping import busy, group

BEGIN, STEP = 900, 60
SHOP = Shop([("web", "a"), ("web", "b"), ("web", "c")])


class Fault(NamedTuple):
    """A service is slower (seconds) or fails (ratio) in the minutes from `first` to before `stop`."""

    name: str
    first: int
    stop: int
    slow: float = 0.0
    failing: float = 0.0


A, B, C = Fault("a", 1, 17, slow=0.1), Fault("b", 22, 29, failing=0.2), Fault("c", 30, 45, slow=0.1)


def hour(faults: Sequence[Fault], surge: slice | None = None) -> Matrix:
    """An hour in which web waits for all three; in `surge` (minutes) 60% more is asked."""
    matrix = SHOP.simulate(seed=5)
    rows = dict(zip(matrix.variables, matrix.values.copy(), strict=True))

    def of(name: str, signal: str) -> Floats:
        return rows[Variable(service(name), signal)]

    for name in SHOP.services:
        if surge is not None:
            minutes = slice(BEGIN + surge.start, BEGIN + surge.stop)
            for signal in ("requests", "busy", "errors", "cpu"):
                of(name, signal)[minutes] *= 1.6
    for fault in faults:
        minutes = slice(BEGIN + fault.first, BEGIN + fault.stop)
        for name in (fault.name, "web"):
            of(name, "latency")[minutes] += fault.slow
            of(name, "busy")[minutes] += fault.slow * of(name, "requests")[minutes]
            of(name, "errors")[minutes] += fault.failing * of(name, "requests")[minutes]
    return Matrix(matrix.variables, 0, STEP, np.array([rows[variable] for variable in matrix.variables]))


def story(faults: Sequence[Fault], surge: slice | None = None) -> dict[int, tuple[Incident, ...]]:
    """The incidents after each minute, as the clock has them."""
    matrix, near, memory = hour(faults, surge), neighbours(SHOP.graph, SHOP.topology), Recurrences()
    incidents: tuple[Incident, ...] = ()
    previous, told = (), {}
    for minute in range(-20, 60):
        until = matrix.between(0, (BEGIN + minute) * STEP)
        judgement = judge(
            until,
            SHOP.mechanisms,
            ROLES,
            SHOP.topology,
            previous=previous,
            recurrences=memory,
            busy=busy(incidents),
        )
        previous = judgement.verdicts
        past = Past(until, SHOP.mechanisms, ROLES)
        incidents = group(incidents, judgement, near, time=until.end, step=STEP, points=3, of=5, past=past)
        told[minute] = incidents
    return told


def seen(incident: Incident) -> tuple[list[str], int, int | None, set[str]]:
    """Who is named, the minutes from its start to its end, and who was anomalous."""
    end = None if incident.end is None else incident.end // STEP - BEGIN
    return (
        [one.name for one in incident.roots],
        incident.start // STEP - BEGIN,
        end,
        {e.name for e in incident.affected},
    )


@pytest.mark.parametrize("surge", [None, slice(-15, -2)], ids=["quiet before", "a surge before"])
def test_three_faults_one_after_the_other_are_three_incidents(surge: slice | None) -> None:
    told = story((A, B, C), surge)
    found = sorted((one for one in told[59] if not one.merged_into), key=lambda one: one.start)
    assert [(names, who) for names, _, _, who in map(seen, found)] == [
        ([fault.name], {fault.name, "web"}) for fault in (A, B, C)
    ]
    for incident, fault in zip(found, (A, B, C), strict=True):
        _, start, end, _ = seen(incident)
        assert fault.first <= start <= fault.first + 1
        assert end is not None
        assert fault.stop - 1 <= end <= fault.stop + 1


def test_only_the_present_cause_is_named_and_who_is_well_again_suffers_no_more() -> None:
    told = story((A, B, C))
    for fault in (A, B, C):
        for minute in range(fault.first + 4, fault.stop):
            going_on = [one for one in told[minute] if one.open and one.suffering]
            assert [[root.name for root in one.roots] for one in going_on] == [[fault.name]], minute
            assert {one.name for one in going_on[0].suffering} == {fault.name, "web"}
        after = [one for one in told[fault.stop + 4] if fault.name in {root.name for root in one.roots}]
        assert all(not one.suffering for one in after), "nothing is anomalous any more"


def test_an_incident_closes_within_two_persistences_after_recovery() -> None:
    told = story((A,))
    assert any(one.open for one in told[A.stop])
    assert all(not one.open for one in told[A.stop + 2 * 5 + 1])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Fault("a", 1, 20, slow=0.1), Fault("c", 9, 25, slow=0.1)),
        (Fault("a", 1, 20, slow=0.03), Fault("c", 9, 25, slow=0.3)),
        (Fault("a", 1, 20, slow=0.3), Fault("c", 9, 25, slow=0.03)),
        (Fault("a", 1, 20, failing=0.1), Fault("c", 9, 25, slow=0.1)),
        (Fault("a", 1, 20, slow=0.1), Fault("c", 1, 25, slow=0.1)),
        (Fault("a", 1, 30, slow=0.1), Fault("c", 9, 20, slow=0.1)),
    ],
    ids=["alike", "the second far larger", "the first far larger", "of two kinds", "at once", "the first lasts longer"],
)
def test_faults_that_overlap_keep_their_names_starts_and_victims(first: Fault, second: Fault) -> None:
    told = story((first, second))
    until = min(first.stop, second.stop)
    for minute in range(second.first + 4, until):
        assert [[root.name for root in one.roots] for one in told[minute] if one.open] == [["a"], ["c"]], minute
        suffering = [one.name for incident in told[minute] if incident.open for one in incident.suffering]
        assert sorted(suffering) == ["a", "c", "web"], minute
    last = max(first, second, key=lambda one: one.stop)
    for minute in range(until + 3, last.stop):
        late = [one for one in told[minute] if one.suffering]
        assert [[root.name for root in one.roots] for one in late] == [[last.name]], "the other one has recovered"
    found = [seen(one) for one in told[59] if not one.merged_into]
    assert [names for names, *_ in found] == [["a"], ["c"]]
    for (_, start, end, who), fault in zip(found, (first, second), strict=True):
        assert fault.first <= start <= fault.first + 1
        assert end is not None
        assert fault.stop - 1 <= end <= fault.stop + 2
        assert fault.name in who <= {fault.name, "web"}
