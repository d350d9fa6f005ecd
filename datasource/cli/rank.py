"""`causal-datasource rank`: who caused an incident, from CSV files of two times."""

import click

from datasource.cli.file_options import calls_option, entity_option, report_option, time_option
from datasource.cli.printing import print_result, refuse


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
@time_option
@entity_option
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the ranking of all variables as JSON, and nothing else.")
def rank(
    baseline: tuple[str, ...],
    incident: tuple[str, ...],
    symptom: str | None,
    graph: str | None,
    calls: str | None,
    roles: str | None,
    time: str | None,
    entity: tuple[str, ...],
    report: str | None,
    as_json: bool,
) -> None:
    """Rank the root causes of an incident against a normal time, with no server."""
    from datasource import library

    try:
        found = library.rank(
            baseline, incident, symptom=symptom, graph=graph, calls=calls, roles=roles, time=time, entity=entity
        )
    except (library.CsvError, library.SettingsError) as error:
        refuse(str(error))
    print_result(found, as_json, report)
