"""The process that estimates what is asked for: it is lost, takes too long, or is not needed any more."""

import os
import signal
import time
from typing import Any

import pytest
from worlds import World

from datasource.data import Variable
from datasource.demo.child import wait_until
from datasource.effects import EffectResult
from datasource.service import Snapshot, asked_effects
from datasource.service.asked_effects import AskedEffect, AskedEffectError, AskedEffects
from datasource.service.jobs import Effects

RESTARTS = AskedEffect("restarts", "latency", "linear_regression")


@pytest.fixture
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot
    return world.clock.snapshot


def of_web(_: Variable, outcome: Variable) -> bool:
    return outcome.entity.name == "web"


def ask(effects: AskedEffects, snapshot: Snapshot) -> tuple[EffectResult, ...]:
    return effects.ask(RESTARTS, snapshot, of_web, patience=120)


def process(effects: AskedEffects) -> int:
    """Its number."""
    pool = effects._workers._pool
    assert pool
    return next(iter(pool._processes))


def hangs(*_: Any, **__: Any) -> Effects:
    time.sleep(60)
    return Effects()


def dies(*_: Any, **__: Any) -> Effects:
    os.kill(os.getpid(), signal.SIGKILL)
    return Effects()


def test_it_is_replaced_where_it_was_lost_and_ends_when_nobody_asks(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = AskedEffects()
    with monkeypatch.context() as patched:
        patched.setattr(asked_effects, "effects_job", dies)
        with pytest.raises(AskedEffectError, match="was lost; ask again"):
            ask(effects, snapshot)
    monkeypatch.setattr(asked_effects, "_IDLE", 0.2)
    (found,) = ask(effects, snapshot)
    assert found.effect.lower > 0
    assert wait_until(lambda: effects._workers._pool is None, 20)
    assert ask(effects, snapshot) == (found,)
    assert effects._workers._pool is None


def test_what_takes_too_long_is_given_up_and_its_process_ended(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = AskedEffects()
    monkeypatch.setattr(asked_effects, "effects_job", hangs)
    monkeypatch.setattr(asked_effects, "DEADLINE", 1.0)
    with pytest.raises(AskedEffectError, match="longer than 1 s; select fewer"):
        ask(effects, snapshot)
    assert effects._workers._pool is None


def test_at_the_end_of_the_service_it_ends(snapshot: Snapshot) -> None:
    effects = AskedEffects()
    ask(effects, snapshot)
    number = process(effects)
    effects.stop()
    assert wait_until(lambda: not alive(number), 20)


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{number}/stat") as file:
        return " Z " not in file.read()
