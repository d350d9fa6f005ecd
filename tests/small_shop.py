"""A few services whose every number a test decides: who calls whom, who runs where, and what goes wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.causes import Judgement, QuietTimes, Verdict, judge
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, build_graph
from datasource.settings import QuietTime, Settings
from datasource.topology import EntityRelation, Topology

POINTS = 1000
FAULT = slice(POINTS - 8, POINTS)
SETTINGS = Settings.model_validate(
    {
        "prometheus": {"url": "http://prometheus.test"},
        "step": 60,
        "entities": {
            "service": {"labels": ["service"]},
            "node": {"labels": ["node"]},
            "call": {"labels": ["client", "server"]},
        },
        "signals": {
            "requests": {"entity": "service", "query": "a", "window": "1m", "role": "load"},
            "latency": {"entity": "service", "query": "b", "window": "1m", "unit": "s", "role": "latency"},
            "busy": {"entity": "service", "query": "c", "window": "1m", "unit": "s", "role": "work"},
            "errors": {"entity": "service", "query": "d", "window": "1m", "role": "failure"},
            "cpu": {"entity": "service", "query": "e", "window": "1m", "unit": "cores", "role": "saturation"},
            "node_cpu": {"entity": "node", "query": "f", "window": "1m", "unit": "cores", "role": "saturation"},
            "call_requests": {"entity": "call", "query": "g", "window": "1m", "role": "load"},
            "call_seconds": {"entity": "call", "query": "h", "window": "1m", "unit": "s", "role": "work"},
        },
        "relations": {
            "calls": {},
            "runs_on": {"source": "kube_pod_info", "ends": {"service": "service", "node": "node"}},
        },
        "graph": {
            "templates": [
                "requests -> requests along calls from client to server",
                "requests -> cpu",
                "requests -> busy",
                "requests -> latency",
                "cpu -> node_cpu along runs_on from service to node",
                "node_cpu -> latency along runs_on from node to service",
                "node_cpu -> busy along runs_on from node to service",
                "latency -> latency along calls from server to client",
                "busy -> busy along calls from server to client",
                "errors -> errors along calls from server to client",
                "requests -> call_requests along calls from client to call",
                "call_requests -> call_seconds",
                "busy -> call_seconds along calls from server to call",
                "call_seconds -> busy along calls from call to client",
            ]
        },
    }
)
ROLES = Roles(SETTINGS.signals)


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


def node(name: str) -> Entity:
    return Entity("node", (("node", name),))


def call(client: str, server: str) -> Entity:
    return Entity("call", (("client", client), ("server", server)))


@dataclass(frozen=True)
class Shop:
    """`calls` are (client, server), callers first, one call per request; `runs_on` says on which node a service is.

    Of the services in `unmeasured` nobody has numbers; calls in `weighed` have seconds of their own, and for
    those in `queued` nobody waits. A service is slower by `per_core` seconds for each core in use on its node.
    """

    calls: Sequence[tuple[str, str]]
    runs_on: Mapping[str, str] = field(default_factory=dict)
    unmeasured: frozenset[str] = frozenset()
    weighed: frozenset[tuple[str, str]] = frozenset()
    queued: frozenset[tuple[str, str]] = frozenset()
    measured_nodes: bool = True
    per_core: float = 0.0
    queue: float = 0.0
    """How busy services are at the usual load; seconds grow as in a queue."""

    @property
    def services(self) -> list[str]:
        return list(dict.fromkeys(name for pair in self.calls for name in pair))

    @cached_property
    def topology(self) -> Topology:
        calls = []
        for client, server in self.calls:
            ends = [("client", service(client)), ("server", service(server))]
            weighed = [("call", call(client, server))] if (client, server) in self.weighed else []
            calls.append(EntityRelation("calls", (*ends, *weighed), waits=(client, server) not in self.queued))
        placed = [
            EntityRelation("runs_on", (("service", service(s)), ("node", node(n)))) for s, n in self.runs_on.items()
        ]
        return Topology((*calls, *placed))

    def simulate(
        self,
        slow: Mapping[str, float] | None = None,
        cpu: Mapping[str, float] | None = None,
        failing: Mapping[str, float] | None = None,
        traffic: float = 1.0,
        seed: int = 1,
    ) -> Matrix:
        """In the last points services take longer by themselves (seconds), use more cpu (cores) or fail; the entries
        are asked `traffic` times as much."""
        rng = np.random.default_rng(seed)

        def around(level: float, spread: float = 0.03) -> Floats:
            return level * np.exp(spread * rng.standard_normal(POINTS))

        def late(size: float) -> Floats:
            added = np.zeros(POINTS)
            added[FAULT] = size
            return added

        requests: dict[str, Floats] = {}
        values: dict[Variable, Floats] = {}
        called = {server for _, server in self.calls}
        for name in self.services:
            callers = [client for client, server in self.calls if server == name]
            usual = around(50.0, 0.1) * (1 + late(traffic - 1.0)) if name not in called else np.zeros(POINTS)
            requests[name] = usual + sum((requests[client] for client in callers), np.zeros(POINTS))
        used = {s: 0.01 * requests[s] * around(1.0, 0.2) + late((cpu or {}).get(s, 0.0)) for s in self.services}
        load = {
            n: sum((used[s] for s, where in self.runs_on.items() if where == n), np.zeros(POINTS))
            for n in set(self.runs_on.values())
        }
        latency: dict[str, Floats] = {}
        ratio: dict[str, Floats] = {}
        for name in reversed(self.services):
            waiting = [pair[1] for pair in self.calls if pair[0] == name and pair not in self.queued]
            usual_requests = np.median(requests[name])
            grown = (1 - self.queue) / (1 - np.minimum(self.queue * requests[name] / usual_requests, 0.95))
            own = around(0.02) * grown + late((slow or {}).get(name, 0.0))
            if name in self.runs_on:
                own = own + self.per_core * load[self.runs_on[name]]
            latency[name] = own + sum((latency[server] for server in waiting), np.zeros(POINTS))
            ratio[name] = around(1e-3) + late((failing or {}).get(name, 0.0))
            ratio[name] = ratio[name] + sum((ratio[server] for server in waiting), np.zeros(POINTS))
            for server in waiting:
                if (name, server) in self.weighed:
                    values[Variable(call(name, server), "call_requests")] = requests[name]
                    values[Variable(call(name, server), "call_seconds")] = requests[name] * latency[server]
            if name not in self.unmeasured:
                values[Variable(service(name), "requests")] = requests[name]
                values[Variable(service(name), "latency")] = latency[name]
                values[Variable(service(name), "busy")] = latency[name] * requests[name]
                values[Variable(service(name), "errors")] = ratio[name] * requests[name]
                values[Variable(service(name), "cpu")] = used[name]
        if self.measured_nodes:
            values |= {Variable(node(n), "node_cpu"): cores for n, cores in load.items()}
        return Matrix(tuple(values), 0, 60, np.array(list(values.values())))

    @cached_property
    def mechanisms(self) -> Mechanisms:
        return fit_mechanisms(self.simulate(seed=0), self.graph, ROLES)

    @cached_property
    def graph(self) -> CausalGraph:
        return build_graph(SETTINGS, self.simulate(seed=0).variables, self.topology).graph

    def judge(self, matrix: Matrix, previous: Sequence[Verdict] = (), quiet: Sequence[QuietTime] = ()) -> Judgement:
        times = QuietTimes(tuple(quiet), ROLES, self.graph)
        return judge(matrix, self.mechanisms, ROLES, self.topology, previous=previous, quiet_times=times)

    def verdict(self, name: str, matrix: Matrix) -> Verdict:
        return next(v for v in self.judge(matrix).verdicts if v.entity == service(name))
