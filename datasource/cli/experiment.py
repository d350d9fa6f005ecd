"""`causal-datasource experiment`: what causal.yaml allows to be tried, listed and run in a running service."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from datasource.cli.intervention import interval
from datasource.cli.intervention_log import ServiceLog, moment
from datasource.cli.printing import refuse
from datasource.cli.reach import REFUSED

ABORTED, NOT_UNDONE = 4, 5
"""Exit codes of `run --wait`: it ended early; its rollback failed."""
_POLL = 2.0
_BEGINS = 60.0
"""Seconds within which a service begins what it was asked for."""
_LATE = 600.0
"""Seconds after its planned end within which it must be over, and its last point evaluated."""


@click.group()
def experiment() -> None:
    """List and run the experiments that causal.yaml allows, in a running service. Exit codes as of intervention."""


@experiment.command("list")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token.")
@click.option("--url", required=True, envvar="CAUSAL_URL", help="The running service.")
def list_experiments(url: str, token_file: str | None) -> None:
    """Say what may be run, when it is due next, and how many blocks it needs."""
    found = ServiceLog(url, token_file).experiments()
    for one in found:
        allowed = "allowed" if one["allowed"] else "not allowed"
        due = f", due {moment(one['next'])}" if one["allowed"] and one["next"] else ""
        click.echo(f"{one['experiment']}: {allowed}{due}; {one['kind']} of {', '.join(one['targets'])}")
        click.echo(f"  {one['power']}")
    if not found:
        click.echo("causal.yaml has no experiments")


@experiment.command("run")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--wait", is_flag=True, help="Wait until it is rolled back, and tell what it changed.")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token that may write.")
@click.option("--url", required=True, envvar="CAUSAL_URL", help="The running service.")
def run_experiment(name: str, dry_run: bool, wait: bool, url: str, token_file: str | None) -> None:
    """Run an experiment now, or say what would be done.

    With --wait it ends with 0 when the experiment went through, with 4 when a guard or the service ended it early, and
    with 5 when its rollback failed: then somebody has to look.
    """
    log = ServiceLog(url, token_file)
    newest = max((row["intervention"] for row in log.all()), default=0) if wait and not dry_run else 0
    answer = log.run_experiment(name, dry_run)
    for step in answer.get("steps", ()):
        click.echo(step)
    if "message" in answer:
        click.echo(f"{name}: {answer['message']}", err=wait)
    if wait and "steps" not in answer:
        sys.exit(wait_for(name, newest, log))


def wait_for(
    name: str,
    newest: int,
    log: ServiceLog,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Until the first experiment of this name after intervention `newest` is over and its last point is evaluated; what
    it changed is told. The exit code."""
    plan = next(one for one in log.experiments() if one["experiment"] == name)
    asked, told = now(), ""
    while True:
        found = [one for one in log.all() if one["intervention"] > newest and one["links"].get("experiment") == name]
        one = found[-1] if found else None
        if one is None and now() > asked + _BEGINS:
            refuse(f"{name} was not begun within {_BEGINS:g} s; the log of the service says why", REFUSED)
        if one is not None and "rollback_failed" in one["parameters"]:
            click.echo(f"{name} is not rolled back: {one['parameters']['rollback_failed']}", err=True)
            return NOT_UNDONE
        if one is not None and one["end"] is not None and log.snapshot_time() > one["end"]:
            break
        if one is not None and now() > max(one["end"] or 0, one["parameters"]["planned_end"]) + _LATE:
            open_ones = "is not rolled back" if one["end"] is None else "is over, and its last point was not evaluated"
            click.echo(f"{name} {open_ones} within {_LATE:g} s: look at intervention {one['intervention']}", err=True)
            return NOT_UNDONE
        if one is not None and not told:
            told = f"intervention {one['intervention']} goes on, until {moment(one['parameters']['planned_end'])}"
            click.echo(told, err=True)
        sleep(_POLL)
    if "aborted" in one["parameters"]:
        click.echo(f"{name} ended early: {one['parameters']['aborted']}", err=True)
        return ABORTED
    click.echo(log.impact(one["intervention"], plan["outcome"], (), 0.0)["sentence"])
    for edge in log.verdicts(one["intervention"]):
        _tell(edge)
    return 0


def _tell(edge: Mapping[str, Any]) -> None:
    click.echo(f"{edge['verdict']}: {edge['cause']} -> {edge['effect']}: measured {interval(edge['measured'])}")
