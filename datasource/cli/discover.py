"""`causal-datasource discover`: what causes what, from files, beside what the settings say."""

import sys
from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import calls_option, data_option, reading_options, report_option, usual_graph_option
from datasource.cli.printing import print_result, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions

_DISAGREES = 2


@click.command()
@data_option
@click.option("--settings", "--config", "config", default=None, help="A causal.yaml, whose graph is looked at.")
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
    graph: str | None,
    calls: str | None,
    method: str,
    longest_lag: int | None,
    diff: bool,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Which variables cause which, with the evidence for each edge.

    Ends with 2 where the settings' graph and the data disagree: edges that are missing there, or doubtful.
    """
    from datasource import library

    with told_errors():
        found = library.discover(
            library.read_csv(*data, reading=reading),
            method=method,
            graph=graph,
            calls=calls,
            config=config,
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
