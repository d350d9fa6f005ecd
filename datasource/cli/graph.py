"""`causal-datasource graph`: the causal graph that is in use, its versions, and whether data contradict it."""

import getpass
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datasource.cli.file_options import calls_option, reading_options, report_option, usual_graph_option
from datasource.cli.graph_source import GraphSource, ServiceGraph, StoredGraph, rules_beside
from datasource.cli.intervention_log import moment
from datasource.cli.printing import print_result, refuse, told_errors
from datasource.cli.reach import UNREACHABLE, reaching

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions

DISAGREES = 2
"""Exit code: the graph and the file, or the graph and the data, say different things."""
_SHOWN = 30


def _source(url: str | None, token_file: str | None, config: str) -> GraphSource:
    return ServiceGraph(url, token_file) if url else StoredGraph(config)


def _print_table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from datasource.library.text import table

    for line in table([heading, *rows]):
        click.echo(line)


@click.group()
def graph() -> None:
    """The causal graph in use: why each edge is there, how it changed, and what data say against it.

    Commands end with 0; with 1 where the service refuses; with 2 where graph, file or data disagree, or an option
    cannot be meant; with 3 where the service or the store cannot be reached.
    """


@graph.command()
@click.option("--against", is_flag=True, help="Only edges that are refuted or doubtful.")
@reaching
def show(against: bool, url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """Every edge, what it is, since when, how strong, and what speaks for and against it."""
    found = _source(url, token_file, config).graph()
    if against:
        found["edges"] = [edge for edge in found["edges"] if edge["standing"] in ("refuted", "doubtful")]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    version = f"version {found['version']}" if found.get("version") else "no version is kept yet"
    click.echo(f"{len(found['edges'])} edges, {version}")
    rows = [
        (edge["edge"], edge["standing"], moment(edge["standing_since"]), _strength(edge), edge.get("told", ""))
        for edge in found["edges"]
    ]
    if rows:
        _print_table(("edge", "is", "since", "strength", "because"), rows)
    if found.get("verdict"):
        click.echo(found["verdict"])
    for one in found.get("refused", ())[:_SHOWN]:
        click.echo(f"refused: {one['cause']} -> {one['effect']}: {one['reason']}")


def _strength(edge: dict[str, Any]) -> str:
    value = edge.get("strength")
    return "" if value is None else f"{value:+.2f}"


@graph.command()
@reaching
def history(url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """Every version of the graph, the newest first: when, by whom, why, and how much changed."""
    versions = _source(url, token_file, config).versions()
    if as_json:
        click.echo(json.dumps(versions, indent=2))
    elif not versions:
        click.echo("no version is kept yet: the service keeps the first one once it has tested the graph")
    else:
        _print_table(("version", "when", "who", "edges", "why"), _version_rows(versions))


def _version_rows(versions: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for one in versions:
        counts = f"+{len(one['added'])} -{len(one['removed'])} ~{len(one['changed'])}"
        yield str(one["number"]), moment(one["at"]), one["author"], counts, one["reason"]


@graph.command()
@click.argument("first", type=click.IntRange(1), required=False)
@click.argument("last", type=click.IntRange(1), required=False)
@reaching
def diff(
    first: int | None, last: int | None, url: str | None, token_file: str | None, config: str, as_json: bool
) -> None:
    """What changed from version FIRST to version LAST, or to the newest; without either, whether the rules of the
    settings file are those of the graph in use. Ends with 2 where there is a difference."""
    source = _source(url, token_file, config)
    lines, document = _file_and_live(source, config) if first is None else _between(source, first, last)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo("\n".join(lines))
    if any(document.values()):
        sys.exit(DISAGREES)


def _between(source: GraphSource, first: int, last: int | None) -> tuple[list[str], dict[str, Any]]:
    """Between two versions."""
    from datasource.graph.versions import Changed, Version, difference

    versions = {
        one["number"]: Version(**one | {"changed": tuple(Changed(**e) for e in one["changed"])})
        for one in source.versions()
    }
    last = last or max(versions, default=0)
    for number in (first, last):
        if number not in versions:
            known = f"kept are {min(versions)} to {max(versions)}" if versions else "none is kept"
            refuse(f"version {number} is not known; {known}")
    low, high = sorted((first, last))
    found = difference(versions[number] for number in range(low + 1, high + 1) if number in versions)
    lines = [f"+ {edge}" for edge in found.added] + [f"- {edge}" for edge in found.removed]
    lines += [f"~ {one.edge}: {one.was} -> {one.now}" for one in found.changed]
    changed = [one._asdict() for one in found.changed]
    return lines or ["no difference"], {
        "added": list(found.added),
        "removed": list(found.removed),
        "changed": changed,
    }


def _file_and_live(source: GraphSource, config: str) -> tuple[list[str], dict[str, Any]]:
    """Between the rules of the settings file and those of the newest version."""
    from datasource.settings import SettingsError

    versions = source.versions()
    try:
        beside = rules_beside(versions, config)
    except SettingsError as error:
        refuse(str(error))
    if beside is None:
        return ["no version of the graph is kept yet"], {}
    lines = [f"+ {rule}" for rule in beside.added] + [f"- {rule}" for rule in beside.removed]
    head = f"{config} beside version {beside.version}, which is in use"
    document = {"added": beside.added, "removed": beside.removed}
    return [head, *lines] if lines else [f"{head}: the same rules"], document


@graph.command()
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@click.option("--every", is_flag=True, help="All rules that are proposed.")
@click.option("--reason", required=True, help="Why: people read it in the history.")
@click.option("--by", default=None, help="Who says so.  [default: who runs this command]")
@click.option("--config", default="causal.yaml", show_default=True, help="The settings file that is written.")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token.")
@click.option("--url", required=True, envvar="CAUSAL_URL", help="The running service that proposes.")
def accept(
    rules: tuple[str, ...], every: bool, reason: str, by: str | None, config: str, token_file: str | None, url: str
) -> None:
    """Take rules that discovery proposes into the settings file.

    The service reads the file again by itself. The version of the graph that has the rules says who accepted them and
    why.
    """
    from datasource.settings import SettingsError
    from datasource.settings.rules import parse_rule
    from datasource.store import StoreError

    proposed = ServiceGraph(url, token_file).raw()["proposed_rules"]
    if not rules and not every:
        offered = "; ".join(proposed) if proposed else "nothing; graph.discover turns discovery on"
        refuse(f"name a rule, or --every; proposed: {offered}")
    try:
        asked = [str(parse_rule(rule)) for rule in rules] or proposed
        if unknown := [rule for rule in asked if rule not in proposed]:
            refuse(f"'{unknown[0]}' is not proposed; proposed: {'; '.join(proposed) or 'nothing'}")
        _write_rules(config, asked, by or _me(), reason)
    except (ValueError, SettingsError, OSError) as error:
        refuse(str(error))
    except StoreError as error:
        refuse(str(error), UNREACHABLE)
    for rule in asked:
        click.echo(f"{config}: + {rule}")


def _write_rules(config: str, rules: list[str], by: str, reason: str) -> None:
    """Add rules to the settings file, and say in its store who did; where either fails the file stays as it was."""
    from datasource.graph.history import GraphHistory
    from datasource.library.graph_diff import with_rules
    from datasource.settings import load_settings
    from datasource.settings.rules import parse_rule

    settings, path = load_settings(config).settings, Path(config)
    before = path.read_text(encoding="utf-8")
    GraphHistory(settings.store).accept(tuple(rules), by, reason)
    path.write_text(with_rules(before, [parse_rule(rule) for rule in rules], {}), encoding="utf-8")
    try:
        load_settings(config)
    except BaseException:
        path.write_text(before, encoding="utf-8")
        raise


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


@graph.command()
@click.option("--data", multiple=True, help="A CSV or Parquet file to test on, instead of what a service tested.")
@usual_graph_option
@calls_option
@click.option(
    "--allow",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the implied independences that may fail.",
)
@report_option
@reading_options
@reaching
def check(
    data: tuple[str, ...],
    graph: str | None,
    calls: str | None,
    allow: float,
    report: str | None,
    url: str | None,
    token_file: str | None,
    config: str,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Whether data contradict the graph, for pipelines: those of a file (--data), or of a running service (--url).

    Ends with 2 where more of the implied independences fail than --allow, where an edge is refuted or explains
    nothing, or where the graph fits no better than with shuffled names.
    """
    if data:
        from datasource import library

        with told_errors():
            own = None if graph else config
            found = library.falsify(library.read_csv(*data, reading=reading), graph=graph, calls=calls, config=own)
        print_result(found, as_json, report)
        sys.exit(0 if found.holds(allow) else DISAGREES)
    if not url:
        refuse("name the data: --data FILE, or --url of a running service")
    _end_with(ServiceGraph(url, token_file).raw(), allow, as_json=as_json)


def _end_with(live: dict[str, Any], allow: float, *, as_json: bool) -> None:
    """Print what a service found, and end as it says."""
    from datasource.library.falsifying import holds

    tested = live["tested"]
    if tested is None:
        refuse("the graph is not tested yet; it is after the first fit, unless graph.falsify is null", UNREACHABLE)
    doubted = [edge for edge in live["edges"] if edge["standing"] in ("refuted", "doubtful")]
    share = len(tested["contradictions"]) / tested["independences"] if tested["independences"] else 0.0
    fine = holds(share, len(doubted), (tested["shuffled"] or {}).get("p_value", 0.0), allow)
    if as_json:
        click.echo(json.dumps({"holds": fine, "share": share, "doubtful": doubted, **tested}, indent=2))
    else:
        click.echo(tested["verdict"])
        for one in tested["contradictions"][:_SHOWN]:
            click.echo(f"  {one['told']}")
        for edge in doubted:
            click.echo(f"  {edge['cause']} -> {edge['effect']}: {edge['against']}")
    sys.exit(0 if fine else DISAGREES)
