"""`causal-datasource intervention`: the audit log of what was done, written and read from a shell or a pipeline."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from datasource.cli.intervention_log import Log, ServiceLog, StoreLog, moment
from datasource.cli.printing import refuse
from datasource.cli.reach import REFUSED, reaching

_Command = TypeVar("_Command", bound=Callable[..., Any])


def opened(url: str | None, token_file: str | None, config: str) -> Log:
    """The log that the options mean. Ends the command where there is none."""
    return ServiceLog(url, token_file) if url else StoreLog(config)


def saying(command: _Command) -> _Command:
    """The options that say something of an intervention."""
    for decorate in (
        click.option("--key", default="", help="Under one key the same is written once, however often it is sent."),
        click.option("--rolled-back", is_flag=True, default=None, help="It was undone."),
        click.option("--randomised", is_flag=True, default=None, help="Chance decided when, or for whom."),
        click.option("--link", "links", multiple=True, help="As commit=4f1c2ab; repeat it."),
        click.option("--why", default=None, help="The reason, in a line."),
        click.option("--parameter", "parameters", multiple=True, help="What was set, as replicas=3; repeat it."),
        click.option("--end", default=None, help="When it ended, ISO 8601."),
        click.option("--start", default=None, help="When it began, ISO 8601.  [default: when it is written]"),
        click.option("--target", "targets", multiple=True, help="Who was changed, as shop/web; repeat it."),
    ):
        command = decorate(command)
    return command


def number_of(which: str, log: Log) -> int:
    """The id of an intervention that is named by it, or by the key that it was recorded under."""
    return int(which) if which.isascii() and which.isdigit() else log.under(which)


def seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """An option that is a duration, as 2m."""
    from datasource.settings.duration import parse_duration

    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group()
def intervention() -> None:
    """Write down what was done to the system, and read what it changed.

    An intervention is named by its id, or by the key that it was recorded under. Commands end with 0 when it is done,
    with 1 when it is refused, with 2 for options that cannot be meant, and with 3 when the service or the store cannot
    be reached.
    """


@intervention.command()
@click.option("--kind", required=True, help="What was done, as deploy, scale, restart, throttle.")
@saying
@reaching
def record(
    kind: str, url: str | None, token_file: str | None, config: str, as_json: bool, key: str, **given: Any
) -> None:
    """Write an intervention down."""
    said = _meant({"kind": kind, **spoken(**given)})
    _print_written(opened(url, token_file, config).write(0, said, key), as_json)


@intervention.command()
@click.argument("which", metavar="ID|KEY")
@click.option("--kind", default=None, help="What was done.")
@click.option("--no-end", is_flag=True, help="It goes on: the end that was said is taken back.")
@saying
@reaching
def correct(
    which: str,
    kind: str | None,
    no_end: bool,
    url: str | None,
    token_file: str | None,
    config: str,
    as_json: bool,
    key: str,
    **given: Any,
) -> None:
    """Say something else or something more of an intervention, as its end; what was written stays in the log."""
    from datasource.interventions.statement import read_statement

    said = {**({"kind": kind} if kind else {}), **spoken(**given), **({"end": None} if no_end else {})}
    if not said:
        refuse("nothing is said; give what changes, as --end 2026-11-28T10:00:00Z")
    with _refused_as_options():
        read_statement(said)
    log = opened(url, token_file, config)
    _print_written(log.write(number_of(which, log), said, key), as_json)


@intervention.command()
@click.argument("which", metavar="ID|KEY")
@click.option("--rolled-back", is_flag=True, help="It was undone.")
@reaching
def end(which: str, rolled_back: bool, url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """End an intervention now; one that has ended stays as it is."""
    log = opened(url, token_file, config)
    said = {"rolled_back": True} if rolled_back else {}
    _print_written(log.end(number_of(which, log), said), as_json)


@intervention.command(context_settings={"ignore_unknown_options": True})
@click.option("--kind", required=True, help="What the command does, as deploy, throttle.")
@saying
@click.option("--outcome", "outcomes", multiple=True, help="A variable to report on, as shop/web.latency; repeat it.")
@click.option("--fail-if", "fail_if", multiple=True, help="As 'impact(shop/web.latency) > 50ms'; repeat it.")
@click.option("--settle", default="0s", callback=seconds, help="Time after the command that is not measured.")
@click.option("--measure", "measuring", default="10m", show_default=True, callback=seconds, help="Time that is.")
@click.option("--stays", is_flag=True, help="The change stays: write no end.")
@click.option("--undecided-fails", is_flag=True, help="End with 5, rather than 0, where the interval cannot tell.")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token that may write.")
@click.option("--url", required=True, envvar="CAUSAL_URL", help="The running service.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    kind: str,
    outcomes: tuple[str, ...],
    fail_if: tuple[str, ...],
    settle: float,
    measuring: float,
    stays: bool,
    undecided_fails: bool,
    token_file: str | None,
    url: str,
    command: tuple[str, ...],
    key: str,
    **given: Any,
) -> None:
    """Run a command as an intervention: record it, wait, measure, report, and judge.

    Put -- before the command; no shell is between. Ends with the command's own code where that fails, with 4 where a
    condition of --fail-if is true with its whole interval, and with 0 where it is not, or cannot be told yet.
    """
    from datasource.cli.intervention_run import Plan, conditions_of, run_plan

    said = _meant({"kind": kind, **spoken(**given)})
    conditions = conditions_of(fail_if)
    plan = Plan(said, command, outcomes, conditions, settle, measuring, stays, undecided_fails, key)
    sys.exit(run_plan(plan, ServiceLog(url, token_file)))


@intervention.command("list")
@click.option("--state", multiple=True, type=click.Choice(["active", "ended", "planned"]), help="Only these.")
@click.option("--target", multiple=True, help="Only those that changed it.")
@reaching
def list_them(
    state: tuple[str, ...],
    target: tuple[str, ...],
    url: str | None,
    token_file: str | None,
    config: str,
    as_json: bool,
) -> None:
    """List interventions, the one that began last first."""
    rows = opened(url, token_file, config).all(state, target)
    if as_json:
        click.echo(json.dumps(rows))
    elif not rows:
        click.echo("no intervention is written down")
    for row in () if as_json else rows:
        click.echo(line(row))


@intervention.command()
@click.argument("which", metavar="ID|KEY")
@reaching
def show(which: str, url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """Show an intervention, and every entry of the log on it."""
    log = opened(url, token_file, config)
    row = log.one(number_of(which, log))
    if as_json:
        click.echo(json.dumps(row))
        return
    click.echo(line(row))
    for part in _details(row):
        click.echo(part)


@intervention.command()
@click.option("--known", default="", help="A head that was printed before: it must still be in the log.")
@reaching
def verify(known: str, url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """Prove that the log is as it was written. Note the head: with --known it proves that nothing was cut off since."""
    found = opened(url, token_file, config).verify(known)
    if as_json:
        click.echo(json.dumps(found))
    elif found["whole"]:
        click.echo(f"{found['entries']} entries, each as it was written; head {found['head']}")
    else:
        click.echo(f"the log is broken after {found['entries']} entries: {found['broken']}", err=True)
    sys.exit(0 if found["whole"] else REFUSED)


def asking(url: str | None, token_file: str | None) -> ServiceLog:
    """The running service. Ends the command where none is named."""
    if url is None:
        refuse("name a running service with --url: it has the numbers")
    return ServiceLog(url, token_file)


def interval(one: Mapping[str, Any]) -> str:
    """An estimate with its 95% interval."""
    value, lower, upper = (one[name] for name in ("value", "lower", "upper"))
    if value is None:
        return "not known"
    return f"{value:.4g}" + (f" [{lower:.4g}, {upper:.4g}]" if lower is not None and upper is not None else "")


def spoken(
    targets: tuple[str, ...],
    start: str | None,
    end: str | None,
    parameters: tuple[str, ...],
    why: str | None,
    links: tuple[str, ...],
    randomised: bool | None,
    rolled_back: bool | None,
) -> dict[str, Any]:
    """What the options say of an intervention, as its statement has it."""
    said: dict[str, Any] = {
        "targets": list(targets) or None,
        "start": start,
        "end": end,
        "parameters": {name: _scalar(text) for name, text in _pairs("--parameter", parameters)} or None,
        "why": why,
        "links": dict(_pairs("--link", links)) or None,
        "randomised": randomised or None,
        "rolled_back": rolled_back or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _meant(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is said, once it is known to be an intervention. Ends the command for options that cannot be meant."""
    from datasource.interventions.entry import meant

    with _refused_as_options():
        meant(said, time.time())
    return said


