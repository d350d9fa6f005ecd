"""The options of commands that read CSV files, in the same words everywhere."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, get_args

import click

from datasource.settings import Role, parse_duration

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions

data_option = click.option(
    "--data", required=True, multiple=True, help="A CSV or Parquet file, wide or long; repeat it to join several."
)
file_config_option = click.option(
    "--config", default=None, help="A settings file; its queries are ignored, columns are found by name."
)
usual_graph_option = click.option(
    "--graph", default=None, help="A causal graph in YAML, instead of the settings' or the usual one."
)
calls_option = click.option(
    "--calls", default=None, help="Who calls whom: a CSV file with caller and callee, or a square matrix."
)
report_option = click.option(
    "--report", default=None, help="Also write one page of HTML with pictures to this file (needs matplotlib)."
)
time_option = click.option("--time", default=None, help="The time column, where it is not found by itself.")
entity_option = click.option(
    "--entity", multiple=True, help="A column that names the entity, where it is not found by itself."
)

accept_loss_option = click.option(
    "--accept-loss", is_flag=True, help="Answer although more than 1% of the rows or cells is dropped."
)


def _roles(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    for value in values:
        name, equals, role = value.partition("=")
        if not (name and equals and role in get_args(Role)):
            raise click.BadParameter(f"'{value}' is not signal=role; roles are {', '.join(get_args(Role))}")
        roles[name] = next(one for one in get_args(Role) if one == role)
    return roles


def duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """The seconds of a duration as 30s or 1m, or of a plain number."""
    if value is None:
        return None
    try:
        return parse_duration(float(value) if value.replace(".", "", 1).isdigit() else value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _step(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    seconds = duration(_context, _parameter, value)
    if seconds is None:
        return None
    if seconds < 1 or seconds % 1:
        raise click.BadParameter(f"'{value}' is not a whole number of seconds; write it as 30s or 1m")
    return seconds


READING = (
    time_option,
    entity_option,
    click.option("--step", default=None, callback=_step, help="The distance of points, for irregular times, as 1m."),
    click.option(
        "--columns-are",
        type=click.Choice(("services", "signals")),
        default=None,
        help="What the columns of a wide file are, where their names do not tell.",
    ),
    click.option("--signal", default=None, help="What the numbers are where no name tells, as latency."),
    click.option("--timezone", default=None, help="Of times without an offset, as Europe/Berlin.  [default: UTC]"),
    click.option("--role", multiple=True, callback=_roles, help="What a signal means, as value=saturation; repeat it."),
    accept_loss_option,
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that is given how to read its files as `reading`, from all of these options."""

    @wraps(command)
    def run(**given: Any) -> Any:
        reading = take_reading(given)
        return command(**given, reading=reading)

    for option in reversed(READING):
        run = option(run)
    return run


def take_reading(given: dict[str, Any]) -> "CsvOptions":
    """How to read files, taken out of what a command was given."""
    from datasource.data.csv.options import CsvOptions

    own = ("time", "entity", "step", "columns_are", "signal", "timezone", "accept_loss")
    return CsvOptions(**{name: given.pop(name) for name in own}, roles=given.pop("role"))
