"""Environments in files: by a column, before and after, and found."""

from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main

N = 700


def cluster(name: str, seed: int, spread: float = 1.0, slope: float = 1.0, then: float | None = None) -> pd.DataFrame:
    """cpu and queue move latency, which moves errors; from the middle on cpu does so by `then`."""
    rng = np.random.default_rng(seed)
    cpu = spread * rng.normal(size=N)
    queue = 0.5 * cpu + spread * rng.normal(size=N)
    slopes = np.where(np.arange(N) < N // 2, slope, slope if then is None else then)
    latency = slopes * cpu + queue + rng.normal(size=N)
    errors = latency + spread * rng.normal(size=N)
    time = pd.date_range("2026-11-01", periods=N, freq="1min")
    columns = {"cpu": cpu, "queue": queue, "latency": latency, "errors": errors}
    return pd.DataFrame({"time": time, "cluster": name, **columns})


CLUSTERS = pd.concat([cluster("eu", 0), cluster("us", 1, spread=3.0)])


def test_the_causes_that_hold_in_all_clusters_are_named() -> None:
    found = cd.compare(CLUSTERS, "latency", environment="cluster")
    assert set(found.parents) == {"cpu", "queue"}
    assert set(cd.invariant_parents(CLUSTERS, "latency", environment="cluster")) == {"cpu", "queue"}
    assert "no set of causes without it" in str(found)
    assert len(found.to_frame()) == 4  # slopes and noise in two clusters
    assert "<svg" in found.page()


def test_an_edge_that_breaks_in_one_cluster_is_named() -> None:
    table = pd.concat([CLUSTERS, cluster("ap", 2, slope=0.0)])
    found = cd.compare(table, "latency", environment="cluster", causes=["cpu", "queue"])
    broken = [one for one in found.to_dict()["edges"] if one["breaks"]]
    assert [(one["cause"], one["environment"]) for one in broken] == [("ap.cpu", "cluster=ap")]
    assert "breaks in cluster=ap" in str(found)
    assert found.differs
    assert (
        found.to_dict()["predictions"][0]["worst_error"]
        <= found.to_dict()["predictions"][0]["worst_error_least_squares"]
    )


def test_before_and_after_a_time_are_environments() -> None:
    one = cluster("eu", 3, then=3.0).drop(columns="cluster")
    found = cd.compare(one, "latency", causes=["cpu", "queue"], at="2026-11-01T05:50:00Z", changes=False)
    assert {str(one.environment) for one in found.answer.shifted} == {
        "before 2026-11-01 05:50:00 UTC",
        "since 2026-11-01 05:50:00 UTC",
    }


def test_a_change_that_nobody_declared_is_found() -> None:
    one = cluster("eu", 3, then=3.0).drop(columns="cluster")
    found = cd.compare(one, "latency", causes=["cpu", "queue"])
    assert any(str(one.environment).startswith("since 2026-11-01T05:") for one in found.answer.shifted)
    same = cd.compare(cluster("eu", 3).drop(columns="cluster"), "latency", causes=["cpu", "queue"])
    assert "there is nothing to compare" in str(same)


def test_the_command_answers_and_gates_a_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "clusters.csv"
    pd.concat([CLUSTERS, cluster("ap", 2, slope=0.0)]).to_csv(file, index=False)
    asked = ["invariance", "--data", str(file), "--target", "latency", "--environment", "cluster"]
    done = CliRunner().invoke(main, [*asked, "--cause", "cpu", "--cause", "queue", "--json", "--fail"])
    assert done.exit_code == 1, done.output
    library = cd.compare(str(file), "latency", environment="cluster", causes=["cpu", "queue"])
    assert orjson.loads(done.output) == library.to_dict()
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0
    assert told.output.startswith("1 mechanism in 3 environments")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--environment", "zone"], "zone"),
        (["--target", "nothing"], "there is no 'nothing'; there are cpu, errors, latency, queue"),
        (["--target", "latency", "--level", "2"], "give a chance of being wrong"),
        (["--target", "latency", "--at", "noon"], "at: "),
    ],
)
def test_what_cannot_be_asked_ends_with_a_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    file = tmp_path / "clusters.csv"
    cluster("eu", 0).drop(columns="cluster").to_csv(file, index=False)
    done = CliRunner().invoke(main, ["invariance", "--data", str(file), *options])
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
