"""`causal-datasource score`: scores of every variable at every point of a CSV file."""

import sys
from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import (
    calls_option,
    data_option,
    file_config_option,
    reading_options,
    report_option,
    usual_graph_option,
)
from datasource.cli.printing import print_result, refuse, refuse_inputs, told_errors, write_report

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions


@click.command()
@data_option
@click.option("--baseline", multiple=True, help="A CSV file of a normal time to fit on, instead of the data itself.")
@usual_graph_option
@calls_option
@file_config_option
@reading_options
@click.option(
    "--output", default=None, help="Write the scores to this file and print a summary.  [default: standard output]"
)
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON, and nothing else.")
def score(
    data: tuple[str, ...],
    baseline: tuple[str, ...],
    graph: str | None,
    calls: str | None,
    config: str | None,
    output: str | None,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Causal and marginal anomaly scores at every point of a CSV file, with no server."""
    from datasource import library
    from datasource.library.scores import write_csv

    output = None if output == "-" else output
    refuse_inputs(output, "--output")
    here, there = (library.read_csv(*paths, reading=reading) if paths else None for paths in (data, baseline))
    with told_errors():
        result = library.score(here, there, graph=graph, calls=calls, config=config)
    if output:
        try:
            with open(output, "w", encoding="utf-8", newline="") as file:
                write_csv(file, result.found, result.has_time)
        except OSError as error:
            refuse(f"{output}: cannot be written: {error.strerror or error}")
    if as_json or output:
        print_result(result, as_json, report)
        return
    write_report(result, report)
    write_csv(sys.stdout, result.found, result.has_time)
    for notice in result.found.notices:
        click.echo(notice, err=True)
