"""An incident may be accepted as the new normal: it ends, its entities do not alarm at that level, and it is kept."""

from pathlib import Path
from typing import Any

import pytest
from judging import OF, STEP, Story, scores, service
from test_incident_log import WITHOUT_EFFECTS, follow, impatient, log_in, settings
from worlds import Busy, World

from datasource.anomaly import Accepted
from datasource.demo.series import SERIES
from datasource.incidents import Incident, Mark
from datasource.incidents.log import IncidentLog
from datasource.service import Snapshot, incident_state
from datasource.store import from_json, to_json

__all__ = ["impatient"]
RESIZE = "resized"
SAID = Mark(0, "ann", RESIZE)
WORDS = "Accepted as the new normal by ann: resized."


def lasting() -> Story:
    """The database becomes slow for good, and a little later who calls it."""
    return Story({"db": scores(90, (10, 90)), "web": scores(90, (12, 90))}, [("web", "db")], {"db": "db", "web": "db"})


def accept(log: IncidentLog, story: Story, at: int, name: str) -> None:
    log.mark(name, SAID._replace(at=story.time(at)))


def fit(log: IncidentLog, story: Story, at: int) -> frozenset[str]:
    """A fit at a step, of everything that is ripe."""
    names = log.unfitted(story.time(at))
    log.fitted(names, story.time(at))
    return names


def test_it_goes_on_until_the_next_fit_and_ends_with_who_accepted_it_and_why() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    (waiting,) = follow(log, story, 20, 22)
    assert (waiting.id, waiting.open) == (one.id, True)
    assert waiting.accepted == Mark(story.time(20), "ann", RESIZE)
    assert fit(log, story, 22) == {one.id}
    (over,) = log.shown()
    assert (over.end, incident_state(over)) == (story.time(22), "ended")
    assert over.summary.endswith(WORDS)
    assert over.suggestions == ()
    assert fit(log, story, 23) == frozenset(), "once"


def test_while_it_waits_its_entities_begin_no_other_incident_and_others_do() -> None:
    story = lasting()
    story.scores["mail"] = Story({"mail": scores(90, (21, 90))}).scores["mail"]
    log = log_in(None)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    found = {incident.id: incident for incident in follow(log, story, 20, 40)}
    (other,) = [incident for name, incident in found.items() if name != one.id]
    assert other.affected == (service("mail"),)
    assert found[one.id].affected == one.affected


def test_what_is_still_anomalous_after_the_fit_is_a_new_incident() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    follow(log, story, 20, 22)
    fit(log, story, 22)
    shown = follow(log, story, 22, 24)
    assert len(shown) == 2
    assert shown[0].open
    assert shown[0].accepted is None


def test_the_levels_of_its_entities_are_the_new_ones_since_each_was_anomalous() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 20)
    assert log.accepted() == ()
    accept(log, story, 20, one.id)
    levels = (Accepted(service("db"), story.time(10)), Accepted(service("web"), story.time(12)))
    assert log.accepted() == levels
    fit(log, story, 22)
    assert log.accepted() == levels


def test_a_root_cause_that_was_not_anomalous_itself_has_the_level_of_the_incident() -> None:
    story = Story({"web": scores(40, (10, 40)), "db": scores(40)}, [("web", "db")], {"web": "db"})
    log = log_in(None)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    assert Accepted(service("db"), story.time(10)) in log.accepted()


def test_one_that_is_over_is_no_new_level() -> None:
    story = Story({"db": scores(90, (10, 20))}, roots={"db": "db"})
    log = log_in(None)
    (one,) = follow(log, story, 0, 60)
    assert one.end == story.time(19)
    accept(log, story, 60, one.id)
    (after,) = log.shown()
    assert after.end == one.end
    assert after.summary.endswith(WORDS)
    assert log.accepted() == ()
    assert fit(log, story, 60) == {one.id}


