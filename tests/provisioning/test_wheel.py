"""The wheel alone has all that an installation needs: it is built, installed into a clean environment, and tried."""

import importlib.util
import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from datasource.cli import main

ROOT = Path(__file__).parents[2]
_BUILT_FROM = ("datasource", "dashboards", "provisioning", "pyproject.toml", "README.md", "LICENSE")


def ask(*command: str | Path, **more: str) -> str:
    found = subprocess.run(
        [*map(str, command)], check=True, capture_output=True, text=True, env=os.environ | more, cwd="/"
    )
    return found.stdout + found.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own; what this needs comes from the environment of the tests."""
    for name in ("setuptools", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    source, ignored = folder / "source", shutil.ignore_patterns("__pycache__", "*.egg-info")
    source.mkdir()
    for name in _BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name, **({"ignore": ignored} if copy is shutil.copytree else {}))  # type: ignore[operator]
    venv.create(folder / "builder", with_pip=True, symlinks=True)
    pip = (folder / "builder" / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    ask(
        *pip,
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        source,
        PYTHONPATH=sysconfig.get_path("purelib"),
    )
    venv.create(folder / "clean", with_pip=False, symlinks=True)
    (wheel,) = folder.glob("*.whl")
    python = folder / "clean" / "bin" / "python"
    ask(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    packages = ask(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(packages) / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "clean" / "bin" / "causal-datasource"


def test_what_was_installed_writes_dashboards_and_provisioning(installed: Path, tmp_path: Path) -> None:
    said = ask(
        installed,
        "provision",
        tmp_path / "out",
        "--service",
        "causal:1234",
        "--prometheus",
        "http://p:1",
        PYTHONPATH="",
    )
    assert f"files below {tmp_path / 'out'}" in said
    for file in (ROOT / "dashboards").rglob("*.json"):
        assert (
            tmp_path / "out/grafana/dashboards" / file.relative_to(ROOT / "dashboards")
        ).read_text() == file.read_text()
    rules = tmp_path / "out/prometheus/rules/causal.yml"
    assert rules.read_text() == (ROOT / "provisioning/prometheus/rules/causal.yml").read_text()
    sources = yaml.safe_load((tmp_path / "out/grafana/provisioning/datasources/causal.yml").read_text())["datasources"]
    assert [one["url"] for one in sources] == ["http://p:1", "http://causal:1234"]
    assert "causal:1234" in (tmp_path / "out/prometheus/prometheus.yml").read_text()
    for file in (ROOT / "provisioning/kubernetes").iterdir():
        assert (tmp_path / "out/kubernetes" / file.name).exists()


def test_it_is_the_installed_one_and_has_its_packs_and_page(installed: Path) -> None:
    place = ask(installed.with_name("python"), "-c", "import datasource; print(datasource.__file__)", PYTHONPATH="")
    assert str(installed.parents[1]) in place
    assert "redis" in ask(installed, "packs", PYTHONPATH="")
    package = Path(place.strip()).parent
    for file in ("web/page/index.html", "web/openapi.yaml", "demo/settings.yaml"):
        assert (package / file).exists()


def test_what_is_there_is_not_overwritten_unless_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus/prometheus.yml").write_text("mine")
    refused = CliRunner().invoke(main, ["provision", str(tmp_path)])
    assert refused.exit_code == 2
    assert "prometheus.yml is there already; choose another directory, or --force" in refused.output
    assert (tmp_path / "prometheus/prometheus.yml").read_text() == "mine"
    assert not (tmp_path / "grafana").exists()
    assert CliRunner().invoke(main, ["provision", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "prometheus/prometheus.yml").read_text() != "mine"
