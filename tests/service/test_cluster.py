"""`evaluation.workers: dask://...`: a fit on a Dask cluster of a scheduler and two workers on loopback."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from datasource.anomaly import Mechanisms
from datasource.anomaly.fitting import Fitting
from datasource.data import Variable
from datasource.service import Snapshot, cluster
from datasource.service.jobs import fit_job

pytest.importorskip("distributed", reason="pip install 'causal-datasource[dask]'")
HERE = "127.0.0.1"


class Running(NamedTuple):
    """The processes of a cluster, and its address in causal.yaml."""

    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    address: str


@pytest.fixture
def running() -> Iterator[Running]:
    port = free_port()
    scheduler = process("scheduler", "--host", HERE, "--port", str(port), "--no-dashboard")
    told = ("--host", HERE, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    workers = [process("worker", f"tcp://{HERE}:{port}", *told) for _ in range(2)]
    from distributed import Client

    with Client(f"tcp://{HERE}:{port}", timeout=30, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
    yield Running(scheduler, workers, f"dask://{HERE}:{port}")
    for one in (*workers, scheduler):
        one.kill()
        one.wait(10)


def process(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HERE, 0))
        port: int = one.getsockname()[1]
        return port


def fitted(read: Snapshot, workers: int | str) -> Mechanisms:
    evaluation = read.settings.evaluation.model_copy(update={"workers": workers})
    settings = read.settings.model_copy(update={"evaluation": evaluation})
    return fit_job(settings, read.matrix, read.graph, read.older)


def assert_same(found: Mechanisms, alone: Mechanisms) -> None:
    for kind in ("causal", "marginal"):
        one, other = getattr(found, kind), getattr(alone, kind)
        assert list(one) == list(other)
        for mechanism, same in zip(one.values(), other.values(), strict=True):
            np.testing.assert_equal(vars(mechanism), vars(same))
    assert (found.joint, found.supported) == (alone.joint, alone.supported)


def at_shard(number: int, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> list[int]:
    """Do something when so many small shards have been sent, in the midst of the others; returns what was sent."""
    sent: list[int] = []
    only = Fitting.only

    def counted(fitting: Fitting, variables: list[Variable]) -> Fitting:
        sent.append(len(variables))
        if len(sent) == number:
            do()
        return only(fitting, variables)

    monkeypatch.setattr(cluster, "_SHARD", 4)
    monkeypatch.setattr(Fitting, "only", counted)
    return sent


def test_a_cluster_fits_the_same(read: Snapshot, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fitting, "__call__", lambda *_: pytest.fail("fitted here"))
    found = fitted(read, running.address)
    monkeypatch.undo()
    assert found.notices == ()
    assert_same(found, fitted(read, 1))


def test_nothing_is_lost_with_a_worker_that_is_killed(
    read: Snapshot, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fitting, "__call__", lambda *_: pytest.fail("fitted here"))
    sent = at_shard(6, monkeypatch, running.workers[0].kill)
    found = fitted(read, running.address)
    monkeypatch.undo()
    assert len(sent) > 8
    assert running.workers[0].wait(10) != 0
    assert found.notices == ()
    assert_same(found, fitted(read, 1))


def test_what_a_cluster_that_goes_does_not_do_is_done_here_and_told(
    read: Snapshot, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_shard(6, monkeypatch, running.scheduler.kill)
    found = fitted(read, running.address)
    monkeypatch.undo()
    (notice,) = found.notices
    assert re.match(r"evaluation.workers: \d+ of \d+ parts of the fit was done here, not by the Dask cluster", notice)
    assert_same(found, fitted(read, 1))


def test_without_a_scheduler_the_fit_is_done_here_and_told(read: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT", 0.5)
    port = free_port()
    found = fitted(read, f"dask://{HERE}:{port}")
    (notice,) = found.notices
    assert notice.startswith(
        f"evaluation.workers: the fit was done here, not by the Dask cluster at tcp://{HERE}:{port}"
    )
    assert "is its scheduler up" in notice
    assert_same(found, fitted(read, 1))


def test_workers_with_other_code_are_not_asked(
    read: Snapshot, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "code_fingerprint", lambda: "another")
    found = fitted(read, running.address)
    assert "another version of causal-datasource" in found.notices[0]
    assert_same(found, fitted(read, 1))
