"""`causal-datasource invariance`: are mechanisms the same in all environments, and where do edges break?"""

import sys
from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import calls_option, data_option, reading_options, report_option, usual_graph_option
from datasource.cli.printing import print_result, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions

_DIFFERS = 1


@click.command()
@data_option
@click.option("--settings", "--config", "config", default=None, help="A causal.yaml, whose graph is looked at.")
@usual_graph_option
@calls_option
@click.option("--target", default=None, help="The signal whose causes are looked for.  [default: all of the graph]")
@click.option("--cause", "causes", multiple=True, help="A candidate; repeat it.  [default: all other signals]")
@click.option("--environment", multiple=True, help="A column that tells environments apart, as cluster; repeat it.")
@click.option("--at", default=None, help="A time that parts before from after.")
@click.option("--no-changes", is_flag=True, help="Do not look for changes that nobody declared.")
@click.option("--level", default=0.05, show_default=True, type=float, help="The chance of a false finding.")
@click.option("--nonlinear", is_flag=True, help="Look for causes by curves instead of straight lines.")
@click.option("--fail", is_flag=True, help="End with 1 where any mechanism is another one somewhere.")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, and nothing else.")
def invariance(
    data: tuple[str, ...],
    config: str | None,
    graph: str | None,
    calls: str | None,
    target: str | None,
    causes: tuple[str, ...],
    environment: tuple[str, ...],
    at: str | None,
    no_changes: bool,
    level: float,
    nonlinear: bool,
    fail: bool,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Which mechanisms are the same in all environments, which edges break where, which causes hold everywhere."""
    from datasource import library

    with told_errors():
        found = library.compare(
            library.read_csv(*data, reading=reading),
            target,
            environment=environment,
            causes=causes,
            at=at,
            changes=not no_changes,
            level=level,
            nonlinear=nonlinear,
            graph=graph,
            calls=calls,
            config=config,
        )
    print_result(found, as_json, report)
    if fail and found.differs:
        sys.exit(_DIFFERS)
