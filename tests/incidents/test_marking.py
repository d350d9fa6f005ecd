"""People close incidents, say that they are none or expected, and merge them; what they said is kept."""

from pathlib import Path

import numpy as np
import pytest
from judging import OF, PATIENCE, Story, scores, service
from test_accepting import Shop
from test_incident_log import follow, log_in

from datasource.data import Variable
from datasource.incidents import Incident, Mark
from datasource.incidents.grouping import UNOBSERVED
from datasource.incidents.log import IncidentLog
from datasource.service import incident_state

DAY = 86400
ENDING = ("closed", "dismissed", "expected")


def story(*db: tuple[int, int], **others: tuple[int, int]) -> Story:
    """The database is slow from the first to the second step, and whoever calls it a little later."""
    web = tuple((first + 2, stop) for first, stop in db)
    names = {name: scores(120, when) for name, when in others.items()}
    slow = {"db": scores(120, *db), "web": scores(120, *web)}
    return Story(slow | names, [("web", "db")], {"db": "db", "web": "db"} | {name: name for name in names})


def mark(log: IncidentLog, told: Story, at: int, kind: str, name: str, into: str = "") -> None:
    log.mark(name, Mark(told.time(at), "ann", "a test", kind), into=into)


def by_id(shown: tuple[Incident, ...]) -> dict[str, Incident]:
    return {one.id: one for one in shown}


@pytest.mark.parametrize("kind", ENDING)
def test_it_ends_at_once_with_who_said_so_and_opens_no_other_one_while_it_goes_on(kind: str) -> None:
    told, log = story((10, 80)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, kind, one.id)
    (over,) = follow(log, told, 20, 80)
    assert (over.id, over.end, incident_state(over)) == (one.id, told.time(20), "ended")
    assert over.mark == Mark(told.time(20), "ann", "a test", kind)
    assert over.summary.endswith(over.mark.words)
    assert over.suggestions == ()
    assert over.suffering == (service("db"), service("web")), "they still are"
    (after,) = follow(log, told, 80, 120)
    assert (after.end, after.suffering) == (told.time(20), ())


