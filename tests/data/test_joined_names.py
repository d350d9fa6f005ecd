"""Wide files whose columns join entity and signal by an underscore or another mark."""

from pathlib import Path

import numpy as np
import pytest

from datasource.data.csv.files import read_csv
from datasource.data.csv.joined_names import split_names


def joined(entities: list[str], signals: list[str], mark: str = "_") -> list[str]:
    return [f"{entity}{mark}{signal}" for entity in entities for signal in signals]


@pytest.mark.parametrize(
    ("entities", "signals", "mark"),
    [
        (["adservice", "cartservice", "frontend"], ["cpu", "mem", "latency-90", "workload", "error"], "_"),
        (["ts-auth-service", "ts-order-service"], ["cpu", "mem", "diskio", "socket", "latency-50"], "_"),
        (["shop_web", "shop_db", "shop_cart"], ["cpu_usage", "memory_usage", "request_errors"], "_"),
        (["front-end", "carts-db"], ["cpu", "memory"], "-"),
        (["queue-master", "orders", "carts"], ["cpu", "latency"], "_"),
        (["web", "db", "cart"], ["latency"], "_"),
        (["web", "db"], ["cpu(%)", "network_receive(bytes)"], "_"),
    ],
)
def test_entity_and_signal_are_told_apart(entities: list[str], signals: list[str], mark: str) -> None:
    names = joined(entities, signals, mark)
    assert split_names(names) == {f"{e}{mark}{s}": f"{e}.{s}" for e in entities for s in signals}


@pytest.mark.parametrize(
    "names",
    [
        ["pod_restarts", "request_latency", "request_errors", "cpu_usage"],
        ["cpu_usage", "cpu_throttled", "memory_usage", "memory_throttled"],
        ["latency_p50", "latency_p99", "requests", "errors"],
        ["node_cpu", "node_memory", "node_disk"],
        ["treatment", "outcome", "confounder"],
        [],
    ],
)
def test_signals_of_one_entity_stay_what_they_are(names: list[str]) -> None:
    assert split_names(names) is None


def test_a_file_of_joined_names_is_read_as_wide(tmp_path: Path) -> None:
    names = joined(["ts-auth", "ts-order"], ["cpu", "latency-90"])
    rows = np.column_stack([1_700_000_000 + 60 * np.arange(5), np.random.default_rng(1).random((5, 4))])
    path = tmp_path / "data.csv"
    path.write_text("\n".join([",".join(["time", *names]), *(",".join(map(str, row)) for row in rows)]))
    data = read_csv(path)
    assert {str(v) for v in data.matrix.variables} == {
        "ts-auth.cpu", "ts-auth.latency_90", "ts-order.cpu", "ts-order.latency_90"
    }  # fmt: skip
    assert (data.signals["latency_90"].role, data.signals["latency_90"].kind) == ("latency", "quantile")
    assert any("'ts-auth_cpu' is taken as ts-auth.cpu" in notice for notice in data.notices)


def test_a_few_names_with_dots_do_not_hide_the_mark(tmp_path: Path) -> None:
    names = [*joined(["web", "www.amazon.com", "cart"], ["latency", "errors"])]
    path = tmp_path / "data.csv"
    path.write_text(
        "\n".join([",".join(["time", *names]), *(f"{1_700_000_000 + 60 * i},1,2,3,4,5,6" for i in range(4))])
    )
    variables = {str(v) for v in read_csv(path).matrix.variables}
    assert variables == {f"{e}.{s}" for e in ("web", "www.amazon.com", "cart") for s in ("latency", "errors")}


def test_a_workload_that_is_measured_is_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = [f"{1_700_000_000 + 60 * i},{pod},{i + 0.5},{i}" for i in range(4) for pod in ("web", "db")]
    path.write_text("\n".join(["time,pod,workload,cpu", *rows]))
    assert {str(v) for v in read_csv(path).matrix.variables} == {
        "web.workload", "db.workload", "web.cpu", "db.cpu"
    }  # fmt: skip
