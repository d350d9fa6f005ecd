"""`serve` refuses what it cannot use before it starts anything."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds import SETTINGS

from datasource.cli import main


@pytest.mark.parametrize("listen", ["somewhere", "8321", ":8321", "localhost:http", "localhost:99999"])
def test_an_address_is_host_and_port(listen: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--config", str(SETTINGS), "--listen", listen])
    assert result.exit_code == 2
    assert "write it as 127.0.0.1:8321" in result.output


def test_settings_that_are_not_there_or_wrong_end_it_with_words(tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "causal.yaml")])
    assert missing.exit_code == 2
    assert "causal-datasource init" in missing.output
    (tmp_path / "causal.yaml").write_text("prometheus: {}\n")
    wrong = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "causal.yaml")])
    assert wrong.exit_code == 2
    assert "prometheus.url: missing" in wrong.output


def test_another_prometheus_must_be_an_address() -> None:
    result = CliRunner().invoke(main, ["serve", "--config", str(SETTINGS), "--prometheus", "prometheus"])
    assert result.exit_code == 2
    assert "is not an address" in result.output