@pytest.mark.parametrize("kind", ENDING)
def test_a_new_fault_of_somebody_else_is_another_incident(kind: str) -> None:
    told, log = story((10, 120), mail=(30, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, kind, one.id)
    found = by_id(follow(log, told, 20, 60))
    (other,) = [incident for name, incident in found.items() if name != one.id]
    assert (other.open, other.affected) == (True, (service("mail"),))
    assert found[one.id].affected == one.affected


@pytest.mark.parametrize("pause", [OF + 1, 2 * PATIENCE])
def test_a_fault_of_the_same_after_they_recovered_is_another_incident(pause: int) -> None:
    told, log = story((10, 40), (40 + pause, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    found = by_id(follow(log, told, 20, 120))
    (other,) = [incident for name, incident in found.items() if name != one.id]
    assert (other.open, other.start) == (True, told.time(40 + pause))
    assert found[one.id].end == told.time(20)


def test_a_pause_that_is_no_recovery_opens_nothing() -> None:
    told, log = story((10, 40), (42, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    assert [incident.id for incident in follow(log, told, 20, 120)] == [one.id]


def test_a_root_that_becomes_anomalous_later_is_a_part_of_what_was_closed() -> None:
    told = Story({"web": scores(60, (10, 60)), "db": scores(60, (30, 60))}, [("web", "db")], {"web": "db", "db": "db"})
    log = log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    assert [incident.id for incident in follow(log, told, 20, 60)] == [one.id]


def test_a_root_that_becomes_anomalous_after_all_recovered_is_another_incident() -> None:
    told = Story({"web": scores(90, (10, 30)), "db": scores(90, (60, 90))}, [("web", "db")], {"web": "db", "db": "db"})
    log = log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    assert len(follow(log, told, 20, 90)) == 2


@pytest.mark.parametrize("kind", ENDING)
def test_it_survives_a_restart_and_still_opens_no_other_one(kind: str, tmp_path: Path) -> None:
    told, log = story((10, 120)), log_in(tmp_path)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, kind, one.id)
    before = follow(log, told, 20, 40)
    after = log_in(tmp_path)
    after.recall(told.time(40))
    assert after.shown() == before
    (over,) = follow(after, told, 45, 60)
    assert (over.id, over.mark) == (one.id, Mark(told.time(20), "ann", "a test", kind))


def test_after_long_without_evaluations_what_is_anomalous_is_a_new_incident() -> None:
    told, log = story((10, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    follow(log, told, 20, 25)
    later = 25 + UNOBSERVED * PATIENCE + 1
    assert len(follow(log, told, later, later + 1)) == 2


def test_one_that_is_over_can_be_marked_and_keeps_its_end() -> None:
    told, log = story((10, 20)), log_in(None)
    (one,) = follow(log, told, 0, 60)
    mark(log, told, 60, "closed", one.id)
    assert log.shown() == (one,), "it needs no closing"
    mark(log, told, 60, "dismissed", one.id)
    (over,) = follow(log, told, 60, 62)
    assert over.end == one.end
    assert over.summary == f"{one.summary} No incident, says ann: a test.".strip()


def test_the_first_to_say_something_stays_and_another_mark_takes_its_place() -> None:
    told, log = story((10, 80)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    (first,) = log.shown()
    for kind in ("closed", "expected", "expected"):
        log.mark(one.id, Mark(told.time(25), "bob", "no", kind))
        assert log.shown()[0].end == first.end
    assert log.shown()[0].mark == Mark(told.time(25), "bob", "no", "expected")
    assert log.shown()[0].summary == f"{first.summary} Expected, says bob: no."


def test_one_that_was_closed_while_it_goes_on_can_be_accepted_and_waits_for_the_fit() -> None:
    told, log = story((10, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "closed", one.id)
    follow(log, told, 20, 30)
    mark(log, told, 30, "accepted", one.id)
    (waiting,) = follow(log, told, 30, 40)
    assert waiting.open
    assert {level.entity for level in log.accepted()} == {service("db"), service("web")}
    log.fitted(log.unfitted(told.time(40)), told.time(40))
    assert log.shown()[0].end == told.time(40)


def test_one_that_was_accepted_can_be_closed_before_the_fit() -> None:
    told, log = story((10, 120)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "accepted", one.id)
    follow(log, told, 20, 50)
    mark(log, told, 50, "closed", one.id)
    (over,) = follow(log, told, 50, 60)
    assert over.end == told.time(50)
    assert log.accepted() != ()
    assert log.unfitted(told.time(60)) == {one.id}


def test_what_was_no_incident_is_a_part_of_the_normal_time() -> None:
    told, log = story((10, 20)), log_in(None)
    (one,) = follow(log, told, 0, 60)
    assert {busy.entity for busy in log.busy()} == {service("db"), service("web")}
    mark(log, told, 60, "dismissed", one.id)
    assert log.busy() == ()


def heard(log: IncidentLog, name: str, time: int, height: float = 4.0) -> float:
    """What is left of a height that alarms."""
    times = np.array([time])
    return float(
        log.recurrences.heard(Variable(service(name), "latency"), times, {"causal": np.array([height])})["causal"][0]
    )


def test_what_is_expected_is_silent_the_next_day_at_this_time_and_what_is_higher_or_another_time_is_not() -> None:
    told, log = story((10, 40), mail=(10, 20)), log_in(None)
    for at in range(12, 40):
        assert heard(log, "db", told.time(at)) == 4.0
    one = next(one for one in follow(log, told, 0, 20) if service("db") in one.affected)
    assert heard(log, "db", told.time(20)) == 4.0
    heard(log, "mail", told.time(20))
    mark(log, told, 20, "expected", one.id)
    assert heard(log, "db", told.time(21)) == 4.0, "today it is what was marked"
    for day in (1, 2, 7, 25):
        assert heard(log, "db", told.time(20) + day * DAY) == 0.0
    assert heard(log, "db", told.time(20) + DAY, 9.0) == 9.0
    assert heard(log, "db", told.time(20) + DAY + DAY // 2) == 4.0
    assert heard(log, "mail", told.time(20) + DAY) == 4.0, "of an incident that nobody expected"


@pytest.mark.parametrize("kind", ["closed", "dismissed"])
def test_what_is_only_closed_alarms_the_next_day(kind: str) -> None:
    told, log = story((10, 40)), log_in(None)
    (one,) = follow(log, told, 0, 20)
    heard(log, "db", told.time(20))
    mark(log, told, 20, kind, one.id)
    assert heard(log, "db", told.time(20) + DAY) == 4.0


def test_what_an_expected_one_shows_later_is_expected_too_over_a_restart(tmp_path: Path) -> None:
    told, log = story((10, 120)), log_in(tmp_path)
    (one,) = follow(log, told, 0, 20)
    mark(log, told, 20, "expected", one.id)
    heard(log, "db", told.time(60))
    follow(log, told, 20, 64)
    after = log_in(tmp_path)
    after.recall(told.time(64))
    assert heard(after, "db", told.time(60) + DAY) == 0.0


def two() -> tuple[Story, IncidentLog, Incident, Incident]:
    """Two incidents that go on: the database's, and a younger one of mail."""
    told, log = story((10, 80), mail=(15, 90)), log_in(None)
    first, second = sorted(follow(log, told, 0, 30), key=lambda one: one.start)
    return told, log, first, second


def test_a_merged_one_gives_all_it_has_to_the_other_which_goes_on_until_the_last_recovers() -> None:
    told, log, elder, younger = two()
    mark(log, told, 30, "merged", younger.id, elder.id)
    found = by_id(follow(log, told, 30, 70))
    gone, survivor = found.pop(younger.id), found.pop(elder.id)
    assert found == {}, "and nothing new opens"
    assert (gone.end, gone.merged_into, incident_state(gone)) == (told.time(30), elder.id, "merged")
    assert gone.summary == f"Part of incident {elder.id}. Merged by ann: a test."
    assert survivor.open
    assert {*survivor.affected} == {*elder.affected, *younger.affected}
    assert {one.entity for one in survivor.episodes} == {*map(service, ("db", "web", "mail"))}
    assert survivor.roots[0] == service("db")
    assert by_id(follow(log, told, 70, 120))[elder.id].end == told.time(89)


def test_the_elder_may_be_merged_into_the_younger_which_has_begun_then_when_it_began() -> None:
    told, log, elder, younger = two()
    mark(log, told, 30, "merged", elder.id, younger.id)
    found = by_id(follow(log, told, 30, 70))
    assert {*found} == {elder.id, younger.id}
    assert (found[younger.id].start, found[younger.id].open) == (elder.start, True)


def test_merged_into_one_that_was_closed_it_is_closed_too() -> None:
    told, log, elder, younger = two()
    mark(log, told, 30, "closed", elder.id)
    follow(log, told, 30, 32)
    mark(log, told, 32, "merged", younger.id, elder.id)
    found = by_id(follow(log, told, 32, 70))
    assert {*found} == {elder.id, younger.id}
    assert found[elder.id].end == told.time(30)
    assert service("mail") in found[elder.id].suffering


def test_merged_into_one_that_was_expected_it_is_expected_too() -> None:
    told, log = story((10, 20), mail=(50, 55)), log_in(None)
    first, second = sorted(follow(log, told, 0, 90), key=lambda one: one.start)
    heard(log, "mail", told.time(53))
    mark(log, told, 90, "expected", first.id)
    assert heard(log, "mail", told.time(53)) == 4.0
    mark(log, told, 90, "merged", second.id, first.id)
    assert heard(log, "mail", told.time(53) + DAY) == 0.0


def test_merged_into_one_that_was_over_that_one_goes_on() -> None:
    told, log = story((10, 20), mail=(50, 90)), log_in(None)
    first, second = sorted(follow(log, told, 0, 60), key=lambda one: one.start)
    mark(log, told, 60, "merged", second.id, first.id)
    found = by_id(follow(log, told, 60, 70))
    assert {*found} == {first.id, second.id}
    assert (found[first.id].open, found[first.id].suffering) == (True, (service("mail"),))


def test_merged_into_one_that_was_accepted_it_waits_for_a_fit_as_well() -> None:
    told, log, elder, younger = two()
    mark(log, told, 30, "accepted", elder.id)
    log.fitted({elder.id}, told.time(31))
    mark(log, told, 32, "merged", younger.id, elder.id)
    assert log.unfitted(told.time(60)) == {elder.id}
    assert service("mail") in {level.entity for level in log.accepted()}


def test_what_cannot_be_marked_is_told() -> None:
    told, log, elder, younger = two()
    for into in ("never-heard-of", younger.id):
        mark(log, told, 30, "merged", younger.id, into)
        assert log.notices == (f"incident {younger.id} was not merged: there is no other incident {into!r} any more",)
    mark(log, told, 30, "closed", "never-heard-of")
    assert log.notices == ("incident never-heard-of was not closed: it is not known any more",)
    mark(log, told, 30, "merged", younger.id, elder.id)
    assert log.notices == ()
    shown = log.shown()
    mark(log, told, 31, "merged", younger.id, elder.id)
    assert (log.shown(), log.notices) == (shown, ()), "it was already"
    mark(log, told, 31, "dismissed", younger.id)
    assert log.notices == (f"incident {younger.id} was not dismissed: it is part of {elder.id}; name that one",)
    mark(log, told, 31, "merged", elder.id, younger.id)
    assert "was not merged" in log.notices[0]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (Mark(0, "ann", "disk replaced", "closed"), "Closed by ann: disk replaced."),
        (Mark(0, kind="closed"), "Closed."),
        (Mark(0, "ann", kind="dismissed"), "No incident, says ann."),
        (Mark(0, "", "a test", "dismissed"), "No incident: a test."),
        (Mark(0, "ann", "the backup!", "expected"), "Expected, says ann: the backup!"),
        (Mark(0, "ann", kind="merged"), "Merged by ann."),
    ],
)
def test_words_say_who_and_why(mark: Mark, words: str) -> None:
    assert mark.words == words


def test_the_next_evaluation_ends_it_in_the_past_tense_and_a_later_one_opens_nothing() -> None:
    shop = Shop()
    (one,) = [incident for incident in shop.first.incidents if incident.open]
    shop.world.clock.mark("closed", one.id, "ann", "known")
    snapshot = shop.after(1)
    over = by_id(snapshot.incidents)[one.id]
    assert over.end == snapshot.time
    assert " was " in over.summary
    assert over.summary.endswith("Closed by ann: known.")
    later = shop.after(3)
    assert later.judgement
    assert later.judgement.verdicts != (), "it goes on"
    assert [incident for incident in later.incidents if incident.open] == []
