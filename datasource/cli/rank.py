"""`causal-datasource rank`: who caused an incident, from CSV files of two times."""

from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import calls_option, reading_options, report_option
from datasource.cli.printing import print_result, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions


@click.command()
@click.option(
    "--baseline",
    required=True,
    multiple=True,
    help="A CSV file of a normal time, wide or long; repeat it to join several, as services and their calls.",
)
@click.option(
    "--incident", required=True, multiple=True, help="A CSV file of the incident, with the same columns or nearly so."
)
@click.option("--symptom", default=None, help="The variable that alarmed, as web.latency.")
@click.option("--graph", default=None, help="A causal graph in YAML: 'cause -> effect' between variables.")
@calls_option
@click.option("--roles", default=None, help="What signals are, in YAML: 'signal: role' a line.  [default: guessed]")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the ranking of all variables as JSON, and nothing else.")
def rank(
    baseline: tuple[str, ...],
    incident: tuple[str, ...],
    symptom: str | None,
    graph: str | None,
    calls: str | None,
    roles: str | None,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Rank the root causes of an incident against a normal time, with no server."""
    from datasource import library

    with told_errors():
        before, now = (library.read_csv(*files, reading=reading) for files in (baseline, incident))
        found = library.rank(before, now, symptom=symptom, graph=graph, calls=calls, roles=roles)
    print_result(found, as_json, report)
