"""`causal-datasource impact`: what an intervention changed, from CSV files."""

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
from datasource.cli.printing import print_result, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions


@click.command()
@data_option
@click.option("--outcome", required=True, help="The signal in question, as latency, or one entity's, as web.latency.")
@click.option("--treated", default=None, help="The entity that was changed.")
@click.option("--start", required=True, help="When it began: a time, or the signal of an event.")
@click.option("--end", default=None, help="When it ended: a time, or the signal of an event.")
@click.option(
    "--control",
    multiple=True,
    help="An entity to compare with, or causes: the outcome's own in the graph; repeat it.  [default: all others]",
)
@click.option("--method", default=None, help="An estimator that compares before and after.")
@usual_graph_option
@calls_option
@file_config_option
@reading_options
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def impact(
    data: tuple[str, ...],
    outcome: str,
    treated: str | None,
    start: str,
    end: str | None,
    control: tuple[str, ...],
    method: str | None,
    graph: str | None,
    calls: str | None,
    config: str | None,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """What an intervention changed while it lasted, against other entities or the outcome's own causes."""
    from datasource import library

    with told_errors(1):
        found = library.impact(
            library.read_csv(*data, reading=reading),
            outcome,
            treated=treated,
            start=start,
            end=end,
            controls=control,
            method=method,
            graph=graph,
            calls=calls,
            config=config,
        )
    print_result(found, as_json, report)
