"""Five shops that tell sums, over loopback HTTP."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
from clusters import Cluster
from sharing import POINTS, TOKEN, Shop


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Shop]]:
    """eu, us and ap are alike; in odd cpu does not move latency; noisy adds noise to its sums."""
    clusters = {
        "eu": Cluster(),
        "us": Cluster(load=1.6, level=0.9),
        "ap": Cluster(load=0.8),
        "odd": Cluster(slope=0.0),
        "noisy": Cluster(),
    }
    folder = tmp_path_factory.mktemp("shops")
    found = {}
    for seed, (name, one) in enumerate(clusters.items()):
        more = ", noise: 0.5" if name == "noisy" else ""
        found[name] = Shop(name, one.simulate(POINTS, seed), folder / name, more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("datasource.federation.offer"), "_KEY", bytes(32))  # the same noise each time
        yield found
    for shop in found.values():
        shop.close()
