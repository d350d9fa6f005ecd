"""`causal-datasource federate`: what several installations know together, from sums alone."""

import click

from datasource.cli.file_options import report_option
from datasource.cli.printing import print_result, told_errors


def _named(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise click.BadParameter(f"'{value}' has no name; write it as eu=https://eu.example.com:8321")
        if name in found:
            raise click.BadParameter(f"'{name}' is named twice; give each installation its own name")
        found[name] = rest
    return found


def _tokens(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Files by name; that of everybody without one under the empty name."""
    return {
        name if equals else "": rest if equals else name for name, equals, rest in (v.partition("=") for v in values)
    }


@click.command()
@click.option(
    "--site", "sites", multiple=True, required=True, callback=_named, help="A running service, name=URL; repeat it."
)
@click.option("--treatment", default=None, help="What acts, as web.cpu, or web.cpu@1 for one step before.")
@click.option("--outcome", default=None, help="What is acted on.")
@click.option("--adjust", multiple=True, help="What moves both; repeat it.")
@click.option("--lags", default=0, show_default=True, type=click.IntRange(0), help="Steps over which it acts.")
@click.option("--column", "columns", multiple=True, help="Instead: which of these columns depend on each other.")
@click.option(
    "--token-file", "tokens", multiple=True, callback=_tokens, help="The token, as FILE for all or name=FILE for one."
)
@click.option("--ca-file", default=None, help="Whom to trust, in PEM, instead of the system's authorities.")
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Seconds that each has to answer."
)
@click.option("--keep-all", is_flag=True, help="Count even who says something quite different.")
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, and nothing else.")
def federate(
    sites: dict[str, str],
    treatment: str | None,
    outcome: str | None,
    adjust: tuple[str, ...],
    lags: int,
    columns: tuple[str, ...],
    tokens: dict[str, str],
    ca_file: str | None,
    timeout: float,
    keep_all: bool,
    report: str | None,
    as_json: bool,
) -> None:
    """What several running services know together, while none shares a point that it measured.

    Without a treatment or columns, what they tell of. Who is gone, slow or lies is named and left out.
    """
    from datasource import library

    files = {name: tokens.get(name, tokens.get("")) for name in sites}
    with told_errors():
        found = library.federate(
            sites,
            treatment,
            outcome,
            adjust=adjust,
            lags=lags,
            columns=columns,
            token_file={name: path for name, path in files.items() if path is not None},
            ca_file=ca_file,
            timeout=timeout,
            keep_all=keep_all,
        )
    print_result(found, as_json, report)
