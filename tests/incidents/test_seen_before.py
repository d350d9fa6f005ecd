"""Earlier incidents like one that goes on, and what ended them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from judging import STEP, Story, scores
from shop_incidents import CART, INVENTORY, PAYMENT, WEB, going_on, service

from datasource.causes import Contribution, Step
from datasource.data import Matrix, Variable
from datasource.incidents import Incident, Mark
from datasource.incidents.log import IncidentLog
from datasource.incidents.seen_before import ending, seen_before, shortly, told
from datasource.interventions import Intervention
from datasource.interventions.entry import DETECTED
from datasource.settings import Signal, load_settings
from datasource.settings.store import Store

NOW = 1_763_000_010
DAY = 86400
LATENCY = Variable(WEB, "latency")
SIGNALS = {"latency": Signal(entity="service", query="q", window=60, unit="s", role="latency")}


def now() -> Incident:
    return going_on(NOW)


def earlier(days: float = 3.0, minutes: int = 40, number: int = 1) -> Incident:
    """The same, so many days ago, for so many minutes."""
    start = NOW - int(days * DAY)
    over = replace(now(), id=f"web-{number}", start=start, end=start + 60 * minutes, updated=start + 60 * minutes)
    return replace(over, episodes=(), suffering=())


def done(
    after: int, target: str = "platform/inventory", number: int = 7, kind: str = "rollback", **more: object
) -> Intervention:
    """Something that was done so many minutes after the earlier one began."""
    start = earlier().start + 60 * after
    return Intervention(number, start, "ann", kind, (target,), start, **more)  # type: ignore[arg-type]


def test_the_same_cause_with_the_same_symptom_was_seen_before() -> None:
    (found,) = seen_before(now(), [earlier()], [])
    assert (found.incident.id, found.alike, found.ending) == ("web-1", 1.0, None)


def test_another_cause_another_symptom_and_what_was_none_are_left_out() -> None:
    other_cause = replace(earlier(), roots=(PAYMENT,))
    dismissed = replace(earlier(), mark=Mark(NOW, kind="dismissed"))
    merged = replace(earlier(), merged_into="web-0")
    later = replace(earlier(), end=NOW)
    mine = now()
    for other in (other_cause, dismissed, merged, later, mine):
        assert seen_before(mine, [other], []) == ()
    causes = mine.causes._replace(symptom=Variable(CART, "errors"), contributions=(), outside=())
    assert seen_before(mine, [replace(earlier(), causes=causes)], []) == ()


def test_the_way_and_the_signals_count() -> None:
    cause = Variable(INVENTORY, "latency")

    def along(*names: str, signal: Variable = cause) -> Incident:
        entities = [INVENTORY, *(service("shop", name) for name in names), WEB]
        path = [Step(a, b, "calls", None, 0.0, 0.0, 2.0) for a, b in pairwise(entities)]
        causes = now().causes._replace(
            path=tuple(path), contributions=(Contribution(signal, 0.18, 1.0, 0.9),), outside=()
        )
        return replace(earlier(), causes=causes)

    mine = replace(along("catalog"), id="now", start=NOW - 60, end=None)
    same, other_way, other_sign = (
        along("catalog"),
        along("checkout", "cart"),
        along("catalog", signal=Variable(INVENTORY, "errors")),
    )
    alike = {one: seen_before(mine, [one], []) for one in (same, other_way, other_sign)}
    assert alike[same][0].alike == 1.0
    assert alike[other_way] == ()
    assert 0.5 <= alike[other_sign][0].alike < 1.0


def test_the_most_alike_and_newest_come_first_and_three_are_enough() -> None:
    found = seen_before(now(), [earlier(days, number=days) for days in (9, 3, 5, 7)], [])
    assert [one.incident.id for one in found] == ["web-3", "web-5", "web-7"]


def test_what_was_done_last_before_it_was_over_ended_it() -> None:
    actions = [done(-2, kind="deploy", number=1), done(10, kind="restart", number=2), done(34), done(60, number=9)]
    found = ending(earlier(), actions)
    assert found is not None
    assert (found.intervention, found.undone, found.at - earlier().start) == (7, False, 34 * 60)


def test_what_was_done_before_it_was_over_counts_before_what_was_done_just_afterwards() -> None:
    found = ending(earlier(), [done(41, number=9), done(39)])
    assert found is not None
    assert found.intervention == 7
    found = ending(earlier(), [done(41, number=9)])
    assert found is not None
    assert found.intervention == 9, "people write it down a moment later"


@pytest.mark.parametrize(
    "action",
    [
        done(-2, kind="deploy"),
        done(45),
        done(1, kind="restart", number=2),
        done(34, target="platform/payment"),
        done(-10, kind=DETECTED, end=earlier().start + 1200),
    ],
    ids=[
        "what caused it",
        "when it was long over",
        "long before it was over",
        "somebody else",
        "an event that is no longer shown",
    ],
)
def test_what_did_not_end_it_is_not_named(action: Intervention) -> None:
    assert ending(earlier(), [action]) is None


def test_that_something_was_undone_ends_it_too() -> None:
    found = ending(earlier(), [done(-2, kind="throttle", end=earlier().start + 2300)])
    assert found is not None
    assert (found.undone, found.at - earlier().start) == (True, 2300)


def test_what_was_done_to_a_cause_counts_before_what_was_done_to_a_victim() -> None:
    found = ending(earlier(), [done(20, number=1), done(38, target="shop/web", kind="restart", number=2)])
    assert found is not None
    assert found.intervention == 1
    found = ending(earlier(), [done(38, target="shop/web.replicas", kind="scale", number=2)])
    assert found is not None
    assert found.intervention == 2


def test_it_is_told_with_how_long_after_and_what_it_changed() -> None:
    actions = [done(34, parameters={"version": "v1"})]
    (found,) = seen_before(now(), [earlier()], actions)
    said = told(found, NOW, SIGNALS)
    assert said.endswith(
        "UTC, for 40m: platform/inventory broke; ended by rollback of platform/inventory (version=v1) (ann), "
        "34m after it began, over 6m later; shop/web.latency had been off by 180 ms"
    )
    assert shortly([found]) == "rollback of platform/inventory (version=v1)"
    (unknown,) = seen_before(now(), [earlier()], [])
    assert told(unknown, NOW, SIGNALS).endswith("nothing is written down that ended it")
    assert shortly([unknown]) == ""
    (closed,) = seen_before(now(), [replace(earlier(), mark=Mark(NOW, "ann", "the disk was full", "closed"))], [])
    assert told(closed, NOW, SIGNALS).endswith("closed by ann: the disk was full")


def test_the_levels_before_and_after_are_measured_where_the_points_are_at_hand() -> None:
    one = earlier()
    assert one.end is not None
    times = np.arange(one.start - 3600, one.end + 3600, 30)
    values = np.where((times > one.start) & (times <= one.end), 0.85, 0.72)
    matrix = Matrix((LATENCY,), int(times[0]), 30, values[None, :])
    (found,) = seen_before(now(), [one], [done(34)], matrix)
    assert found.ending is not None
    assert (found.ending.level_before, found.ending.level_after) == (pytest.approx(0.85), pytest.approx(0.72))
    assert told(found, NOW, SIGNALS).endswith("shop/web.latency went from 850 to 720 ms")


SETTINGS = """
prometheus: {url: http://p:9090}
entities: {service: {labels: [service]}}
signals: {latency: {entity: service, query: q, window: 1m}}
baseline: 1d
step: 30s
"""


def test_incidents_of_before_the_baseline_are_known_as_long_as_the_store_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "causal.yaml").write_text(SETTINGS)
    settings = load_settings(tmp_path / "causal.yaml").settings
    store = Store(directory=tmp_path)
    story = Story({"web": scores(40, (5, 20)), "db": scores(40, (5, 20))}, [("web", "db")], {"web": "db", "db": "db"})
    log = IncidentLog(settings, store)
    for at in range(40):
        log.recall(story.time(at))
        log.update(story.judged(at), story.near, story.time(at))
    (first,) = log.shown()
    assert first.end is not None
    log.close()
    days = 5 * DAY // STEP
    again = IncidentLog(settings, store)
    seen = []
    for at in range(40):
        again.recall(story.time(at) + days * STEP)
        again.update(story.judged(at), story.near, story.time(at) + days * STEP)
        seen.append(again.seen_before([], Matrix((), 0, STEP, np.empty((0, 0)))))
    going = [found for found in seen if found]
    assert going, "while it goes on the one of five days ago is known"
    ((found,),) = going[-1].values()
    assert found.incident.id == first.id
    assert len(again.shown()) == 1
    assert not seen[-1], "what is over asks nobody"
    again.close()
