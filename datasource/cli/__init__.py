"""The command line."""

import logging
import os
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datasource.cli.associations import associations
from datasource.cli.backtest import backtest
from datasource.cli.bundle import bundle
from datasource.cli.connection import connection_options
from datasource.cli.demo import demo
from datasource.cli.deploy import deploy
from datasource.cli.discover import discover
from datasource.cli.effect import effect
from datasource.cli.experiment import experiment
from datasource.cli.explain import explain
from datasource.cli.federate import federate
from datasource.cli.file_options import (
    calls_option,
    data_option,
    file_config_option,
    reading_options,
    report_option,
    usual_graph_option,
)
from datasource.cli.graph import graph
from datasource.cli.impact import impact
from datasource.cli.intervention import intervention
from datasource.cli.intervention_told import COMMANDS
from datasource.cli.invariance import invariance
from datasource.cli.marks import accept, incident
from datasource.cli.mcp import mcp
from datasource.cli.printing import print_result, refuse, told_errors
from datasource.cli.provision import provision
from datasource.cli.rank import rank
from datasource.cli.score import score
from datasource.cli.tune import tune
from datasource.settings import Loaded, SettingsError, load_settings

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions
    from datasource.library.sources import Opened, Source

DEFAULT_LISTEN = "127.0.0.1:8321"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="causal-datasource")
def main() -> None:
    """Causal effects, anomaly scores and root causes for Grafana, computed from Prometheus."""
    # One thread for linear algebra in each process: small matrices, and the service's pool is what uses the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _load(path: str, url: str | None = None) -> Loaded:
    try:
        loaded = load_settings(path)
        return loaded.reading_from(url) if url else loaded
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _open(source: "Source", at: str | None = None) -> "Opened":
    from datasource.data.csv.table import CsvError
    from datasource.library.sources import open_files

    try:
        return open_files(source, at)
    except (CsvError, SettingsError) as error:
        refuse(str(error))


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    host, colon, port = (value or "").rpartition(":")
    if value is not None and not (host and colon and port.isdigit() and int(port) < 65536):
        raise click.BadParameter(
            f"'{value}' is not host:port; write it as 127.0.0.1:8321, or 0.0.0.0:8321 for all hosts"
        )
    return value


config_option = click.option("--config", default="causal.yaml", show_default=True, help="The settings file.")


@main.command()
@config_option
@click.option(
    "--listen", default=DEFAULT_LISTEN, show_default=True, callback=_address, help="Where to listen, host:port."
)
@click.option("--prometheus", "url", envvar="CAUSAL_PROMETHEUS_URL", help="Read this one instead of the file's.")
@click.option(
    "--insecure-listen",
    is_flag=True,
    envvar="CAUSAL_INSECURE_LISTEN",
    help="Let everybody read who can reach --listen, without a token.",
)
@click.option(
    "--adopt-store", is_flag=True, help="Take over the store of an installation that read another Prometheus."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    envvar="CAUSAL_LOG_LEVEL",
    help="[default: info]",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), envvar="CAUSAL_LOG_FORMAT", help="[default: text]")
def serve(
    config: str,
    listen: str,
    url: str | None,
    insecure_listen: bool,
    adopt_store: bool,
    log_level: str | None,
    log_format: str | None,
) -> None:
    """Evaluate by the clock and answer Grafana, Prometheus and browsers."""
    loaded = _load(config, url)
    from datasource.service.logs import begin_logging
    from datasource.service.ownership import AnotherInstallationError, claim
    from datasource.service.process import SettingsFile
    from datasource.web.server import in_use, tls_of, warnings_of
    from datasource.web.server import serve as run

    try:
        tls = tls_of(loaded.settings)
        warnings = warnings_of(loaded.settings, listen, insecure=insecure_listen)
    except ValueError as error:
        refuse(str(error))
    if in_use(listen):
        refuse(f"{listen} is in use; choose another --listen")
    begin_logging(log_level, log_format, process="first")
    try:
        claim(_load(config).settings, adopt=adopt_store)
    except AnotherInstallationError as error:
        refuse(str(error))
    scheme = "https" if tls else "http"
    click.echo(f"causal-datasource serves {scheme}://{listen}, reading {loaded.settings.prometheus.url}")
    for warning in warnings:
        logging.getLogger("datasource.web").warning(warning)
    run(loaded, SettingsFile(config, url), listen, tls)


@main.command()
@click.option("--config", default=None, help="The settings file.  [default: causal.yaml; with --data none]")
@click.option("--offline", is_flag=True, help="Only read the file, do not ask Prometheus.")
@click.option("--data", multiple=True, help="A CSV or Parquet file: say what is understood of it, not of Prometheus.")
@click.option("--calls", default=None, help="With --data: who calls whom, a CSV file.")
@reading_options
def check(config: str | None, offline: bool, data: tuple[str, ...], calls: str | None, reading: "CsvOptions") -> None:
    """Validate a settings file and say what each signal brings, from Prometheus or from a CSV file."""
    if data:
        from datasource.cli.check_effects import check_file_effects
        from datasource.library.describe import describe
        from datasource.library.sources import Source

        opened, wrong = _open(Source(data, config, calls=calls, reading=reading)), False
        for line in chain(describe(opened), check_file_effects(opened) if config else ()):
            click.echo(line.text)
            wrong |= line.wrong
        sys.exit(int(wrong))
    from datasource.cli.check import check_telemetry

    path = config or "causal.yaml"
    loaded = _load(path)
    click.echo(f"{path}: valid ({len(loaded.settings.signals)} signals)")
    if not offline:
        sys.exit(check_telemetry(loaded.settings))


