"""A bundle holds what helps, and no secret."""

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from serving import Answer, serve

from datasource.cli import main

SECRETS = ("hunter2-in-the-url", "", "file-password-two", "a-header-value", "token-of-somebody", "param-key")
TEXT = """
prometheus:
  url: http://{user}:{secrets[0]}@127.0.0.1:1/prom
  params: {{api_key: {secrets[5]}}}
  http_headers: {{X-Key: {{secrets: [{secrets[3]}]}}, X-Other: {{values: [{secrets[3]}2]}}}}
loki:
  url: http://127.0.0.1:1
  basic_auth: {{username: me, password_file: password}}
entities: {{service: {{labels: [service]}}}}
signals:
  latency: {{entity: service, query: latency, window: 30s}}
  logs: {{entity: service, source: loki, query: 'sum by (service) (rate({{a="b"}}[1m]))', window: 1m}}
web: {{tokens: {{ci: {{file: token}}}}}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(SECRETS[2] + "\n")
    (tmp_path / "token").write_text(f"{SECRETS[4]}\n")
    file = tmp_path / "causal.yaml"
    file.write_text(TEXT.format(user="me", secrets=SECRETS))
    return file


def parts(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        return {one.name.removeprefix("causal-bundle/"): archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]


def test_it_holds_what_helps_and_no_secret_that_the_settings_or_their_files_hold(config: Path) -> None:
    log = config.with_name("service.log")
    log.write_text(f"2026-11-28 WARNING something with {SECRETS[2]} and {SECRETS[0]} in it\n")
    leak = Answer(200, f'{{"said": "{SECRETS[4]}"}}'.encode(), {"Content-Type": "application/json"})
    with serve(leak) as service:
        result = CliRunner().invoke(
            main, ["bundle", "--url", service.url, "--token-file", "token", "--log", str(log), "--output", "out.tar.gz"]
        )
        assert result.exit_code == 0, result.output
        assert {one.headers["Authorization"] for one in service.asked} == {f"Bearer {SECRETS[4]}"}
    found = parts(config.with_name("out.tar.gz"))
    assert {"settings.json", "environment.json", "store.json", "check.txt", "logs/service.log"} <= found.keys()
    assert {"service/metrics.txt", "service/snapshot.txt", "service/readyz.txt"} <= found.keys()
    everything = "\n".join(found.values())
    for secret in filter(None, SECRETS):
        assert secret not in everything
    assert "something with <hidden> and <hidden> in it" in found["logs/service.log"]
    settings = json.loads(found["settings.json"])
    assert settings["signals"]["latency"]["query"] == "latency"
    assert settings["prometheus"]["params"] == {"api_key": "<hidden>"}
    assert "numpy" in json.loads(found["environment.json"])["packages"]
    assert "cannot be reached" in found["check.txt"]
    assert config.with_name("out.tar.gz").stat().st_mode & 0o077 == 0


def test_it_is_made_though_the_settings_are_wrong_and_the_service_is_gone(config: Path) -> None:
    config.write_text("prometheus: {}\n")
    result = CliRunner().invoke(main, ["bundle", "--url", "http://127.0.0.1:1", "--output", "out.tar.gz"])
    assert result.exit_code == 0, result.output
    found = parts(config.with_name("out.tar.gz"))
    assert "prometheus.url: missing" in found["settings-error.txt"]
    assert "cannot be reached" in found["service/readyz.txt"]


def test_a_file_that_is_there_is_not_overwritten(config: Path) -> None:
    config.with_name("out.tar.gz").write_text("mine")
    result = CliRunner().invoke(main, ["bundle", "--output", "out.tar.gz"])
    assert result.exit_code == 2
    assert "--force" in result.output
    assert config.with_name("out.tar.gz").read_text() == "mine"
