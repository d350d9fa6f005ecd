"""Servers as child processes on loopback: a real Prometheus, with history in it from the start."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from datasource.demo.child import ChildProcess, ProcessFailedError, wait_until
from datasource.demo.serving import free_port

__all__ = [
    "ChildProcess",
    "ProcessFailedError",
    "PrometheusServer",
    "answer_exists",
    "answers",
    "backfill_blocks",
    "find_promtool",
    "free_port",
    "scrape_config",
    "start_prometheus",
    "wait_until",
]

RETENTION = "10y"
"""Longer than any history backfilled: Prometheus deletes what is older."""


class PrometheusServer(ChildProcess):
    """A Prometheus that is ready to be asked at `url`."""

    def __init__(self, command: Sequence[str], directory: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(command, directory / "prometheus.log")


def start_prometheus(
    binary: str,
    directory: Path,
    *,
    scrape_configs: Iterable[Mapping[str, Any]] = (),
    remote_read: Iterable[Mapping[str, Any]] = (),
    rule_files: Iterable[Path] = (),
    backfill: Path | None = None,
    alertmanager_port: int | None = None,
    port: int | None = None,
    evaluation_interval: str = "15s",
    options: Iterable[str] = (),
    timeout: float = 30,
) -> PrometheusServer:
    """Start Prometheus with its configuration, data and log in `directory`, and wait until it is ready.

    `scrape_configs` and `remote_read` are entries as in Prometheus' own configuration; `backfill` is an OpenMetrics
    file whose samples it shall have from the start; `options` are further ones of its command line.

    Raises:
        ProcessFailedError: it, or promtool, could not do it; the message has the end of the log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / "data"
    data.mkdir(exist_ok=True)
    if backfill is not None:
        backfill_blocks(binary, backfill, data)
    port = port or free_port()
    configuration = directory / "prometheus.yml"
    alertmanagers = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}] if alertmanager_port else []
    configuration.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "15s", "evaluation_interval": evaluation_interval},
                "rule_files": [str(file.resolve()) for file in rule_files],
                "scrape_configs": [dict(config) for config in scrape_configs],
                "remote_read": [dict(config) for config in remote_read],
                "alerting": {"alertmanagers": alertmanagers},
            },
            sort_keys=False,
        )
    )
    command = [
        binary,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        *options,
    ]
    server = PrometheusServer(command, directory, port)
    try:
        server.wait_ready(lambda: answers(f"{server.url}/-/ready"), timeout)
    except BaseException:
        server.stop()
        raise
    return server


def scrape_config(job: str, targets: str | Sequence[str], interval: str, **options: object) -> dict[str, object]:
    """An entry of Prometheus' `scrape_configs` for one target ("host:port"), or several."""
    timing = {"scrape_interval": interval, "scrape_timeout": interval}
    found = [targets] if isinstance(targets, str) else [*targets]
    return {"job_name": job, **timing, **options, "static_configs": [{"targets": found}]}


def find_promtool(binary: str) -> str | None:
    """The promtool beside a prometheus binary, or else the one on PATH."""
    beside = str(Path(shutil.which(binary) or binary).parent)
    return shutil.which("promtool", path=beside) or shutil.which("promtool")


def backfill_blocks(binary: str, openmetrics: Path, data: Path) -> None:
    """Turn an OpenMetrics file into blocks in Prometheus' data directory, which may hold others already.

    `binary` is the prometheus that will read them; its promtool writes them.

    Raises:
        ProcessFailedError: there is no promtool, or it does not accept the file.
    """
    promtool = find_promtool(binary)
    if promtool is None:
        raise ProcessFailedError("there is no promtool beside prometheus, nor on PATH")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=24h"]
    done = subprocess.run([*command, str(openmetrics), str(data)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProcessFailedError(f"promtool could not backfill:\n{done.stderr or done.stdout}")


def answers(url: str) -> bool:
    """Whether GET `url` gives 200."""
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def answer_exists(url: str, query: str) -> bool:
    """Whether a Prometheus has any series to answer a query with now."""
    try:
        reply = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=2).json()
    except (requests.RequestException, ValueError):
        return False
    return reply.get("status") == "success" and bool(reply["data"]["result"])
