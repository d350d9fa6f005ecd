"""`causal-datasource discover`: what causes what, from files, beside what the settings say."""

import sys
from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import calls_option, reading_options, report_option, usual_graph_option
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
@usual_graph_option
@calls_option
@click.option("--method", default="hybrid", show_default=True, help="A method of docs/graph.md.")
@click.option("--longest-lag", default=None, type=int, help="Steps that a cause may take.  [default: 3]")
@click.option("--diff", is_flag=True, help="Print only what would change in the graph block of the settings.")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the edges and refusals as JSON, and nothing else.")
def discover(
    data: tuple[str, ...],
    config: str | None,
    url: str | None,
    graph: str | None,
    calls: str | None,
    method: str,
    longest_lag: int | None,
    diff: bool,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Which variables cause which, with the evidence for each edge: from files, or from Prometheus.

    Ends with 2 where the settings' graph and the data disagree: edges that are missing there, or doubtful.
    """
    from datasource import library

    if not (data or config):
        refuse("nothing to read: give --data, or the settings of a Prometheus with --config")
    with told_errors():
        found = library.discover(
            library.read_csv(*data, reading=reading) if data else _measured(config or "", url),
            method=method,
            graph=graph,
            calls=calls,
            config=config if data else None,
            longest_lag=longest_lag,
        )
        proposed = found.diff(config) if config or diff else ""
    if diff and not as_json:
        click.echo(proposed, nl=False)
    else:
        print_result(found, as_json, report)
        if proposed and not as_json:
            click.echo("")
            click.echo(proposed, nl=False)
    if found.disagrees:
        sys.exit(_DISAGREES)


def _measured(config: str, url: str | None) -> "Data":
    """What the Prometheus of settings, or another one, has of their signals."""
    from datasource import library
    from datasource.settings import load_settings

    loaded = load_settings(config)
    return library.from_prometheus((loaded.reading_from(url) if url else loaded).settings)
