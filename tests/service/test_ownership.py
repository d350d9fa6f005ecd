"""A store knows whose it is."""

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.service.ownership import AnotherInstallationError, claim
from datasource.settings import Settings, parse_settings
from datasource.store import open_database


def settings(directory: Path, url: str = "http://one:9090", more: str = "") -> Settings:
    return parse_settings(text(directory, url, more))


def text(directory: Path, url: str, more: str = "") -> str:
    return (
        f"prometheus: {{url: '{url}'{more}}}\nstore: {{directory: {directory}}}\n"
        "entities: {service: {labels: [service]}}\n"
        "signals: {latency: {entity: service, query: latency, window: 30s}}\n"
    )


def test_another_installation_is_refused_and_the_same_one_is_not(tmp_path: Path) -> None:
    claim(settings(tmp_path))
    claim(settings(tmp_path, "http://one:9090/"))
    with pytest.raises(AnotherInstallationError, match="belongs to the installation that reads http://one:9090; this"):
        claim(settings(tmp_path, "http://two:9090"))
    claim(settings(tmp_path))


def test_another_tenant_of_the_same_server_is_another_installation(tmp_path: Path) -> None:
    tenants = [f", http_headers: {{X-Scope-OrgID: {{values: [{name}]}}}}" for name in ("red", "blue")]
    claim(settings(tmp_path, more=tenants[0]))
    with pytest.raises(AnotherInstallationError, match="as tenant red; this one reads http://one:9090 as tenant blue"):
        claim(settings(tmp_path, more=tenants[1]))


def test_one_that_has_moved_may_adopt_it(tmp_path: Path) -> None:
    claim(settings(tmp_path))
    claim(settings(tmp_path, "http://two:9090"), adopt=True)
    claim(settings(tmp_path, "http://two:9090"))


def test_a_store_of_before_this_was_written_down_is_taken(tmp_path: Path) -> None:
    open_database(settings(tmp_path).store).close()
    claim(settings(tmp_path, "http://two:9090"))


def test_a_store_that_cannot_be_used_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        claim(settings(tmp_path / "file" / "store"))
    assert "whose the store is cannot be told" in caplog.text


def test_serve_does_not_begin_on_the_store_of_another_installation(tmp_path: Path) -> None:
    claim(settings(tmp_path))
    (tmp_path / "causal.yaml").write_text(text(tmp_path, "http://two:9090"))
    result = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "causal.yaml"), "--listen", "127.0.0.1:0"])
    assert result.exit_code == 2
    assert "start it once with --adopt-store" in result.output
