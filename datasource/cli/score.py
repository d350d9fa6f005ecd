"""`causal-datasource score`: scores of every variable at every point of a CSV file."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from datasource.cli.file_options import (
    calls_option,
    data_option,
    file_config_option,
    reading_options,
    usual_graph_option,
)

if TYPE_CHECKING:
    from datasource.cli.offline import Source
    from datasource.settings import Settings
    from datasource.telemetry import Matrix
    from datasource.telemetry.csv_files import CsvData
    from datasource.telemetry.csv_options import CsvOptions


@click.command()
@data_option
@click.option("--baseline", multiple=True, help="A CSV file of a normal time to fit on, instead of the data itself.")
@usual_graph_option
@calls_option
@file_config_option
@reading_options
@click.option(
    "--output", default=None, help="Write the scores to this file and print a summary.  [default: standard output]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON, and nothing else.")
def score(
    data: tuple[str, ...],
    baseline: tuple[str, ...],
    graph: str | None,
    calls: str | None,
    config: str | None,
    output: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Causal and marginal anomaly scores at every point of a CSV file, with no server."""
    from datasource.cli.offline import Source
    from datasource.cli.score_rows import print_json, summary, write_csv
    from datasource.evaluation.score_file import score_matrix
    from datasource.graph import GraphError
    from datasource.settings import SettingsError
    from datasource.telemetry.csv_table import CsvError

    output = None if output == "-" else output
    inputs = [path for path in (*data, *baseline, graph, calls, config) if path]
    if output and any(_same(path, output) for path in inputs):
        _refuse(f"{output} is an input; choose another --output")
    source = Source(data, config, graph, calls, reading)
    try:
        files = _read(source, baseline)
        found = score_matrix(files.settings, files.data.matrix, files.usual, files.notices)
    except (CsvError, SettingsError, GraphError) as error:
        _refuse(str(error))
    has_time = files.data.has_time
    if output:
        try:
            with open(output, "w", encoding="utf-8", newline="") as file:
                write_csv(file, found, has_time)
        except OSError as error:
            _refuse(f"{output}: cannot be written: {error.strerror or error}")
    if as_json:
        print_json(found, has_time)
        return
    if output:
        for line in summary(found, has_time):
            click.echo(line)
    else:
        write_csv(sys.stdout, found, has_time)
    for notice in found.notices:
        click.echo(notice, err=True)


class _Files(NamedTuple):
    """All that the data's files hold, the settings to fit with, and what to fit on."""

    settings: "Settings"
    data: "CsvData"
    usual: "Matrix | None"
    notices: tuple[str, ...]


def _read(source: "Source", baseline: Sequence[str]) -> _Files:
    """Raises CsvError and SettingsError."""
    from datasource.cli.offline import open_whole
    from datasource.settings import format_duration
    from datasource.telemetry.csv_table import CsvError

    here = open_whole(source)
    there = open_whole(source._replace(data=baseline)) if baseline else here
    if here.data.has_time != there.data.has_time:
        raise CsvError("one of data and baseline has a time column and the other has none; give both or neither")
    settings, fitted = there.settings, there.data.matrix
    usual = fitted.between(fitted.end - (settings.recent_points - 1) * fitted.step, fitted.end)
    notices = (*there.data.notices, *here.data.notices)
    if usual.values.shape[1] < fitted.values.shape[1]:
        span = format_duration(settings.recent_points * fitted.step)
        notices += (f"what is usual is learnt from the newest {span}, as the settings' baseline says",)
    elif not baseline:
        return _Files(settings, here.data, None, notices)
    return _Files(settings, here.data, usual, notices)


def _same(path: str, other: str) -> bool:
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _refuse(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)