@main.command()
@data_option
@file_config_option
@usual_graph_option
@calls_option
@click.option("--at", default=None, help="The time to evaluate at, ISO 8601 or seconds since 1970.  [default: the end]")
@report_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON as /api/v1/snapshot answers it, and nothing else.")
def evaluate(
    data: tuple[str, ...],
    config: str | None,
    graph: str | None,
    calls: str | None,
    at: str | None,
    report: str | None,
    as_json: bool,
    reading: "CsvOptions",
) -> None:
    """Anomalies, root causes and effects at the end of a CSV file, with no server."""
    from datasource import library

    with told_errors():
        found = library.evaluate(
            library.read_csv(*data, reading=reading), graph=graph, calls=calls, config=config, at=at
        )
    print_result(found, as_json, report)


@main.command()
@click.option("--prometheus", "url", required=True, help="Its address, as http://prometheus:9090.")
@click.option("--output", default="causal.yaml", show_default=True, help="The file to write; - for standard output.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@connection_options
def init(url: str, output: str, force: bool, **reached: Any) -> None:
    """Look at a Prometheus and write a first settings file that runs.

    How to reach it is kept in the file; secrets are kept in files of their own.
    """
    from datasource.cli.connection import Asked, ConnectionRefusedHere, connect
    from datasource.cli.init import InitError, propose

    _refuse_overwriting(output, force)
    try:
        connection = connect(Asked(url, **reached), output)
    except ConnectionRefusedHere as error:
        refuse(str(error))
    for secret in connection.secrets:
        _refuse_overwriting(str(secret), force)
    try:
        proposal = propose(connection.prometheus, connection.keys)
    except InitError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    _write(proposal.text, (*proposal.findings, *connection.write_secrets()), output)


@main.command("import")
@click.argument("file")
@click.option("--prometheus", "url", default="http://prometheus:9090", show_default=True, help="Written into the file.")
@click.option("--output", default="causal.yaml", show_default=True, help="The file to write; - for standard output.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def import_file(file: str, url: str, output: str, force: bool) -> None:
    """Propose signals from a Grafana dashboard (JSON) or a file of Prometheus rules (YAML)."""
    from datasource.cli.found_queries import ImportedError
    from datasource.cli.imported import propose_from

    _refuse_overwriting(output, force)
    try:
        proposal = propose_from(file, url)
    except ImportedError as error:
        refuse(str(error))
    _write(proposal.text, proposal.findings, output)


def _refuse_overwriting(output: str, force: bool) -> None:
    if output != "-" and Path(output).exists() and not force:
        refuse(f"{output} is there already; choose another --output, or --force to overwrite it")


def _write(text: str, findings: Sequence[str], output: str) -> None:
    """A proposed settings file, and what was found."""
    for line in findings:
        click.echo(line, err=True)
    if output == "-":
        click.echo(text)
    else:
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            refuse(f"{output}: cannot be written: {error.strerror or error}")
        click.echo(f"wrote {output}; next: causal-datasource check --config {output}", err=True)


@main.command()
@click.argument("name", required=False)
@click.option("-p", "--parameter", "parameters", multiple=True, help="As window=1m, or labels=[namespace,service].")
@click.option("--step", default="30s", show_default=True, help="The step of the settings, for gauges.")
def packs(name: str | None, parameters: tuple[str, ...], step: str) -> None:
    """List the ready-made signal packs, or print what one of them stands for."""
    from datasource.cli.packs import PackError, list_packs, show_pack

    if name is None:
        for line in list_packs():
            click.echo(line)
        return
    try:
        click.echo(show_pack(name, parameters, step), nl=False)
    except PackError as error:
        refuse(str(error))


@main.command()
@click.option("--listen", default=None, callback=_address, help="Serve the shop's /metrics on host:port.")
@click.option("--history", default=None, help="Write two days of history in OpenMetrics format to this file, once.")
def shop(listen: str | None, history: str | None) -> None:
    """Run only the demo's simulated shop, for containers."""
    from datasource.demo.run import serve_shop

    if not (listen or history):
        raise click.UsageError("give --listen, --history or both")
    serve_shop(listen, history)


for _command in COMMANDS:
    intervention.add_command(_command)
for _command in (
    accept,
    associations,
    backtest,
    bundle,
    demo,
    deploy,
    discover,
    effect,
    experiment,
    explain,
    federate,
    graph,
    impact,
    incident,
    intervention,
    invariance,
    mcp,
    provision,
    rank,
    score,
    tune,
):
    main.add_command(_command)
