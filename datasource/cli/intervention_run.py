"""`causal-datasource intervention run`: a command as an intervention, measured, and judged for a pipeline."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite, nan
from typing import Any, NamedTuple, TypeVar

import click

from datasource.cli.intervention_log import ServiceLog
from datasource.cli.printing import refuse
from datasource.cli.reach import REFUSED, UNREACHABLE
from datasource.interventions import InterventionError
from datasource.interventions.condition import Condition, judge, limit_in, parse_condition

T = TypeVar("T")

FAILED, UNDECIDED, NOT_FOUND, INTERRUPTED = 4, 5, 127, 130
"""Exit codes beside those of the command that is run: a condition is true; one cannot be told, where that fails."""
_POLL = 10.0
_PATIENCE = 300.0
"""Seconds after the measuring window within which its last point must have come."""


class Plan(NamedTuple):
    """What is run and how it is measured; `settle` and `measuring` are in seconds. `stays` writes no end."""

    said: Mapping[str, Any]
    command: Sequence[str]
    outcomes: tuple[str, ...]
    conditions: tuple[Condition, ...]
    settle: float
    measuring: float
    stays: bool = False
    undecided_fails: bool = False
    key: str = ""


class Surroundings(NamedTuple):
    """Time and command as they are; tests have others. `call` runs an argv and gives its exit code."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    call: Callable[[Sequence[str]], int] = subprocess.call


def conditions_of(texts: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of --fail-if. Ends the command for one that is none."""
    try:
        return tuple(parse_condition(text) for text in texts)
    except InterventionError as error:
        refuse(f"--fail-if: {error}")


def run_plan(plan: Plan, log: ServiceLog, around: Surroundings | None = None) -> int:
    """Record, run, wait, end, report; the exit code."""
    around = around or Surroundings()
    names = tuple(dict.fromkeys((*plan.outcomes, *(one.outcome for one in plan.conditions))))
    _all_measured(names, plan.conditions, log)
    start = int(around.now())
    answer = log.write(0, {"start": start, **plan.said}, plan.key)
    number = answer["intervention"]["intervention"]
    click.echo(f"intervention {number} began ({answer['message']})", err=True)
    try:
        code = around.call(plan.command)
    except OSError as error:
        click.echo(f"{plan.command[0]} cannot be run: {(error.strerror or type(error).__name__).lower()}", err=True)
        code = NOT_FOUND
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code:
        _end(log, number, max(int(around.now()), start + 1), {"exit_code": code}, plan)
        click.echo(f"intervention {number} ended: the command ended with {code}", err=True)
        return code if code > 0 else 128 - code
    settled = around.now() + plan.settle
    until = settled + plan.measuring
    settle = settled - start
    patient = _Patient(around, until + _PATIENCE)
    try:
        _wait(plan, log, number, patient, until, settle, names)
    except KeyboardInterrupt:
        _end(log, number, max(int(around.now()), start + 1), {"interrupted": True}, plan)
        return INTERRUPTED
    if not plan.stays:
        patient.ask(lambda: _end(log, number, int(until), {}, plan))
    found = {name: patient.ask(partial(log.impact, number, name, (), settle)) for name in names}
    for one in found.values():
        click.echo(one["sentence"])
    return _judged(plan, found)


class _Patient(NamedTuple):
    """Asks a service again that is away for a while, until a time (seconds since 1970)."""

    around: Surroundings
    until: float

    def ask(self, question: Callable[[], T]) -> T:
        """The answer. Ends the command where none comes in time, or it is refused."""
        while True:
            try:
                return question()
            except SystemExit as ended:
                if ended.code != UNREACHABLE or self.around.now() > self.until:
                    raise
                self.around.sleep(_POLL)


def _all_measured(names: Sequence[str], conditions: Sequence[Condition], log: ServiceLog) -> None:
    """Before anything is done: whether the service measures what is asked about, in a unit that limits can be brought
    to. Ends the command where it does not."""
    if not names:
        return
    units = log.units()
    known = {one["__value"] for one in log.post("/variable", {"payload": {"target": "measured"}})}
    if not known:
        refuse("the service measures nothing yet; 'causal-datasource check' says why", REFUSED)
    short = {name.rpartition("/")[2] for name in known}
    for name in names:
        if name not in known | short:
            refuse(f"'{name}' is not measured; known are {', '.join(sorted(known)[:5])}", REFUSED)
    for condition in conditions:
        _limit(condition, units[max((s for s in units if condition.outcome.endswith(s)), key=len)], nan)


def _limit(condition: Condition, unit: str, expected: float) -> float:
    """The limit in the unit of the signal. Ends the command where it cannot be brought to it."""
    try:
        return limit_in(condition, unit, expected)
    except InterventionError as error:
        refuse(f"--fail-if: {error}")


def _wait(
    plan: Plan,
    log: ServiceLog,
    number: int,
    patient: _Patient,
    until: float,
    settle: float,
    names: Sequence[str],
) -> None:
    """Until the window is over and its last point is evaluated, with a line on how far it is."""
    shown, around = "", patient.around
    while True:
        newest = patient.ask(log.snapshot_time)
        left = until - around.now()
        if (left <= 0 and newest >= until) or left < -_PATIENCE:
            break
        told = patient.ask(partial(_told_progress, plan, log, number, settle, names, left))
        if told != shown:
            click.echo(told, err=True)
            shown = told
        around.sleep(min(_POLL, left) if left > 0 else _POLL)


def _told_progress(plan: Plan, log: ServiceLog, number: int, settle: float, names: Sequence[str], left: float) -> str:
    if left > plan.measuring:
        return f"settling: {left - plan.measuring:.0f} s left"
    if left <= 0:
        return "waiting for the last point"
    parts = []
    for name in names:
        one = log.impact(number, name, (), settle)
        value, lower, upper = (one["impact"][key] for key in ("value", "lower", "upper"))
        if value is not None and lower is not None:
            parts.append(f"{name} {value:+.3g} [{lower:.3g}, {upper:.3g}] {one['unit']}")
    return f"measuring: {left:.0f} s left" + (f"; {', '.join(parts)}" if parts else "")


def _judged(plan: Plan, found: Mapping[str, Any]) -> int:
    """Say of every condition whether it is true; the exit code."""
    from datasource.effects.result import Estimate
    from datasource.settings.duration import format_duration

    code = 0
    for condition in plan.conditions:
        one = found[condition.outcome]
        numbers = {key: nan if value is None else value for key, value in one["impact"].items()}
        with_it = [value for value, on in zip(one["expected"], one["on"], strict=True) if on and value is not None]
        limit = _limit(condition, one["unit"], sum(with_it) / len(with_it) if with_it else nan)
        judged = judge(condition, limit, Estimate(**numbers), plan.measuring)
        if judged.outcome == "true":
            click.echo(f"failed: {condition.text} is true, with its whole interval", err=True)
            code = FAILED
        elif judged.outcome == "false":
            click.echo(f"held: {condition.text} is not true, with its whole interval")
        else:
            how = (
                f"some {format_duration(judged.longer)} more of measuring would tell"
                if isfinite(judged.longer)
                else "no time that one would wait would tell"
            )
            click.echo(f"cannot tell: {condition.text} lies within the interval; {how}", err=True)
            code = code or (UNDECIDED if plan.undecided_fails else 0)
    return code


def _end(log: ServiceLog, number: int, end: int, more: Mapping[str, Any], plan: Plan) -> None:
    parameters = {"parameters": {**plan.said.get("parameters", {}), **more}} if more else {}
    log.write(number, {"end": end, **parameters}, f"{plan.key}-end" if plan.key else "")
