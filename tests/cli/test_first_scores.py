"""On a Prometheus with nothing but node_exporter and itself, the file that `init` writes leads to scores."""

import re
import time
from pathlib import Path

import histories
import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.demo.processes import answer_exists, free_port, scrape_config, start_prometheus, wait_until
from datasource.service import Evaluator
from datasource.settings import load_settings


def written(url: str, directory: Path) -> Path:
    """The file of `init`, which `check` finds fine."""
    file = directory / "causal.yaml"
    for command in (["init", "--prometheus", url, "--output", str(file)], ["check", "--config", str(file)]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
    return file


def evaluated(file: Path):
    evaluator = Evaluator(load_settings(file))
    try:
        return evaluator.evaluate(time.time())
    finally:
        evaluator.workers.stop()


def test_scores_from_a_history_that_is_long_enough(server_binary, tmp_path):
    """Two machines for three hours, and a Prometheus that scrapes itself."""
    port = free_port()
    history = histories.openmetrics(tmp_path / "om", histories.samples(histories.machines(), 3, until=0))
    itself = scrape_config("prometheus", f"127.0.0.1:{port}", "1s")
    binary = server_binary("prometheus")
    server = start_prometheus(binary, tmp_path / "p", backfill=history, scrape_configs=[itself], port=port)
    try:
        assert wait_until(lambda: answer_exists(server.url, "prometheus_http_requests_total"), 20)
        snapshot = evaluated(written(server.url, tmp_path))
    finally:
        server.stop()
    assert not snapshot.warming_up
    assert set(snapshot.settings.packs) == {"node_exporter"}
    assert {str(entity) for entity in snapshot.entities} == {"node-one", "node-two"}
    assert set(snapshot.judgement.scores) == set(snapshot.matrix.variables)
    assert len(snapshot.matrix.variables) == 20
    assert all(np.isfinite(scores.causal.score).any() for scores in snapshot.judgement.scores.values())


def test_scores_from_a_real_node_exporter(machines, tmp_path):
    """The same on a real one, read faster and judged after fewer points than usual, so that nobody waits for hours."""
    file = written(machines, tmp_path)
    text = re.sub(r"step: \d+s", "step: 1s", file.read_text()).replace("window: 15s", "window: 5s")
    file.write_text(text + "evaluation: {warm_up: 30}\n")
    settings, _ = load_settings(file)
    needed = 30 + settings.prometheus.latency_offset + 10
    assert wait_until(lambda: answer_exists(machines, f"count_over_time(node_load1[5m]) > {needed:.0f}"), 90)
    snapshot = evaluated(file)
    assert not snapshot.warming_up
    assert {"node_cpu", "node_memory"} <= {variable.signal for variable in snapshot.judgement.scores}


@pytest.mark.parametrize("shown", ["node_exporter: {labels: [instance], window: 15s}", "step: 15s"])
def test_the_file_is_short(machines, tmp_path, shown):
    text = written(machines, tmp_path).read_text()
    assert shown in text
    assert "query:" not in text
