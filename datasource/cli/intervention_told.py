"""What an intervention changed, what it says of the graph, and which one would tell more: commands on a service."""

import json

import click

from datasource.cli.intervention import asking, interval, number_of, seconds
from datasource.cli.reach import reaching

_PASSED = {True: "passed", False: "failed", None: "not made"}


@click.command()
@click.argument("which", metavar="ID|KEY")
@click.argument("outcome")
@click.option("--control", multiple=True, help="An entity of a comparison group; repeat it.")
@click.option("--settle", default="0s", help="So long after the start is left out, as 2m.", callback=seconds)
@reaching
def impact(
    which: str,
    outcome: str,
    control: tuple[str, ...],
    settle: float,
    url: str | None,
    token_file: str | None,
    config: str,
    as_json: bool,
) -> None:
    """What an intervention changed in a variable, as shop/web.latency; asks a running service."""
    service = asking(url, token_file)
    found = service.impact(number_of(which, service), outcome, control, settle)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(found["sentence"])
    click.echo(f"  by {found['design'] or 'nothing'}, {found['points']} points with it")
    if found["controls"]:
        click.echo(f"  held against {', '.join(found['controls'])}")
    for check in found["checks"]:
        click.echo(f"  {_PASSED[check['passed']]}: {check['name']}: {check['text']}")
    for notice in found["notices"]:
        click.echo(f"  {notice}")


@click.command()
@click.argument("which", metavar="ID|KEY")
@reaching
def verdicts(which: str, url: str | None, token_file: str | None, config: str, as_json: bool) -> None:
    """What an intervention says of the graph: each edge out of its targets, confirmed, refuted or undecided."""
    service = asking(url, token_file)
    found = service.verdicts(number_of(which, service))
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        click.echo(f"{one['verdict']}: {one['cause']} -> {one['effect']}: {one['why']}")
        parts = [f"{name} {interval(one[name])}" for name in ("moved", "measured", "predicted") if one[name]]
        click.echo(f"  {'; '.join(parts)}")
    if not found:
        click.echo("no edge of the graph leads out of its targets to something that is measured")


@click.command("next")
@click.option("--incident", default="", help="Only: who caused this one, by its id.")
@click.option("--about", multiple=True, help="Only: are the edges at this entity or variable true; repeat it.")
@reaching
def next_one(
    incident: str, about: tuple[str, ...], url: str | None, token_file: str | None, config: str, as_json: bool
) -> None:
    """Which experiment or measurement would tell most for what it costs: about open incidents, and about the graph."""
    found = asking(url, token_file).next_trials(incident, about)
    if as_json:
        click.echo(json.dumps(found))
        return
    for answered in found:
        named = f" (incident {answered['incident']})" if answered["incident"] else ""
        click.echo(f"{answered['question']}{named}")
        if answered["notice"]:
            click.echo(f"  {answered['notice']}")
        for place, trial in enumerate(answered["trials"], start=1):
            click.echo(f"  {place}. {trial['what']}")
            click.echo(f"     {trial['why']}: {trial['information']:.2g} bits; {trial['blast_radius']}")


COMMANDS = (impact, verdicts, next_one)
"""What the group `intervention` has beside the log itself."""
