"""What belongs into Grafana, Prometheus, Alertmanager and Kubernetes, written to a folder from what was installed."""

import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import NamedTuple

import click

from datasource.cli.printing import refuse

_SHARE = "share/causal-datasource"
_SIGN = "provisioning/prometheus/rules/causal.yml"
"""A file that is there wherever the others are."""
_LAYOUT = {
    "dashboards/prometheus": "grafana/dashboards/prometheus",
    "dashboards/json": "grafana/dashboards/json",
    "provisioning/grafana": "grafana/provisioning",
    "provisioning/prometheus": "prometheus",
    "provisioning/alertmanager": "alertmanager",
    "provisioning/kubernetes": "kubernetes",
}
"""By folder of what was installed, where it goes."""
_SERVICE, _PROMETHEUS, _DASHBOARDS = "datasource:8321", "http://prometheus:9090", "/etc/grafana/dashboards"
"""What stands in the files."""


class Provisioned(NamedTuple):
    """A file to write."""

    path: Path
    text: str


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--service", default=_SERVICE, show_default=True, help="Where this service is reached, host:port.")
@click.option("--prometheus", "url", default=_PROMETHEUS, show_default=True, help="Where Grafana reaches Prometheus.")
@click.option(
    "--dashboards", default=_DASHBOARDS, show_default=True, help="Where Grafana finds the folder grafana/dashboards."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def provision(directory: Path, service: str, url: str, dashboards: str, force: bool) -> None:
    """Write dashboards, alert rules and the configuration of Grafana, Prometheus, Alertmanager and Kubernetes."""
    found = _files(directory, {_SERVICE: service, _PROMETHEUS: url.rstrip("/"), _DASHBOARDS: dashboards.rstrip("/")})
    there = [one.path for one in found if one.path.exists()]
    if there and not force:
        refuse(f"{there[0]} is there already; choose another directory, or --force to overwrite it")
    try:
        for path, text in found:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{error.filename}: cannot be written: {error.strerror or error}")
    click.echo(f"wrote {len(found)} files below {directory}", err=True)
    for folder, use in _USES.items():
        click.echo(f"  {directory / folder}: {use}", err=True)


_USES = {
    "grafana/provisioning": "mount it as /etc/grafana/provisioning",
    "grafana/dashboards": "mount it where --dashboards says",
    "prometheus/rules/causal.yml": "name it in rule_files; prometheus.yml beside it has the scrape job",
    "alertmanager/alertmanager.yml": "take its routes and its inhibition over into yours",
    "kubernetes": "kubectl apply -k; put your causal.yaml there first",
}


def _files(directory: Path, said: dict[str, str]) -> list[Provisioned]:
    source = _shipped()
    return [
        Provisioned(directory / to / file.relative_to(source / folder), _replaced(file, said))
        for folder, to in _LAYOUT.items()
        for file in sorted((source / folder).rglob("*"))
        if file.suffix in (".json", ".yml", ".yaml")
    ]


def _replaced(file: Path, said: dict[str, str]) -> str:
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".json":
        for before, after in said.items():
            text = text.replace(before, after)
    return text


def _shipped() -> Path:
    """The folder in which what was installed lies: below share/ of the environment, or where this was checked out."""
    try:
        known = files("causal-datasource") or []
    except PackageNotFoundError:
        known = []
    places = [Path(str(one.locate())) for one in known if str(one).endswith(f"{_SHARE}/{_SIGN}")]
    places = [place.resolve() for place in places] or [
        Path(__file__).parents[2] / _SIGN,
        Path(sys.prefix) / _SHARE / _SIGN,
    ]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        refuse(f"the files are not there ({places[0]}); install causal-datasource from its wheel")
    return found.parents[3]
