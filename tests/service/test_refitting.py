"""Later fits go on beside judging: they hold nothing up, and what goes wrong with one is told and tried again."""

from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import pytest
import shop_incidents
from worlds import SETTINGS, STEP, Busy, World

from datasource.service import Snapshot
from datasource.service.jobs import fit_job
from datasource.settings import Loaded, parse_settings


class Refitted:
    """A small quiet installation that was fitted once; its worker is busy from then on."""

    def __init__(self, refit: str = "10m") -> None:
        text = SETTINGS.read_text()
        settings = f"{text[: text.index('effects:')]}\nevaluation: {{refit: {refit}}}\n"
        self.world = World(steps=240, settings=Loaded(parse_settings(settings), "test"))
        self.evaluator = self.world.clock.evaluator
        self.worker = Busy()
        self.evaluator._refitting._workers = self.worker  # type: ignore[assignment]
        self.world.now -= 100 * STEP
        self.first = self.after(0)
        self.worker.busy = True

    def after(self, steps: int) -> Snapshot:
        """The snapshot so many steps later."""
        self.world.now += steps * STEP
        self.world.clock.tick()
        assert self.world.clock.health.error == ""
        assert self.world.clock.snapshot
        return self.world.clock.snapshot


def fitted_at(snapshot: Snapshot) -> int:
    assert snapshot.mechanisms
    return snapshot.mechanisms.fitted_at


def told(snapshot: Snapshot) -> str:
    return " ".join(notice for notice in snapshot.notices if "a new one failed" in notice)


def test_judging_goes_on_while_a_fit_is_under_way_and_one_that_takes_longer_than_the_time_between_two_is_awaited():
    shop = Refitted(refit="1m")
    for _ in range(6):
        snapshot = shop.after(1)
        assert snapshot.judgement
        assert fitted_at(snapshot) == fitted_at(shop.first)
    assert len(shop.worker.fits) == 1
    shop.worker.finish()
    assert fitted_at(shop.after(1)) == shop.first.time + 2 * STEP
    shop.after(1)
    assert len(shop.worker.fits) == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokenProcessPool("terminated abruptly"), "the worker process that fits was lost"),
        (RuntimeError("singular"), "singular"),
    ],
)
def test_after_a_fit_that_was_lost_or_failed_the_last_one_stays_until_the_next_is_due(error: Exception, said: str):
    shop = Refitted()
    shop.after(20)
    shop.worker.fits[-1][0].set_exception(error)
    snapshot = shop.after(1)
    assert snapshot.judgement
    assert fitted_at(snapshot) == fitted_at(shop.first)
    assert said in told(snapshot)
    shop.after(20)
    shop.worker.finish()
    assert told(shop.after(1)) == ""


def test_a_fit_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch):
    shop = Refitted()
    shop.after(20)
    monkeypatch.setattr("datasource.service.refitting._TIMEOUT", 0.0)
    assert "measure fewer variables" in told(shop.after(1))
    assert shop.worker.stopped == 1
    shop.after(20)
    assert len(shop.worker.fits) == 2


def test_a_clock_that_went_ahead_and_was_put_back_neither_ends_refits_nor_the_following_of_drift():
    shop = Refitted()
    shop.worker.busy = False
    ahead = shop.after(600)
    assert fitted_at(ahead) > shop.world.client.end
    back = shop.after(-580)
    assert fitted_at(back) == back.time
    followed = shop.evaluator._mechanisms
    shop.after(1)
    assert shop.evaluator._mechanisms is not followed


def test_drift_is_followed_once_at_every_point_however_often_it_is_looked_at():
    shop = Refitted()
    moved = shop.evaluator._mechanisms
    shop.after(0)
    assert shop.evaluator._mechanisms is moved
    shop.after(1)
    assert shop.evaluator._mechanisms is not moved


def test_an_incident_of_the_past_is_no_reason_to_leave_its_time_out_of_a_fit():
    """The fit finds what deviates by itself, so that what recurs every night becomes usual."""
    small = Refitted()
    ended = shop_incidents.ended(small.first.time)
    small.evaluator.incidents._incidents = {ended.id: ended}
    small.after(20)
    (_, (_, _, _, _, left_out, accepted)) = small.worker.fits[-1]
    assert (left_out, accepted) == ((), ())


@pytest.mark.parametrize(("supported", "told_of"), [(0.7, False), (2.0, True)])
def test_parts_of_the_baseline_that_break_the_promise_are_a_notice(monkeypatch, supported: float, told_of: bool):
    def fit(*arguments: Any) -> Any:
        return replace(fit_job(*arguments), supported=supported)

    monkeypatch.setattr("datasource.service.refitting.fit_job", fit)
    found = Refitted().first
    assert any("supports 2 false alarms a day, not the 0.5 of" in one for one in found.notices) is told_of
