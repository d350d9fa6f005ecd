"""With the packs of what services stand on, a fault in one of them is a cause with a name.

Everything that a pack measures is simulated along the pack's own graph; then one signal rises by itself, and what
follows from it rises with it.
"""

import numpy as np
import pytest

from datasource.anomaly import fit_mechanisms
from datasource.causes import judge
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.settings import Settings, parse_settings
from datasource.topology import EntityRelation, Topology

STEP, POINTS, FAULT = 30, 1440, slice(-8, None)
WEB = Entity("service", (("destination_workload_namespace", "shop"), ("destination_workload", "web")))

BEHIND = {
    "postgresql": ("postgres_server", ("postgres_connections", "postgres_locks", "postgres_disk_reads")),
    "mysql": ("mysql_server", ("mysql_connections", "mysql_lock_waiting", "mysql_running")),
    "redis": ("redis_server", ("redis_busy", "redis_misses", "redis_memory")),
}
"""By pack: its entity, and what may break there and is felt by who uses it."""
ALONE = {
    "kafka": ("consumer_group", ("kafka_lag",)),
    "rabbitmq": ("rabbitmq_node", ("rabbitmq_backlog", "rabbitmq_memory", "rabbitmq_connections")),
    "nginx": ("nginx_server", ("nginx_active", "nginx_writing")),
    "ingress_nginx": ("ingress", ("ingress_upstream", "ingress_errors")),
    "envoy": ("upstream", ("envoy_unhealthy", "envoy_busy", "envoy_pending")),
    "coredns": ("dns_server", ("dns_upstream", "dns_misses", "dns_unknown")),
}
INSIDE = {
    "container_pressure": ("cpu_waiting", "memory_waiting", "io_waiting"),
    "jvm": ("gc", "heap", "pool_waiting", "pool"),
    "go_runtime": ("goroutines", "go_paused"),
    "python_runtime": ("python_cpu", "python_collections"),
}
MEANS = {
    "latency": ("busy", "requests"),
    "redis_latency": ("redis_busy", "redis_commands"),
    "envoy_latency": ("envoy_busy", "envoy_requests"),
    "ingress_latency": ("ingress_busy", "ingress_requests"),
}
"""What is the same as work per request."""
LABELS = "labels: [destination_workload_namespace, destination_workload]"


def _relation(entity: str) -> str:
    return f"uses_{entity.partition('_')[0]}"


def settings_of(pack: str, entity: str = "") -> Settings:
    own = f"{pack}: {{{LABELS}}}" if pack in INSIDE else f"{pack}: {{}}"
    uses = ""
    if entity:
        ends = f"{{client: service, server: {entity}}}"
        uses = f"relations:\n  {_relation(entity)}: {{source: list, pairs: [shop/web -> one], ends: {ends}}}\n"
    return parse_settings(f"prometheus: {{url: 'http://prometheus:9090'}}\npacks:\n  istio: {{}}\n  {own}\n{uses}")


def variables_of(settings: Settings, behind: Entity | None) -> list[Variable]:
    """Everything that goes up and down: no calls, no events."""
    found = []
    for name, signal in settings.signals.items():
        if signal.entity != "call" and signal.role != "event" and (signal.entity == "service" or behind):
            found.append(Variable(WEB if signal.entity == "service" else behind, name))
    return found


def simulated(settings: Settings, variables: list[Variable], topology: Topology, broken: str, seed: int) -> Matrix:
    """Levels that follow their causes in proportion to a power of them, of which one breaks in the last points."""
    rng = np.random.default_rng(seed)
    edges = build_graph(settings, tuple(variables), topology).graph.edges
    parents = {variable: {e.cause for e in edges if e.effect == variable} for variable in variables}
    values: dict[Variable, Floats] = {}
    twins = {
        next(v for v in variables if v.signal == mean): [next(v for v in variables if v.signal == one) for one in parts]
        for mean, parts in MEANS.items()
        if mean in settings.signals and any(v.signal == mean for v in variables)
    }
    parents |= {mean: set(parts) for mean, parts in twins.items()}
    while len(values) < len(variables):
        for variable in variables:
            if variable in values or not parents[variable] <= set(values):
                continue
            if variable in twins:
                work, load = twins[variable]
                values[variable] = values[work] - values[load]
                continue
            signal = settings.signals[variable.signal]
            level = 0.05 * rng.standard_normal(POINTS)
            if not parents[variable]:
                level += 0.3 * np.sin(np.arange(POINTS) / 200)
            for cause in sorted(parents[variable]):
                is_load = settings.signals[cause.signal].role == "load"
                level += (1.0 if is_load and signal.role in ("work", "failure", "activity") else 0.4) * values[cause]
            if variable.signal == broken:
                level[FAULT] += np.log(3)
            values[variable] = level
    rows = np.array([np.exp(values[variable]) for variable in variables])
    return Matrix(tuple(variables), 0, STEP, rows)


def named(
    settings: Settings, behind: Entity | None, ties: tuple[EntityRelation, ...], broken: str
) -> dict[Entity, Entity]:
    """Who is named for whom."""
    roles, topology = Roles(settings.signals), Topology(ties)
    variables = variables_of(settings, behind)
    healthy = simulated(settings, variables, topology, "", 1)
    mechanisms = fit_mechanisms(healthy, build_graph(settings, healthy.variables, topology).graph, roles)
    judged = judge(simulated(settings, variables, topology, broken, 2), mechanisms, roles, topology)
    blamed = {mean for mean, parts in MEANS.items() if broken in parts} | {broken}
    for verdict in judged.verdicts:
        assert verdict.entity != WEB or verdict.causes.contributions[0].variable.signal in blamed
    for variable, scores in judged.scores.items():
        assert variable.signal != broken or scores.causal.score[-1] > 1
    return {verdict.entity: verdict.root_cause for verdict in judged.verdicts if verdict.root_cause}


@pytest.mark.parametrize(("pack", "broken"), [(p, one) for p, (_, signals) in BEHIND.items() for one in signals])
def test_what_a_service_uses_is_named_for_it(pack: str, broken: str) -> None:
    entity = BEHIND[pack][0]
    settings = settings_of(pack, entity)
    behind = Entity(entity, tuple((label, "one") for label in settings.entities[entity].labels))
    ties = (EntityRelation(_relation(entity), (("client", WEB), ("server", behind))),)
    told = named(settings, behind, ties, broken)
    assert told.get(WEB, behind) == behind
    assert told[behind] == behind


@pytest.mark.parametrize(("pack", "broken"), [(p, one) for p, (_, signals) in ALONE.items() for one in signals])
def test_what_breaks_by_itself_is_named(pack: str, broken: str) -> None:
    settings = settings_of(pack)
    entity = ALONE[pack][0]
    behind = Entity(entity, tuple((label, "one") for label in settings.entities[entity].labels))
    assert named(settings, behind, (), broken) == {behind: behind}


@pytest.mark.parametrize(("pack", "broken"), [(p, one) for p, signals in INSIDE.items() for one in signals])
def test_the_runtime_is_named_for_its_service(pack: str, broken: str) -> None:
    assert named(settings_of(pack), None, (), broken) == {WEB: WEB}


@pytest.mark.parametrize("pack", [*BEHIND, *ALONE, *INSIDE])
def test_nobody_is_named_while_nothing_breaks(pack: str) -> None:
    settings = settings_of(pack)
    entity = {**BEHIND, **ALONE}.get(pack, ("",))[0]
    behind = Entity(entity, tuple((label, "one") for label in settings.entities[entity].labels)) if entity else None
    assert named(settings, behind, (), "") == {}
