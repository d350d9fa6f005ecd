"""The examples are valid, complete, and their queries are PromQL."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.prometheus import Reader
from datasource.settings import load_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_valid(file):
    result = CliRunner().invoke(main, ["check", "--offline", "--config", str(file)])
    assert result.exit_code == 0, result.output
    assert file.name in (EXAMPLES / "README.md").read_text()


def reports(file, url):
    """What each signal of an example brings from a Prometheus."""
    settings, _ = load_settings(file)
    reader = Reader(settings.model_copy(update={"prometheus": settings.prometheus.model_copy(update={"url": url})}))
    end = reader.newest(time.time())
    return {report.signal: report for report in reader.read(end - 5 * int(settings.step), end).reports}


def test_machines(machines):
    assert not [report for report in reports(EXAMPLES / "node_exporter.yaml", machines).values() if report.problem]


@pytest.mark.parametrize(("name", "fixture"), [("opentelemetry.yaml", "traced"), ("kubernetes-istio.yaml", "mesh")])
def test_services(name, fixture, request):
    found = reports(EXAMPLES / name, request.getfixturevalue(fixture))
    assert not [report for report in found.values() if report.problem]
    assert all(report.entities for report in found.values())


def test_pods_belong_to_workloads(mesh):
    settings, _ = load_settings(EXAMPLES / "kubernetes-istio.yaml").reading_from(mesh)
    reader, end = Reader(settings), int(time.time()) // 60 * 60
    matrix = reader.read(end - 1200, end).matrix
    (cpu,) = (matrix.row(v) for v in matrix.variables if str(v) == "shop/cart.cpu")
    assert cpu.mean() == pytest.approx(0.4, rel=0.2)
