"""`causal-datasource effect`: one effect from a CSV file."""

import click

from datasource.cli.file_options import accept_loss_option, report_option, time_option
from datasource.cli.printing import print_result, told_errors


def _method(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    from datasource.settings.methods import find_method

    try:
        return find_method(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _columns(values: tuple[str, ...]) -> tuple[str, ...]:
    """Column names that were given one by one or with commas between them."""
    return tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",") if name.strip()))


@click.command()
@click.option("--data", required=True, help="A CSV file with a header line, or a Parquet file.")
@click.option("--treatment", required=True, help="The column that is changed.")
@click.option("--outcome", required=True, help="The column on which its effect is asked for.")
@click.option("--graph", default=None, help="What causes what, rules between column names in YAML.")
@click.option(
    "--adjust", multiple=True, help="Columns to adjust for, as A,B; with --graph it is said if they are wrong."
)
@click.option("--instrument", multiple=True, help="What moves the treatment and reaches the outcome in no other way.")
@click.option("--mediator", multiple=True, help="All that the effect passes through (front-door).")
@click.option("--unit", "--entity", "unit", multiple=True, help="The column that names the unit, as a service or pod.")
@time_option
@click.option("--group", default=None, help="1 for the treated group, 0 for the controls; with --post.")
@click.option("--post", default=None, help="1 after the intervention, 0 before; with --group.")
@click.option("--strata", multiple=True, help="Compare the association in aggregate and within these (Simpson).")
@click.option("--modifiers", multiple=True, help="Also the effect at each level of these columns, as M,N.")
@click.option("--method", default=None, callback=_method, help="An estimator by name, instead of the usual one.")
@click.option("--lags", default=None, type=click.IntRange(0, 1000), help="Steps that the effect may take.")
@accept_loss_option
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def effect(
    data: str,
    treatment: str,
    outcome: str,
    graph: str | None,
    adjust: tuple[str, ...],
    instrument: tuple[str, ...],
    mediator: tuple[str, ...],
    unit: tuple[str, ...],
    time: str | None,
    group: str | None,
    post: str | None,
    strata: tuple[str, ...],
    modifiers: tuple[str, ...],
    method: str | None,
    lags: int | None,
    accept_loss: bool,
    report: str | None,
    as_json: bool,
) -> None:
    """What one column of a CSV file does to another, with an interval and checks."""
    if (group is None) != (post is None):
        raise click.UsageError("--group and --post belong together: who was treated, and when")
    from datasource import library

    with told_errors(1):
        found = library.effect(
            data,
            treatment,
            outcome,
            graph=graph,
            adjust=_columns(adjust) if adjust else None,
            instruments=_columns(instrument),
            mediators=_columns(mediator),
            modifiers=_columns(modifiers),
            strata=_columns(strata),
            unit=_columns(unit),
            time=time,
            group=group,
            post=post,
            method=method,
            lags=lags,
            accept_loss=accept_loss,
        )
    print_result(found, as_json, report)