@contextmanager
def _refused_as_options() -> Iterator[None]:
    from datasource.interventions import InterventionError

    try:
        yield
    except InterventionError as error:
        refuse(str(error))


def line(row: Mapping[str, Any]) -> str:
    """An intervention in one line."""
    targets = ", ".join(row["targets"])
    from datasource.interventions.entry import BOOKKEEPING

    parameters = ", ".join(f"{name}={value}" for name, value in row["parameters"].items() if name not in BOOKKEEPING)
    until = f" until {moment(row['end'])}" if row["end"] is not None else ""
    more = [part for part in (parameters, row["why"], "rolled back" if row["rolled_back"] else "") if part]
    said = f": {'; '.join(more)}" if more else ""
    return f"{row['intervention']}  {row['state']}  {row['kind']} {targets} from {moment(row['start'])}{until}{said}"


def _details(row: Mapping[str, Any]) -> Iterator[str]:
    for name, value in row["links"].items():
        yield f"  {name}: {value}"
    if row["randomised"]:
        yield "  chance decided" + (f"; on in {len(row['on'])} blocks" if row["on"] else "")
    for entry in row["history"]:
        said = ", ".join(f"{name}={value}" for name, value in entry["said"].items())
        yield f"  entry {entry['number']}, {moment(entry['at'])}, {entry['who']}: {entry['action']} {said}"


def _print_written(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(f"{line(answer['intervention'])} ({answer['message']})")


def _pairs(option: str, given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in given:
        name, mark, value = text.partition("=")
        if not (name.strip() and mark):
            refuse(f"{option}: '{text}' has no value; write it as name=value")
        yield name.strip(), value.strip()


def _scalar(text: str) -> str | int | float | bool:
    """A number or a truth where the text is one."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text
