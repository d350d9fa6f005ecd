"""A delay between two services has a place to be: client seconds less server seconds are the wire."""

from pathlib import Path

import numpy as np
import pytest

from datasource.anomaly import fit_mechanisms
from datasource.anomaly.fit import Mechanisms
from datasource.causes import Judgement, Recent, judge, root_causes
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.settings import Settings, load_settings
from datasource.topology import EntityRelation, Topology

EXAMPLE = Path(__file__).parents[2] / "examples" / "opentelemetry.yaml"
CALLS = (("web", "cart"), ("web", "search"), ("cart", "store"))
SHARE = {("web", "cart"): 0.5, ("web", "search"): 0.8, ("cart", "store"): 1.5}
"""Calls for each request of the client."""
POINTS = 1200
FAULT = slice(POINTS - 8, POINTS)


def service(name: str) -> Entity:
    return Entity("service", (("service_name", name),))


def call(client: str, server: str) -> Entity:
    return Entity("call", (("client", client), ("server", server)))


TOPOLOGY = Topology(
    tuple(
        EntityRelation("calls", (("client", service(c)), ("server", service(s)), ("call", call(c, s))))
        for c, s in CALLS
    )
)


def simulate(wire: dict[tuple[str, str], float], slow: dict[str, float], heavy: dict[tuple[str, str], float]) -> Matrix:
    """Three services behind `web`; in the last points a wire, a server, or what one client asks for takes longer."""
    rng = np.random.default_rng(7)

    def around(level: float) -> np.ndarray:
        return level * (1 + 0.05 * rng.standard_normal(POINTS))

    def late(seconds: float) -> np.ndarray:
        added = np.zeros(POINTS)
        added[FAULT] = seconds
        return added

    requests = {"web": around(100.0) * (1 + 0.2 * np.sin(np.arange(POINTS) / 60))}
    values: dict[Variable, np.ndarray] = {}
    rates = {}
    for client, server in CALLS:
        rates[client, server] = requests[client] * SHARE[client, server]
        requests[server] = rates[client, server]
        values[Variable(call(client, server), "call_requests")] = rates[client, server]
    latency: dict[str, np.ndarray] = {}
    for name in ("store", "search", "cart", "web"):
        latency[name] = around(0.02) + late(slow.get(name, 0.0))
        for pair in [pair for pair in CALLS if pair[0] == name]:
            served = latency[pair[1]] + late(heavy.get(pair, 0.0))
            seen = served + around(0.002) + late(wire.get(pair, 0.0))
            values[Variable(call(*pair), "call_server_seconds")] = served * rates[pair]
            values[Variable(call(*pair), "call_seconds")] = seen * rates[pair]
            latency[name] = latency[name] + SHARE[pair] * seen
    for name, rate in requests.items():
        values[Variable(service(name), "requests")] = rate
        values[Variable(service(name), "latency")] = latency[name]
        values[Variable(service(name), "busy")] = latency[name] * rate
    return Matrix(tuple(values), 0, 60, np.array(list(values.values())))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(EXAMPLE).settings


@pytest.fixture(scope="module")
def mechanisms(settings: Settings) -> Mechanisms:
    healthy = simulate({}, {}, {})
    graph = build_graph(settings, healthy.variables, TOPOLOGY).graph
    return fit_mechanisms(healthy, graph, Roles(settings.signals))


def verdicts(matrix: Matrix, settings: Settings, mechanisms: Mechanisms) -> dict[str, str]:
    """Who is anomalous, and who is named as the cause."""
    judgement: Judgement = judge(matrix, mechanisms, Roles(settings.signals), TOPOLOGY)
    return {str(verdict.entity): str(verdict.root_cause) for verdict in judgement.verdicts}


def test_nobody_is_blamed_when_all_is_well(settings: Settings, mechanisms: Mechanisms) -> None:
    assert verdicts(simulate({}, {}, {}), settings, mechanisms) == {}


def test_a_delay_on_the_wire_between_two_healthy_services_belongs_to_the_call(
    settings: Settings, mechanisms: Mechanisms
) -> None:
    matrix = simulate({("web", "cart"): 0.2}, {}, {})
    assert verdicts(matrix, settings, mechanisms) == {"web": "web/cart"}
    far = simulate({("cart", "store"): 0.2}, {}, {})
    assert verdicts(far, settings, mechanisms) == {"web": "store", "cart": "store"}, "all of its calls: its network"


def test_a_slow_server_belongs_to_the_server(settings: Settings, mechanisms: Mechanisms) -> None:
    slow = simulate({}, {"cart": 0.2}, {})
    assert verdicts(slow, settings, mechanisms) == {"web": "cart", "cart": "cart"}
    far = simulate({}, {"store": 0.2}, {})
    assert verdicts(far, settings, mechanisms) == {"web": "store", "cart": "store", "store": "store"}


def test_wire_and_server_share_what_each_adds(settings: Settings, mechanisms: Mechanisms) -> None:
    matrix = simulate({("web", "cart"): 0.3}, {"cart": 0.1}, {})
    recent = Recent(matrix.between(matrix.end - 240, matrix.end), mechanisms, Roles(settings.signals), TOPOLOGY)
    found = root_causes(recent, Variable(service("web"), "latency"))
    shares = {str(part.variable): part.share for part in found.contributions}
    assert shares["web/cart.call_seconds"] == pytest.approx(0.75, abs=0.05)
    assert shares["cart.latency"] == pytest.approx(0.25, abs=0.05)


def test_a_server_that_is_slow_for_one_client_only_is_told_by_that_call(
    settings: Settings, mechanisms: Mechanisms
) -> None:
    """Its work over all clients is as usual: what this one asks for takes longer."""
    matrix = simulate({}, {}, {("web", "cart"): 0.2})
    recent = Recent(matrix.between(matrix.end - 240, matrix.end), mechanisms, Roles(settings.signals), TOPOLOGY)
    first = root_causes(recent, Variable(service("web"), "latency")).contributions[0]
    assert str(first.variable) == "web/cart.call_server_seconds"
    assert first.share > 0.9
