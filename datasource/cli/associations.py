"""`causal-datasource associations`: which columns of a file move together. A first look."""

from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import data_option, file_config_option, reading_options, report_option
from datasource.cli.printing import print_result, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions


@click.command()
@data_option
@file_config_option
@click.option(
    "--coefficient",
    type=click.Choice(["pearson", "spearman"]),
    default="pearson",
    show_default=True,
    help="By which the lag is chosen.",
)
@click.option("--longest-lag", default=10, show_default=True, help="Steps that one may follow another.")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def associations(
    data: tuple[str, ...],
    config: str | None,
    coefficient: str,
    longest_lag: int,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Which columns move together, at the lag at which they do so most. None of it says what causes what."""
    from datasource import library

    with told_errors():
        found = library.associations(
            library.read_csv(*data, reading=reading), coefficient=coefficient, longest_lag=longest_lag, config=config
        )
    print_result(found, as_json, report)
