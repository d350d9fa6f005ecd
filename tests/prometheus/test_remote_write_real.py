"""Samples pushed to real servers arrive with labels and times, and end when their series does."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from real import KINDS, running

from datasource.demo.processes import wait_until
from datasource.service.pushing import Pusher
from datasource.settings.remote_write import RemoteWrite


@pytest.mark.parametrize("kind", KINDS)
def test_samples_arrive_and_series_end(kind: str, tmp_path: Path, server_binary: Callable[[str], str]) -> None:
    with running(kind, tmp_path, server_binary, options=("--web.enable-remote-write-receiver",)) as url:

        def asked(query: str) -> list[Any]:
            requests.get(f"{url}/internal/force_flush", timeout=10)  # VictoriaMetrics shows after seconds what it got
            answer = requests.get(f"{url}/api/v1/query", params={"query": query, "time": time.time()}, timeout=10)
            found: list[Any] = answer.json()["data"]["result"]
            return found

        pusher = Pusher(RemoteWrite(url=f"{url}/api/v1/write", external_labels={"cluster": "a"}))
        pusher.start()
        pusher.push([("causal_effect", {"service": "web", "treatment": "shop/web.größe"}, 0.25), ("gone", {}, 1.0)])
        assert wait_until(lambda: len(asked("causal_effect")) == len(asked("gone")) == 1, 20), pusher.pushed
        (effect,) = asked("causal_effect")
        assert effect["metric"] == {
            "__name__": "causal_effect", "cluster": "a", "service": "web", "treatment": "shop/web.größe",
        }  # fmt: skip
        assert effect["value"][1] == "0.25"
        pusher.push([("causal_effect", {"service": "web", "treatment": "shop/web.größe"}, 0.5)])
        assert wait_until(lambda: not asked("gone"), 20), pusher.pushed
        assert [one["value"][1] for one in asked("causal_effect")] == ["0.5"]
        pusher.stop(5)
        assert wait_until(lambda: not asked("causal_effect"), 20), pusher.pushed
        assert (pusher.pushed.refused, pusher.pushed.error) == (0, "")
