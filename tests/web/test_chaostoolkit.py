"""The control of Chaos Toolkit, called as chaoslib calls it: an experiment, its end and its rollbacks."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from worlds import World

from datasource.chaostoolkit import after_experiment_control, before_method_control
from datasource.demo.serving import BackgroundServer
from datasource.interventions import InterventionLog
from datasource.settings.store import Store
from datasource.settings.web import Writes
from datasource.web.app import create_app

ACTION = {"type": "action", "name": "throttle user", "provider": {"type": "process", "path": "throttle"}}
EXPERIMENT = {"title": "Are calls to UserService slow?", "method": [ACTION, {"type": "probe", "name": "look"}]}
JOURNAL = {
    "status": "completed",
    "run": [{"activity": ACTION, "status": "succeeded"}, {"activity": {"type": "probe", "name": "look"}}],
    "rollbacks": [{"activity": {"type": "action", "name": "undo"}, "status": "succeeded"}],
}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InterventionLog]:
    (tmp_path / "token").write_text("tok\n")
    clock = World(steps=10).clock
    writes = Writes(token_file=tmp_path / "token")
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"writes": writes})
    clock.evaluator.interventions = InterventionLog(Store(directory=tmp_path))
    server = BackgroundServer(create_app(clock))
    monkeypatch.setenv("CAUSAL_URL", server.url)
    monkeypatch.setenv("CAUSAL_TOKEN_FILE", str(tmp_path / "token"))
    yield clock.evaluator.interventions
    server.stop()


def run(journal: Any = JOURNAL, **arguments: Any) -> None:
    before_method_control(context=EXPERIMENT, **arguments)
    after_experiment_control(context=EXPERIMENT, state=journal, **arguments)


def test_an_experiment_is_written_down_with_its_method_end_and_rollbacks(log: InterventionLog) -> None:
    run(targets=["shop/user"])
    (one,) = log.all()
    assert (one.kind, one.targets, one.why, one.rolled_back) == ("chaos", ("shop/user",), EXPERIMENT["title"], True)
    assert one.parameters == {"throttle user": "succeeded", "status": "completed"}
    assert one.end is not None
    first, _ = log.entries(1)
    assert first.said["parameters"] == {"throttle user": "throttle"}


def test_a_rollback_that_failed_or_never_was_is_no_rollback(log: InterventionLog) -> None:
    run({**JOURNAL, "rollbacks": [{"activity": ACTION, "status": "failed"}]})
    assert not log.all()[0].rolled_back
    run(None)
    assert [one.rolled_back for one in log.all()] == [False, False]


def test_a_service_that_refuses_or_is_away_stops_no_experiment(
    log: InterventionLog, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "wrong").write_text("wrong")
    run(token_file=str(tmp_path / "wrong"))
    run(url="http://127.0.0.1:1")
    run(token_file=str(tmp_path / "missing"))
    assert not log.all()
    assert caplog.text.count("the intervention is not written down") == 3
    assert "this is not the token" in caplog.text
