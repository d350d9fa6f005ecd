"""Three shops that tell sums, over loopback HTTP."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

import pytest
from clusters import SETTINGS, Cluster, Clusters
from werkzeug.serving import make_server

from datasource.data import Floats
from datasource.web.app import create_app

TOKEN = "let-me-join"
SEES_RAW = "let-me-read"
POINTS = 1500


class Shop:
    """A running service over one cluster."""

    def __init__(self, name: str, values: Floats, folder: Path, more: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "sums").write_text(TOKEN)
        (folder / "reader").write_text(SEES_RAW)
        own = f"""
federation: {{name: {name}, least_points: 100{more}}}
web: {{tokens: {{others: {{file: sums, scope: sums}}, grafana: {{file: reader}}}}}}
"""
        self.world = Clusters({name: values}, SETTINGS.replace("invariance: {}", own), folder)
        self.snapshot = self.world.tick()
        self.server = make_server("127.0.0.1", 0, create_app(self.world.clock), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


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
    yield found
    for shop in found.values():
        shop.close()
