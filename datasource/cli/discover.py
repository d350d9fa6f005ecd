"""`causal-datasource discover`: what causes what, from files, beside what the settings say."""

import sys
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import click

from datasource.cli.file_options import calls_option, duration, reading_options, report_option, usual_graph_option
from datasource.cli.printing import print_result, refuse, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions
    from datasource.library import Data

_DISAGREES = 2


@click.command()
@click.option("--data", multiple=True, help="A CSV or Parquet file, instead of Prometheus; repeat it to join several.")
@click.option(
    "--settings", "--config", "config", default=None,
    help="A causal.yaml, whose graph is looked at; without --data its signals are read over its baseline.",
)  # fmt: skip
@click.option("--prometheus", "url", envvar="CAUSAL_PROMETHEUS_URL", help="Read this one instead of the settings'.")
@click.option(
    "--url", "service", default=None, envvar="CAUSAL_URL",
    help="A running service, whose graph must have the rules of the settings.",
)  # fmt: skip
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="With --url: the file of a token.")
@usual_graph_option
@calls_option
@click.option("--method", default="hybrid", show_default=True, help="A method of docs/graph.md.")
@click.option("--longest-lag", default=None, type=int, help="Steps that a cause may take.  [default: 3]")
@click.option(
    "--time-budget", default=None, callback=duration,
    help="Above 150 variables: the time, as 10m, after which no further entity is looked at; those left are named.",
)  # fmt: skip
@click.option("--diff", is_flag=True, help="Print only what would change in the graph block of the settings.")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the edges and refusals as JSON, and nothing else.")
def discover(
    data: tuple[str, ...],
    config: str | None,
    url: str | None,
    service: str | None,
    token_file: str | None,
    graph: str | None,
    calls: str | None,
    method: str,
    longest_lag: int | None,
    time_budget: float | None,
    diff: bool,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Which variables cause which, with the evidence for each edge: from files, or from Prometheus.

    Ends with 2 where the settings' graph and the data disagree (edges that are missing there, or doubtful), or where
    the service at --url works with other rules.
    """
    from datasource import library

    if not (data or config):
        refuse("nothing to read: give --data, or the settings of a Prometheus with --config")
    with told_errors():
        live = _beside_live(service, token_file, config) if service else _Live()
        found = library.discover(
            library.read_csv(*data, reading=reading) if data else _measured(config or "", url),
            method=method,
            graph=graph,
            calls=calls,
            config=config if data else None,
            longest_lag=longest_lag,
            time_budget=inf if time_budget is None else time_budget,
            progress=_tell if sys.stderr.isatty() else None,
        )
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)  # what was told of how far it is
        found = found.noting(*live.notices)
        proposed = found.diff(config) if config or diff else ""
    if diff and not as_json:
        click.echo(proposed, nl=False)
        for notice in live.notices:
            click.echo(notice, err=True)
    else:
        print_result(found, as_json, report)
        if proposed and not as_json:
            click.echo("")
            click.echo(proposed, nl=False)
    if found.disagrees or live.differs:
        sys.exit(_DISAGREES)


def _measured(config: str, url: str | None) -> "Data":
    """What the Prometheus of settings, or another one, has of their signals."""
    from datasource import library
    from datasource.settings import load_settings

    loaded = load_settings(config)
    return library.from_prometheus((loaded.reading_from(url) if url else loaded).settings)


class _Live(NamedTuple):
    """What is told of the graph that a running service works with, and whether its rules are others."""

    notices: tuple[str, ...] = ()
    differs: bool = False


def _beside_live(url: str, token_file: str | None, config: str | None) -> _Live:
    """The rules of the settings beside those of a running service, where that can be reached."""
    from datasource.cli.graph_source import rules_beside
    from datasource.cli.reach import service_at, told_failures
    from datasource.mcp.service import NotKnownError, UnreachableError

    if not config:
        return _Live(("the graph in use is not compared: give the settings with --config",))
    try:
        with told_failures(but=(NotKnownError, UnreachableError)):
            beside = rules_beside(service_at(url, token_file).get("/api/v1/graph/versions"), config)
    except (NotKnownError, UnreachableError) as error:
        return _Live((f"the graph in use is not compared: {error}",))
    if beside is None:
        return _Live(("the graph in use is not compared: no version of it is kept yet",))
    used = f"the graph in use (version {beside.version})"
    notices = [f"{config} has '{rule}', and {used} has not" for rule in beside.added]
    notices += [f"{used} has '{rule}', and {config} has not" for rule in beside.removed]
    return _Live(tuple(notices), bool(notices))


def _tell(far: str) -> None:
    click.echo(f"\r{far}", err=True, nl=False)