def test_accepting_twice_changes_nothing() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    (first,) = log.shown()
    log.mark(one.id, Mark(story.time(25), "bob", "no"))
    assert log.shown() == (first,)
    fit(log, story, 22)
    log.mark(one.id, Mark(story.time(30), "bob", "no"))
    assert fit(log, story, 30) == frozenset()
    assert log.shown()[0].accepted == first.accepted


def test_one_that_was_merged_or_forgotten_meanwhile_is_told() -> None:
    story = Story(
        {"db": scores(60, (5, 60)), "cart": scores(60, (20, 60)), "web": scores(60, (35, 60))},
        [("web", "db"), ("web", "cart")],
    )
    log = log_in(None)
    merged = next(one for one in follow(log, story, 0, 45) if one.merged_into)
    accept(log, story, 45, merged.id)
    assert [one.accepted for one in log.shown()] == [None, None]
    assert log.notices == (f"incident {merged.id} was not accepted: it is part of {merged.merged_into}; name that one",)
    accept(log, story, 45, "never-heard-of")
    assert "it is not known any more" in log.notices[0]
    accept(log, story, 45, merged.merged_into)
    assert log.notices == ()


def test_it_waits_until_enough_points_of_the_level_are_known() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 15)
    accept(log, story, 15, one.id)
    window = max(signal.window for signal in settings().signals.values())
    ripe = 12 + int(window // STEP) + 3  # web was the last to become slow
    assert log.unfitted(story.time(ripe - 1)) == frozenset()
    assert log.unfitted(story.time(ripe)) == {one.id}


def test_it_survives_a_restart_before_and_after_the_fit(tmp_path: Path) -> None:
    story, log = lasting(), log_in(tmp_path)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    follow(log, story, 20, 21)
    after = log_in(tmp_path)
    after.recall(story.time(21))
    assert after.shown()[0].accepted == Mark(story.time(20), "ann", RESIZE)
    assert after.unfitted(story.time(22)) == {one.id}
    assert after.accepted() == log.accepted() != ()
    fit(after, story, 22)
    quiet = Story({"db": scores(90), "web": scores(90)}, [("web", "db")])
    follow(after, quiet, 22, 23)
    again = log_in(tmp_path)
    again.recall(story.time(23))
    assert again.shown()[0].end == story.time(22)
    assert again.accepted() == log.accepted()
    assert again.unfitted(story.time(23)) == frozenset()


@pytest.mark.usefixtures("impatient")
def test_it_is_kept_in_memory_while_the_store_is_away_and_written_once_it_is_there(tmp_path: Path) -> None:
    story, place = lasting(), tmp_path / "data"
    place.write_text("a file in its place")
    log = log_in(place)
    (one,) = follow(log, story, 0, 20)
    accept(log, story, 20, one.id)
    follow(log, story, 20, 21)
    assert "kept in memory only" in log.notices[0]
    place.unlink()
    follow(log, story, 21, 22)
    after = log_in(place)
    after.recall(story.time(22))
    assert after.shown()[0].accepted == Mark(story.time(20), "ann", RESIZE)


def test_records_of_before_can_be_read() -> None:
    story, log = lasting(), log_in(None)
    (one,) = follow(log, story, 0, 20)
    old = to_json(one).replace(',"accepted":null', "").replace(',"mark":null', "")
    assert "accepted" not in old
    assert "mark" not in old
    assert from_json(Incident, old) == one
    accept(log, story, 20, one.id)
    (accepted,) = log.shown()
    assert from_json(Incident, to_json(accepted)) == accepted
    old = to_json(accepted).replace(',"kind":"accepted"', "")
    assert from_json(Incident, old) == accepted, "as accept wrote it when it was the only mark"


@pytest.mark.parametrize(
    ("by", "reason", "words"),
    [
        ("ann", RESIZE, "Accepted as the new normal by ann: resized."),
        ("", RESIZE, "Accepted as the new normal: resized."),
        ("ann", "", "Accepted as the new normal by ann."),
        ("", "", "Accepted as the new normal."),
        ("ann", "Twice the traffic!", "Accepted as the new normal by ann: Twice the traffic!"),
    ],
)
def test_words_say_who_and_why_as_far_as_known(by: str, reason: str, words: str) -> None:
    assert Mark(0, by, reason).words == words


class Shop:
    """The demo's shop, in whose newest half an hour platform/inventory is slow."""

    def __init__(self, worker: Any = None) -> None:
        self.world = World(steps=240, settings=WITHOUT_EFFECTS)
        if worker:
            self.world.clock.evaluator._refitting._workers = worker
        self.slower(60)
        self.world.now -= 40 * STEP
        self.after(0)
        for _ in range(3):
            self.first = self.after(10)

    def slower(self, points: int) -> None:
        """Inventory takes twice as long in the newest points."""
        for row, series in enumerate(SERIES):
            if ("service", "inventory") in series.labels and "seconds" in series.name:
                self.world.client.values[row, -points:] *= 2

    def after(self, steps: int) -> Snapshot:
        self.world.now += steps * STEP
        self.world.clock.tick()
        assert self.world.clock.health.error == ""
        assert self.world.clock.snapshot
        return self.world.clock.snapshot


def test_the_next_evaluation_after_accepting_fits_and_does_not_alarm_and_a_further_step_does() -> None:
    shop = Shop()
    (one,) = [incident for incident in shop.first.incidents if incident.open]
    before = shop.first.mechanisms
    shop.world.clock.mark("accepted", one.id, "ann", RESIZE)
    snapshot = shop.after(1)
    assert snapshot.mechanisms is not before, "without waiting for evaluation.refit"
    assert snapshot.judgement
    assert snapshot.judgement.verdicts == ()
    over = next(incident for incident in snapshot.incidents if incident.id == one.id)
    assert over.end == snapshot.time
    assert " was " in over.summary
    assert over.summary.endswith(WORDS)
    quiet = shop.after(1)
    assert quiet.mechanisms is not before
    assert [incident for incident in quiet.incidents if incident.open] == []
    shop.slower(8)
    shop.after(4)
    later = shop.after(OF - 1)
    assert later.judgement
    assert "platform/inventory" in {str(verdict.entity) for verdict in later.judgement.verdicts}


def test_a_fit_that_was_under_way_is_followed_by_one_that_knows() -> None:
    worker = Busy()
    shop = Shop(worker)
    worker.busy = True
    (one,) = [incident for incident in shop.first.incidents if incident.open]
    shop.world.clock.evaluator._refit_at = -1
    shop.after(1)
    assert len(worker.fits) == 1
    shop.world.clock.mark("accepted", one.id)
    shop.after(1)
    worker.finish()
    still = shop.after(1)
    assert next(incident for incident in still.incidents if incident.id == one.id).open, "it does not know the level"
    shop.after(1)
    assert len(worker.fits) == 2
    assert worker.fits[-1][1][-1] != ()
    assert len([incident for incident in still.incidents if incident.open]) == 1
    worker.finish()
    over = shop.after(1)
    assert [incident for incident in over.incidents if incident.open] == []


def test_a_fit_that_fails_is_tried_again_when_one_is_due_and_not_at_every_step() -> None:
    worker = Busy()
    shop = Shop(worker)
    worker.busy = True
    (one,) = [incident for incident in shop.first.incidents if incident.open]
    shop.world.clock.mark("accepted", one.id)
    shop.after(1)
    worker.fits[-1][0].set_exception(RuntimeError("no memory"))
    failed = shop.after(1)
    assert any("a new one failed: no memory" in notice for notice in failed.notices)
    assert next(incident for incident in failed.incidents if incident.id == one.id).open
    shop.after(1)
    shop.after(1)
    assert len(worker.fits) == 1
    shop.world.clock.evaluator._refit_at = -1
    shop.after(1)
    worker.finish()
    assert [incident for incident in shop.after(1).incidents if incident.open] == []
