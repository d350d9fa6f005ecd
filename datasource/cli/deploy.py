"""`causal-datasource deploy check`: two versions compared, as a gate."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from datasource.cli.file_options import file_config_option, reading_options
from datasource.cli.intervention_log import ServiceLog
from datasource.cli.intervention_run import FAILED
from datasource.cli.printing import refuse, told_errors

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions


@click.group()
def deploy() -> None:
    """Compare deployed versions."""


@deploy.command()
@click.option("--version", required=True, help="The new version.")
@click.option("--against", required=True, help="The old version.")
@click.option("--label", default="version", show_default=True, help="The label that tells them apart.")
@click.option("--tolerate", default=0.0, type=click.FloatRange(0), help="Percent of the old mean that are no matter.")
@click.option(
    "--data", multiple=True, help="A CSV or Parquet file; name its entity as --entity service --entity version."
)
@file_config_option
@click.option("--url", default=None, envvar="CAUSAL_URL", help="A running service, instead of --data.")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def check(
    version: str,
    against: str,
    label: str,
    tolerate: float,
    data: tuple[str, ...],
    config: str | None,
    url: str | None,
    token_file: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Is the new version worse: latency, failures, resources?

    Ends with 4 where one is, with its whole interval and with all that is compared allowed for; with 0 where none is,
    or it cannot be told; with 1 where nothing can be compared.
    """
    if bool(data) == bool(url):
        refuse("give either --data or --url: one of them has the numbers")
    if url:
        asked = {"version": version, "against": against, "label": label, "tolerate": str(tolerate)}
        rows = ServiceLog(url, token_file).deploys(asked)
    else:
        rows = _of_files(data, config, reading, (label, version, against), tolerate)
    worse = [row for row in rows if row["worse"]]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(row["sentence"])
        click.echo(
            f"{version} is worse in {len(worse)} of {len(rows)}" if worse else f"{version} is not seen to be worse"
        )
    sys.exit(FAILED if worse else 0)


def _of_files(
    data: tuple[str, ...], config: str | None, reading: "CsvOptions", named: tuple[str, str, str], tolerate: float
) -> Any:
    """The comparison of files, as the service answers it."""
    import orjson

    from datasource.interventions.deploys import Versions
    from datasource.library.sources import Source, open_whole
    from datasource.service.deploys import compared_rows

    with told_errors(1):
        opened = open_whole(Source(data, config, reading=reading))
        rows = compared_rows(opened.data.matrix, opened.settings.signals, Versions(*named), tolerate / 100)
    return orjson.loads(orjson.dumps(rows))
