"""`causal-datasource rank`: who caused an incident, from CSV files of two times."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from datasource.cli.file_options import calls_option, reading_options

if TYPE_CHECKING:
    from datasource.telemetry.csv_options import CsvOptions

_SHOWN = 10


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
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the ranking of all variables as JSON, and nothing else.")
def rank(
    baseline: tuple[str, ...],
    incident: tuple[str, ...],
    symptom: str | None,
    graph: str | None,
    calls: str | None,
    roles: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Rank the root causes of an incident against a normal time, with no server."""
    import orjson

    from datasource.evaluation.rank_files import joined_files, load_roles, rank_files
    from datasource.settings import SettingsError
    from datasource.settings.graph_file import load_graph
    from datasource.telemetry.csv_calls import read_calls
    from datasource.telemetry.csv_table import CsvError

    try:
        found = rank_files(
            joined_files(baseline, reading),
            joined_files(incident, reading),
            symptom=symptom,
            graph=load_graph(graph) if graph else None,
            calls=read_calls(calls) if calls else (),
            roles=load_roles(roles) if roles else None,
        )
    except (CsvError, SettingsError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    entries = [
        {
            "variable": str(one.variable),
            "service": str(one.variable.entity),
            "score": one.score,
            "contribution": one.contribution,
            "unit": one.unit,
        }
        for one in found.ranking.variables
    ]
    if as_json:
        click.echo(orjson.dumps({"ranking": entries}, option=orjson.OPT_INDENT_2))
        return
    confidence = {str(entity): share for entity, share in found.ranking.confidence.items()}
    changed = {str(entity): words for entity, words in found.ranking.changed.items()}
    for line in (*_table(entries, confidence, changed), *_notices(found.notices, len(found.ranking.blamed))):
        click.echo(line)


def _table(
    entries: list[dict[str, str | float | None]], confidence: dict[str, float], changed: dict[str, str]
) -> Iterator[str]:
    """The best variable of each service."""
    from datasource.cli.evaluate import table

    last = ("changed",) if changed else ()
    rows = [("", "service", "clearest at", "score", "confidence", "adds by itself", *last)]
    best = {entry["service"]: entry for entry in reversed(entries)}
    first = [entry for entry in entries if best[entry["service"]] is entry]
    adds = {entry["service"]: entry for entry in entries if entry["contribution"] is not None}
    for number, entry in enumerate(first[:_SHOWN], 1):
        own = adds.get(entry["service"])
        shown = f"{own['contribution']:+.3g} {own['unit']}" if own else ""
        sure = f"{confidence[str(entry['service'])]:.0%}"
        name = str(entry["service"])
        told = (changed.get(name, ""),) if changed else ()
        rows.append((f"{number}.", name, str(entry["variable"]), f"{entry['score']:.2f}", sure, shown, *told))
    yield "Root causes, most likely first; above 1 is blamed"
    yield from table(rows)
    if len(first) > _SHOWN:
        yield f"  and {len(first) - _SHOWN} more"
    yield f"Nobody of them: {max(0.0, 1 - sum(confidence.values())):.0%}"


def _notices(notices: tuple[str, ...], blamed: int) -> Iterator[str]:
    if not blamed:
        yield "Nothing is far enough from normal to be blamed"
    if notices:
        yield ""
        yield "Notices"
        yield from (f"  {notice}" for notice in notices)
