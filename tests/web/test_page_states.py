"""The page while nothing is anomalous, while it warms up, before the first evaluation, and when nobody answers."""

import re
from pathlib import Path

import pytest
from browser import Page
from pages import served, without_effects
from worlds import STEP, World

from datasource.demo.faults import PRESENT
from datasource.prometheus import PrometheusError


def test_when_nothing_is_anomalous_it_says_so_in_one_window(page: Page, tmp_path: Path):
    world = World(steps=PRESENT.start_step, settings=without_effects())
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Nothing is anomalous now")
        assert page.text("#stories") == ""
        assert "No incident has ended lately." in page.text("#ended")
        page.wait_for("#series .readout", "observed")
        assert page.run("document.querySelector('#series select').value").endswith(".latency")
        assert "no effects are configured" in page.text("#effect")
        page.screenshot(tmp_path / "page.png", 1440, 900)
        assert page.run("document.documentElement.scrollHeight") == 900
        assert page.run("document.querySelector('#ended').clientHeight") < 100, "a card is as high as what is in it"
        world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
        world.now += STEP
        world.clock.tick()
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for("h1", "Nothing was anomalous at ")
        world.now += 20 * STEP
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for("h1", "Not known since ")


def test_warming_up_says_how_far_it_is(page: Page):
    world = World(steps=37)
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Warming up: 37 of 120 points")
        page.wait_for("#state", "warming up")
        assert "37 of 120 needed" in page.text("#health")
        assert page.run("document.querySelector('progress').value") == pytest.approx(37 / 120)
        assert page.errors == []


def test_on_ten_minutes_of_history_it_shows_what_is_measured_and_when_scores_begin(page: Page, tmp_path: Path):
    world = World(steps=21)
    snapshot = world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Warming up: 21 of 120 points")
        begin = snapshot.time + (120 - 21) * STEP
        clock = page.run(f"new Date({begin} * 1000).toLocaleTimeString('en-GB').slice(0, 5)")
        assert f"scores begin about {clock}; " in page.text("#headline p")
        rows = page.run("[...document.querySelectorAll('#anomalies tbody tr')].map((row) => row.innerText)")
        told = [" ".join(row.split()) for row in rows]
        assert len(told) == len(snapshot.settings.signals)
        row = next(row for row in told if row.startswith("requests "))
        services, lowest, highest = re.fullmatch(r"requests (\d+) services ([\d.]+) to ([\d.]+) req/s", row).groups()
        newest = [snapshot.matrix.row(one)[-1] for one in snapshot.matrix.variables if one.signal == "requests"]
        assert int(services) == len(newest)
        assert (float(lowest), float(highest)) == pytest.approx((min(newest), max(newest)), rel=0.01)
        assert "normal" not in page.text("#anomalies")
        page.run("document.querySelector('#anomalies button').click()")
        page.wait_for("#series .readout", "what is expected is not known yet")
        assert page.run("document.querySelector('#series .observed').getAttribute('d').length") > 100
        page.screenshot(tmp_path / "page.png", 1440, 900)
        assert page.errors == []


def test_before_the_first_evaluation_it_gives_the_reason_then_the_results_then_the_silence(page: Page):
    world = World(steps=37)
    world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
    world.clock.tick()
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    with served(world.clock) as url:
        page.open(url)
        assert "refused the connection" in page.wait_for("#headline", "Nothing has been evaluated yet")
        world.client.failing = None
        world.tick()
        page.run(look)
        page.wait_for("h1", "Warming up")
        world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
        world.now += 20 * STEP
        world.clock.tick()
        page.run(look)
        assert "refused the connection" in page.wait_for("#alert", "These results are old.")
        assert "the last evaluation failed" in page.text("#health")
    page.run(look)
    page.wait_for("#alert", "No answer since ")
    page.wait_for("#state", "no answer")
    assert page.text("h1").startswith("Warming up")


def test_while_the_first_evaluation_runs_something_moves(page: Page):
    with served(World(steps=37).clock) as url:
        page.open(url)
        assert "The first evaluation is under way." in page.wait_for("#headline", "so far")
        assert page.run("document.querySelector('#headline progress').matches(':indeterminate')")


def test_when_nobody_answers_it_does_not_say_that_all_is_well(page: Page):
    world = World(steps=130, settings=without_effects())
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Nothing is anomalous now")
        page.wait_for("#anomalies-title", "Anomalous now: nothing")
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for("h1", "Not known since ")
    assert re.match(r"Anomalous at \d\d:\d\d:\d\d: nothing", page.text("#anomalies-title"))
    assert not page.run("document.title").startswith("OK")
