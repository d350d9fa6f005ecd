"""The command line."""

import logging
import os
import sys
from pathlib import Path

import click

from datasource.settings import Loaded, SettingsError, load_settings

DEFAULT_LISTEN = "127.0.0.1:8321"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="causal-datasource")
def main() -> None:
    """Causal effects, anomaly scores and root causes for Grafana, computed from Prometheus."""


def _load(path: str) -> Loaded:
    try:
        return load_settings(path)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


config_option = click.option("--config", default="causal.yaml", show_default=True, help="The settings file.")


@main.command()
@config_option
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, help="Where to listen, host:port.")
@click.option("--prometheus", "url", envvar="CAUSAL_PROMETHEUS_URL", help="Read this one instead of the file's.")
def serve(config: str, listen: str, url: str | None) -> None:
    """Evaluate by the clock and answer Grafana, Prometheus and browsers."""
    # One thread for linear algebra in each process; the pool is what uses the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    loaded = _load(config)
    if url:
        loaded = loaded.reading_from(url)
    from datasource.web.server import serve as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    click.echo(f"causal-datasource serves http://{listen}, reading {loaded.settings.prometheus.url}")
    run(loaded, listen)


@main.command()
@config_option
@click.option("--offline", is_flag=True, help="Only read the file, do not ask Prometheus.")
def check(config: str, offline: bool) -> None:
    """Validate a settings file and say what each signal brings."""
    from datasource.cli.check import check_telemetry

    loaded = _load(config)
    click.echo(f"{config}: valid ({len(loaded.settings.signals)} signals)")
    if not offline:
        sys.exit(check_telemetry(loaded.settings))


@main.command()
@click.option("--prometheus", "url", required=True, help="Its address, as http://prometheus:9090.")
@click.option("--output", default="causal.yaml", show_default=True, help="The file to write; - for standard output.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def init(url: str, output: str, force: bool) -> None:
    """Look at a Prometheus and write a first settings file that runs."""
    from datasource.cli.init import InitError, propose

    if output != "-" and Path(output).exists() and not force:
        click.echo(f"{output} is there already; choose another --output, or --force to overwrite it", err=True)
        sys.exit(2)
    try:
        proposal = propose(url)
    except InitError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    for line in proposal.findings:
        click.echo(line, err=True)
    if output == "-":
        click.echo(proposal.text)
    else:
        Path(output).write_text(proposal.text, encoding="utf-8")
        click.echo(f"wrote {output}; next: causal-datasource check --config {output}", err=True)


@main.command()
@click.option("--port", default=8321, show_default=True, help="Where the demo's datasource listens.")
def demo(port: int) -> None:
    """Start a simulated shop, a Prometheus and this service, and explain the current incident."""
    from datasource.demo.run import run

    sys.exit(run(port))


@main.command()
@click.option("--listen", default=None, help="Serve the shop's /metrics on host:port.")
@click.option("--history", default=None, help="Write two days of history in OpenMetrics format to this file, once.")
def shop(listen: str | None, history: str | None) -> None:
    """Run only the demo's simulated shop, for containers."""
    from datasource.demo.run import serve_shop

    if not (listen or history):
        raise click.UsageError("give --listen, --history or both")
    serve_shop(listen, history)
