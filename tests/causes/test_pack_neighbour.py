"""With the templates of the packs, who takes the cpu of a node is named for the neighbour that waits for it."""

from collections.abc import Mapping

import numpy as np
import pytest

from datasource.anomaly import fit_mechanisms
from datasource.causes import Judgement, judge
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.settings import parse_settings
from datasource.topology import EntityRelation, Topology

STEP, POINTS, FAULT = 30, 1440, slice(-8, None)
CORES = 16
CALLS = {"web": ("cart", "search"), "cart": (), "search": ()}
ON = {"web": "n1", "cart": "n2", "search": "n3", "batch": "n2", "mail": "n3", "jobs": "n1"}
USUAL = {"web": 4.0, "cart": 4.0, "search": 3.0, "batch": 3.0, "mail": 4.0, "jobs": 3.0}


def service(name: str) -> Entity:
    return Entity("service", (("destination_workload_namespace", "shop"), ("destination_workload", name)))


def node(name: str) -> Entity:
    return Entity("node", (("instance", name),))


TOPOLOGY = Topology(
    (
        *(
            EntityRelation("calls", (("client", service(a)), ("server", service(b))))
            for a, servers in CALLS.items()
            for b in servers
        ),
        *(EntityRelation("runs_on", (("guest", service(s)), ("host", node(n)))) for s, n in ON.items()),
    )
)


def measured(hog: Mapping[str, float], waiting: bool, seed: int) -> Matrix:
    """In the last points services use more cores for something of their own; who has to wait for a core is slower."""
    rng = np.random.default_rng(seed)
    load = 100 * (1 + 0.2 * np.sin(np.arange(POINTS) / 200)) * np.exp(0.05 * rng.standard_normal(POINTS))
    cpu: dict[str, Floats] = {}
    for name, cores in USUAL.items():
        asked = load / 100 if name in CALLS else 1.0
        cpu[name] = cores * asked * np.exp(0.05 * rng.standard_normal(POINTS))
        cpu[name][FAULT] += hog.get(name, 0.0)
    used = {n: np.minimum(sum(cpu[s] for s in ON if ON[s] == n) / CORES, 0.99) for n in set(ON.values())}
    stalled = {n: 0.3 * busy**6 * np.exp(0.05 * rng.standard_normal(POINTS)) for n, busy in used.items()}
    values: dict[Variable, Floats] = {Variable(node(n), "node_cpu"): busy for n, busy in used.items()}
    if waiting:
        values |= {Variable(node(n), "node_cpu_waiting"): share for n, share in stalled.items()}
    latency: dict[str, Floats] = {}
    for name in ("cart", "search", "web"):
        own = 0.02 * np.exp(0.03 * rng.standard_normal(POINTS)) * (1 + 10 * stalled[ON[name]])
        latency[name] = own + sum((latency[server] for server in CALLS[name]), np.zeros(POINTS))
        values[Variable(service(name), "requests")] = load
        values[Variable(service(name), "latency")] = latency[name]
        values[Variable(service(name), "busy")] = load * latency[name]
    values |= {Variable(service(name), "cpu"): cores for name, cores in cpu.items()}
    return Matrix(tuple(values), 0, STEP, np.array(list(values.values())))


def judged(hog: Mapping[str, float], waiting: bool) -> Judgement:
    settings = parse_settings(
        "prometheus: {url: 'http://prometheus:9090'}\npacks: [kubernetes, node_exporter, istio]\n"
    )
    roles = Roles(settings.signals)
    healthy = measured({}, waiting, 1)
    mechanisms = fit_mechanisms(healthy, build_graph(settings, healthy.variables, TOPOLOGY).graph, roles)
    return judge(measured(hog, waiting, 2), mechanisms, roles, TOPOLOGY)


@pytest.mark.parametrize("waiting", [True, False], ids=["pressure is measured", "pressure is not measured"])
def test_the_hog_is_named_for_its_neighbour_and_for_who_waits_for_that(waiting: bool) -> None:
    verdicts = {verdict.entity: verdict for verdict in judged({"batch": 8.0}, waiting).verdicts}
    for victim in ("cart", "web"):
        assert verdicts[service(victim)].root_cause == service("batch"), victim
    assert service("search") not in verdicts
    assert node("n2") not in {verdict.root_cause for verdict in verdicts.values()}


def test_nobody_is_named_while_nobody_takes_more() -> None:
    assert judged({}, waiting=True).verdicts == ()
