"""Experiments: only what is allowed and guarded, one at a time, always undone, and with enough blocks."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from known_truth import noise

from datasource.effects.study import StudyError
from datasource.interventions import InterventionError, InterventionLog
from datasource.interventions.experiments import Experimenter, Surroundings
from datasource.interventions.power import switchback_power
from datasource.settings import SettingsError, parse_settings
from datasource.settings.experiments import Experiments
from datasource.settings.store import Store

PLAN = {
    "kind": "throttle",
    "targets": ["shop/user"],
    "parameters": {"delay_ms": 50},
    "start": ["throttle", "on"],
    "rollback": ["throttle", "off"],
    "outcome": "shop/web.latency",
    "block": "60s",
    "abort_above": 3,
}
ON, OFF = ("throttle", "on"), ("throttle", "off")


@dataclass
class Fake:
    """Time that goes on while one waits, scores, and commands that may fail."""

    directory: Path
    time: float = 1_800_000_000.0
    score: float = 0.5
    called: list[Sequence[str]] = field(default_factory=list)
    failing: dict[Sequence[str], int] = field(default_factory=dict)
    bad_from: float = np.inf
    ends_at: float = np.inf

    def experimenter(self, allow: Sequence[str] = ("slow",), **changed: object) -> Experimenter:
        block = Experiments.model_validate({"allow": allow, "plans": {"slow": {**PLAN, **changed}}})
        around = Surroundings(lambda: self.time, self.wait, self.call, np.random.default_rng(1))
        return Experimenter(block, self.log(), self.scores, around)

    def log(self) -> InterventionLog:
        return InterventionLog(Store(directory=self.directory), now=lambda: self.time)

    def scores(self) -> dict[str, float]:
        return {"shop/web.latency": 9.0 if self.time >= self.bad_from else self.score}

    def wait(self, seconds: float) -> bool:
        self.time += seconds
        return self.time >= self.ends_at

    def call(self, argv: Sequence[str], _timeout: float) -> str:
        self.called.append(tuple(argv))
        left = self.failing.get(tuple(argv), 0)
        self.failing[tuple(argv)] = left - 1
        return "it failed" if left > 0 else ""


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_it_is_run_undone_and_written_down(fake: Fake) -> None:
    one = fake.experimenter().run("slow")
    assert fake.called == [ON, OFF]
    assert (one.end, one.rolled_back, one.randomised) == (one.start + 60, True, False)
    assert one.links == {"experiment": "slow"}
    assert one.parameters["delay_ms"] == 50
    assert "aborted" not in one.parameters


def test_a_switchback_is_on_and_off_in_random_blocks(fake: Fake) -> None:
    one = fake.experimenter(blocks=4).run("slow")
    assert (one.randomised, len(one.on), one.end) == (True, 4, one.start + 8 * 60)
    assert all(end - start == 60 for start, end in one.on)
    assert fake.called[-1] == OFF
    assert 1 <= fake.called.count(ON) <= 4, "what is on is not turned on again"


def test_nothing_is_run_that_is_not_allowed(fake: Fake) -> None:
    with pytest.raises(InterventionError, match=r"experiments\.allow names: none"):
        fake.experimenter(allow=()).run("slow")
    assert not fake.called


@pytest.mark.parametrize(("score", "told"), [(3.5, "scores 3.5, above 3"), (np.nan, "scores nan")])
def test_a_guard_that_is_not_calm_lets_nothing_begin(fake: Fake, score: float, told: str) -> None:
    fake.score = score
    with pytest.raises(InterventionError, match=told):
        fake.experimenter().run("slow")
    with pytest.raises(InterventionError, match=r"shop/db\.latency is not scored now"):
        fake.experimenter(guards=["shop/db.latency"]).run("slow")
    assert not fake.called
    assert not fake.log().all()


def test_a_guard_that_passes_its_limit_ends_it_at_once(fake: Fake) -> None:
    fake.bad_from = fake.time + 20
    one = fake.experimenter().run("slow")
    assert fake.called == [ON, OFF]
    assert one.end == one.start + 20
    assert one.parameters["aborted"] == "shop/web.latency scores 9, above 3"


def test_whatever_fails_the_rollback_is_called_again_and_told(fake: Fake) -> None:
    fake.failing = {ON: 1}
    assert fake.experimenter().run("slow").parameters["aborted"] == "it could not begin: it failed"
    assert fake.called == [ON, OFF]
    fake.failing = {OFF: 2}
    assert fake.experimenter().run("slow").rolled_back
    fake.failing = {OFF: 3}
    one = fake.experimenter().run("slow")
    assert (one.rolled_back, one.end, one.parameters["rollback_failed"]) == (False, None, "it failed")


def test_an_end_of_the_service_ends_it(fake: Fake) -> None:
    fake.ends_at = fake.time + 15
    assert fake.experimenter().run("slow").parameters["aborted"] == "the service ends"
    assert fake.called == [ON, OFF]


def test_there_are_never_two_at_once(fake: Fake) -> None:
    fake.failing = {OFF: 3}
    fake.experimenter().run("slow")
    for name in ("run", "dry_run"):
        with pytest.raises(InterventionError, match="experiment 1 goes on; never two at once"):
            getattr(fake.experimenter(), name)("slow")


def test_one_that_begins_in_another_replica_at_the_same_time_goes_first(fake: Fake) -> None:
    ours, theirs = fake.experimenter(), fake.experimenter()
    found: list[str] = []

    def scores() -> dict[str, float]:
        if not found:
            found.append("theirs")
            theirs._log.record({**_said(), "start": int(fake.time)}, "experiments")
        return {"shop/web.latency": 0.0}

    ours._scores = scores
    with pytest.raises(InterventionError, match="experiment 1 goes on"):
        ours.run("slow")
    assert not fake.called
    assert [one.end is None for one in fake.log().all()] == [False, True]


def _said() -> dict[str, object]:
    return {"kind": "throttle", "targets": ["shop/user"], "links": {"experiment": "slow"}}


def test_what_a_crash_of_another_machine_left_open_is_undone_when_it_should_be_over(fake: Fake) -> None:
    until = {"parameters": {"host": "elsewhere", "planned_end": fake.time + 60}}
    fake.log().record({**_said(), **until}, "experiments")
    assert not fake.experimenter().recover(), "it goes on there"
    fake.time += 400
    (one,) = fake.experimenter().recover()
    assert fake.called == [OFF]
    assert one.parameters["aborted"] == "it was found open after a crash"


CRASH = """
import json, sys
from datasource.interventions import InterventionLog
from datasource.interventions.experiments import Experimenter
from datasource.settings.experiments import Experiments
from datasource.settings.store import Store
block = Experiments.model_validate(json.loads(sys.argv[1]))
log = InterventionLog(Store(directory=sys.argv[2]))
Experimenter(block, log, lambda: {"a.b": 0.0}).run("slow")
"""


def test_an_experiment_whose_process_was_killed_is_rolled_back_by_the_next_one(tmp_path: Path) -> None:
    slow, reader = tmp_path / "slow", tmp_path / "fifo"
    os.mkfifo(reader)
    began = f"open({os.fspath(slow)!r}, 'w').close(); open({os.fspath(reader)!r}, 'w').close()"
    plan = {
        **PLAN,
        "outcome": "a.b",
        "start": [sys.executable, "-c", began],
        "rollback": [sys.executable, "-c", f"import os; os.remove({os.fspath(slow)!r})"],
        "block": "10m",
    }
    block = {"allow": ["slow"], "plans": {"slow": plan}}
    process = subprocess.Popen([sys.executable, "-c", CRASH, json.dumps(block), str(tmp_path)])
    with reader.open() as opened:
        opened.read()
    assert slow.exists()
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    log = InterventionLog(Store(directory=tmp_path))
    (one,) = Experimenter(Experiments.model_validate(block), log, dict).recover()
    assert not slow.exists()
    assert one.rolled_back
    assert log.verify().broken == ""


def test_a_dry_run_tells_every_step_and_runs_none(fake: Fake) -> None:
    steps = fake.experimenter(blocks=3).dry_run("slow")
    assert len(steps) == 8
    assert steps[-1] == "at the end, whatever happens: throttle off"
    assert not fake.called
    assert not fake.log().all()


def test_what_is_due_begins_by_its_schedule() -> None:
    block = Experiments.model_validate(
        {"plans": {"slow": {**PLAN, "schedule": "0 3 * * *", "timezone": "Europe/Berlin"}}}
    )
    assert [*block.plans["slow"].begins(1_795_824_000, 1_795_824_000 + 86400)] == [1_795_824_000 + 2 * 3600]
    assert not [*Experiments.model_validate({"plans": {"slow": PLAN}}).plans["slow"].begins(0, 1e9)]


SETTINGS = """
prometheus: {url: http://p:9090}
entities: {a: {labels: [a]}}
signals: {x: {entity: a, query: x, window: 30s}}
experiments:
  allow: [ALLOW]
  plans:
    slow: {targets: [web], start: START, rollback: [y], outcome: OUTCOME}
"""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ALLOW": "slwo"}, "did you mean 'slow'"),
        ({"START": "kubectl apply; rm -rf /"}, "no shell takes it apart"),
        ({"START": "[]"}, "start"),
        ({"OUTCOME": "x"}, "write it as shop/web.latency"),
        ({"OUTCOME": "web.y"}, "y"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed: dict[str, str], told: str) -> None:
    text = SETTINGS
    for name, value in ({"ALLOW": "slow", "START": "[x]", "OUTCOME": "web.x"} | changed).items():
        text = text.replace(name, value)
    with pytest.raises(SettingsError, match=told):
        parse_settings(text)


def test_the_power_that_is_promised_is_there() -> None:
    rng = np.random.default_rng(5)
    values = 0.2 + 0.02 * noise(rng, 4000, 0.9)
    power = switchback_power(values, 30, 600, 60, 0.015)
    assert isfinite(power.blocks)
    blocks, seen = int(power.blocks), 0
    for _ in range(300):
        row = 0.02 * noise(rng, 2 * blocks * 20, 0.9)
        on = rng.permutation([0.0, 1.0] * blocks)
        means = (row.reshape(-1, 20)[:, 2:]).mean(axis=1) + 0.015 * on
        gap = means[on == 1].mean() - means[on == 0].mean()
        spread = np.sqrt((means[on == 1].var(ddof=1) + means[on == 0].var(ddof=1)) / blocks)
        seen += gap > 2.1 * spread
    assert 0.65 < seen / 300 < 0.97
    assert switchback_power(values, 30, 600, 60, 0.03).blocks < blocks
    assert not isfinite(switchback_power(values, 30, 600, 60, 1e-6).blocks)


def test_a_block_that_cannot_settle_and_too_short_a_past_are_told() -> None:
    with pytest.raises(StudyError, match="make it longer"):
        switchback_power(np.ones(100), 30, 60, 60, 1.0)
    with pytest.raises(StudyError, match="6 would do"):
        switchback_power(np.ones(100), 30, 600, 60, 1.0)
