"""The story of three shops that join what they know, and none shows another a point that it measured.

The same service runs in three clusters, a day each, whose truth is known. In eu and ap its cpu slows it down by half a
second a core; in us a new version does not wait for its cpu any more.
"""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.demo.serving import BackgroundServer
from datasource.replay import evaluate_matrix
from datasource.service import Clock, Evaluator
from datasource.settings import Loaded, parse_settings
from datasource.web.app import create_app

STEP, POINTS = 30, 2880
START = 1_793_491_200 + STEP
"""2026-11-01, the end of its first half minute in UTC."""
_SIGNALS = ("requests", "cpu", "latency")
_SETTINGS = """
prometheus: {{url: 'http://simulated.invalid'}}
step: 30s
entities:
  service: {{labels: [cluster, service]}}
signals:
  requests: {{entity: service, query: simulated, window: 30s, unit: reqps, role: load}}
  cpu: {{entity: service, query: simulated, window: 30s, unit: cores, role: saturation}}
  latency: {{entity: service, query: simulated, window: 30s, unit: s, role: latency}}
graph:
  templates: [requests -> cpu, cpu -> latency, requests -> latency]
environment: [cluster]
federation: {{name: {name}}}
web: {{tokens: {{others: {{file: token, scope: sums}}}}}}
"""


@dataclass(frozen=True)
class Cluster:
    """`slope` is by how much cpu moves latency, `own` by how much requests do beside it, `load` how much is asked,
    `level` the latency without any of it, `batch` how far cpu moves by itself."""

    slope: float = 0.5
    own: float = 0.02
    load: float = 1.0
    level: float = 0.2
    noise: float = 0.05
    batch: float = 1.0

    def simulate(self, points: int, seed: int) -> Floats:
        """requests, cpu, latency (3, points)."""
        rng = np.random.default_rng(seed)
        requests = 40 + 10 * self.load * smooth(points, rng)
        cpu = 0.02 * requests + 0.2 * self.batch * smooth(points, rng)
        latency = self.level + self.slope * cpu + self.own * requests + self.noise * smooth(points, rng)
        return np.array([requests, cpu, latency])


CLUSTERS: Mapping[str, Cluster] = {
    "eu": Cluster(),
    "ap": Cluster(load=0.8, level=0.4),
    "us": Cluster(slope=0.0, load=1.6),
}


def smooth(points: int, rng: np.random.Generator, memory: float = 0.8) -> Floats:
    """An autoregression of mean 0 and deviation 1."""
    found, noise = np.zeros(points), rng.normal(size=points) * np.sqrt(1 - memory**2)
    for t in range(1, points):
        found[t] = memory * found[t - 1] + noise[t]
    return found


class Shops(NamedTuple):
    """Addresses by name, and the file with the token that they all know."""

    urls: Mapping[str, str]
    token_file: Path


@contextmanager
def three_shops(clusters: Mapping[str, Cluster] = CLUSTERS) -> Iterator[Shops]:
    """Each shop behind its own doors on loopback, until the end of the context."""
    with tempfile.TemporaryDirectory(prefix="causal-shops-") as directory, ExitStack() as stack:
        folder = Path(directory)
        (folder / "token").write_text(secrets.token_hex(16))
        urls = {}
        for seed, (name, cluster) in enumerate(clusters.items()):
            loaded = Loaded(parse_settings(_SETTINGS.format(name=name), folder=folder), name)
            entity = Entity("service", (("cluster", name), ("service", "web")))
            variables = tuple(Variable(entity, signal) for signal in _SIGNALS)
            clock = Clock(Evaluator(loaded))
            stack.callback(clock.evaluator.stop)
            clock.snapshot = evaluate_matrix(loaded, Matrix(variables, START, STEP, cluster.simulate(POINTS, seed)))
            server = BackgroundServer(create_app(clock, loopback=True))
            stack.callback(server.stop)
            urls[name] = server.url
        yield Shops(urls, folder / "token")
