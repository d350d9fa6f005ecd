"""A real Prometheus or VictoriaMetrics, with a history and with targets to scrape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from datasource.demo.processes import ChildProcess, answers, free_port, start_prometheus, wait_until

KINDS = ("prometheus", "victoria-metrics")


@contextmanager
def running(
    kind: str,
    directory: Path,
    server_binary: Callable[[str], str],
    openmetrics: str = "",
    scrape: Mapping[str, Any] | None = None,
    options: Sequence[str] = (),
) -> Iterator[str]:
    """The URL of a server of a kind that holds an OpenMetrics text's samples and scrapes as configured; `options` are
    Prometheus' own."""
    binary = server_binary(kind)
    configs = [scrape] if scrape else []
    if kind == "prometheus":
        backfill = directory / "history.om"
        backfill.write_text(openmetrics)
        server = start_prometheus(
            binary,
            directory,
            backfill=backfill if openmetrics else None,
            scrape_configs=configs,
            options=options,
        )
        try:
            yield server.url
        finally:
            server.stop()
        return
    url = f"http://127.0.0.1:{free_port()}"
    config = directory / "scrape.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [dict(one) for one in configs]}))
    child = ChildProcess(
        [
            binary,
            f"-storageDataPath={directory / 'data'}",
            f"-httpListenAddr={url.removeprefix('http://')}",
            "-retentionPeriod=10y",
            "-search.latencyOffset=0s",
            f"-promscrape.config={config}",
        ],
        directory / "log",
        name=kind,
    )
    try:
        wait_until(lambda: answers(f"{url}/health"), timeout=30)
        lines = [_milliseconds(line) for line in openmetrics.splitlines() if not line.startswith("#")]
        requests.post(f"{url}/api/v1/import/prometheus", data="\n".join(lines), timeout=60).raise_for_status()
        requests.get(f"{url}/internal/force_flush", timeout=60)
        yield url
    finally:
        child.stop()


def _milliseconds(line: str) -> str:
    series, _, time = line.rpartition(" ")
    return f"{series} {int(float(time) * 1000)}"
