"""Monitored systems with the graphs that their people would draw, simulated: what a wide CSV of one of them holds.

The systems are made up. Their data have what real ones have: a load with a day in it, bursts, autocorrelated noise of
every metric, effects that come a step later, saturation, rounding, stamps that are a step late, missing points.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

SYSTEMS: dict[str, str] = {
    "web": """
        net_in -> http_processes; http_processes -> php_processes; php_processes -> mysql_connections
        http_processes -> cpu_http; php_processes -> cpu_php; cpu_http -> cpu_global; cpu_php -> cpu_global
        mysql_connections -> disk_write; http_processes -> net_out; http_processes -> ram_http""",
    "queue": """
        messages_in -> queue_length; messages_in -> cpu; restarts -> queue_length; queue_length -> latency
        cpu -> latency; queue_length -> memory; queue_length -> dropped_messages; restarts -> dropped_messages""",
    "bolts": """
        emitted_spout -> executed_parse_bolt; executed_parse_bolt -> executed_enrich_bolt
        executed_enrich_bolt -> executed_index_bolt; executed_parse_bolt -> capacity_parse_bolt
        executed_enrich_bolt -> capacity_enrich_bolt; executed_index_bolt -> capacity_index_bolt
        capacity_parse_bolt -> latency_parse_bolt; capacity_enrich_bolt -> latency_enrich_bolt
        capacity_index_bolt -> latency_index_bolt; latency_index_bolt -> latency_spout""",
    "stages": """
        receiver_activity -> dispatcher_activity; dispatcher_activity -> parser_activity
        dispatcher_activity -> checker_activity; parser_activity -> metrics_writer_activity
        checker_activity -> status_merger_activity; status_merger_activity -> index_activity
        metrics_writer_activity -> index_activity""",
    "scanner": """
        FilesIn -> ScanProcesses; ScanProcesses -> CpuScan; ScanProcesses -> RamScan; ScanProcesses -> DiskRead
        CpuScan -> CpuTotal; UpdatesRunning -> CpuTotal; UpdatesRunning -> NetIn; CpuTotal -> ScanTime
        FilesIn -> InfectedFiles; DiskRead -> ScanTime""",
    "database": """
        connections -> queries_per_second; queries_per_second -> cpu_percent; queries_per_second -> disk_reads
        queries_per_second -> disk_writes; disk_writes -> replication_lag; cpu_percent -> query_latency
        disk_reads -> query_latency; query_latency -> slow_queries; connections -> memory_used""",
    "cached": """
        api_requests -> cache_hits; api_requests -> db_queries; db_queries -> db_cpu; db_cpu -> db_latency
        db_latency -> api_latency; api_cpu -> api_latency; api_requests -> api_cpu; api_latency -> api_errors""",
    "host": """
        JobsRunning -> CpuUser; JobsRunning -> MemUsed; MemUsed -> SwapUsed; JobsRunning -> DiskIO; DiskIO -> IOWait
        SwapUsed -> IOWait; CpuUser -> Load1; IOWait -> Load1; JobsRunning -> NetTx""",
    "tiers": """
        lb.sessions -> web1.cpu; lb.sessions -> web2.cpu; lb.sessions -> app.threads; app.threads -> app.cpu
        app.threads -> db.connections; db.connections -> db.io; db.io -> db.time; app.cpu -> app.response_time
        db.time -> app.response_time; app.response_time -> app.timeouts""",
    "broker": """
        producer_rate -> topic_bytes_in; topic_bytes_in -> broker_cpu; topic_bytes_in -> broker_disk_write
        topic_bytes_in -> consumer_lag; consumer_restarts -> consumer_lag; consumer_lag -> end_to_end_delay
        topic_bytes_in -> consumer_rate; consumer_rate -> db_inserts; db_inserts -> db_cpu""",
}
"""System -> its edges. Every variable of a system is in one."""


class System(NamedTuple):
    """A table as a file would hold it, and the true edges (cause, effect)."""

    name: str
    table: pd.DataFrame
    truth: frozenset[tuple[str, str]]


def edges_of(text: str) -> list[tuple[str, str]]:
    """The edges of one text of `SYSTEMS`, in their order."""
    parts = [part.strip() for part in text.replace("\n", ";").split(";") if part.strip()]
    return [(cause.strip(), effect.strip()) for cause, effect in (part.split("->") for part in parts)]


def simulate_system(name: str, seed: int, plain_names: bool = False, hard: bool = False) -> System:
    """One system's data; with `plain_names` its columns are called x1, x2 and so on, in a shuffled order.

    Where it is `hard`, effects are weak beside each metric's own noise, something unmeasured moves most of them, and
    some are sampled seldom and late: as in reality, data alone then find little.
    """
    rng = np.random.default_rng([seed, *name.encode()])
    edges = edges_of(SYSTEMS[name])
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    parents = {one: [cause for cause, effect in edges if effect == one] for one in names}
    times = int(rng.choice([300, 800, 2000, 5000]))
    day = int(rng.choice([288, 1440]))
    values: dict[str, np.ndarray] = {}
    waiting = list(names)
    while waiting:
        one = next(name for name in waiting if all(cause in values for cause in parents[name]))
        waiting.remove(one)
        values[one] = _values(rng, one, [values[cause] for cause in parents[one]], times, day)
    if hard:
        values = _hardened(rng, values)
    order = [names[place] for place in rng.permutation(len(names))]
    called = {one: f"x{place + 1}" if plain_names else one for place, one in enumerate(order)}
    table = pd.DataFrame({called[one]: _measured(rng, values[one]) for one in order})
    table.insert(0, "timestamp", pd.date_range("2022-03-01", periods=times, freq="5min" if day == 288 else "1min"))
    return System(name, table, frozenset((called[cause], called[effect]) for cause, effect in edges))


def _values(rng: np.random.Generator, name: str, causes: list[np.ndarray], times: int, day: int) -> np.ndarray:
    noise = _autoregression(rng, times, rng.choice([0.2, 0.5, 0.8, 0.95]))
    if not causes:
        if "restart" in name.lower():
            return (rng.random(times) < 0.02).astype(float) * rng.gamma(4, 1, times)
        season = np.sin(2 * np.pi * (np.arange(times) / day + rng.random()))
        bursts = np.convolve((rng.random(times) < 0.01) * rng.gamma(2, 1.5, times), np.exp(-np.arange(9) / 2))[:times]
        return np.exp(rng.uniform(0.1, 0.5) * season + 0.3 * noise) + 0.5 * bursts
    total = np.zeros(times)
    for cause in causes:
        moved = (cause - cause.mean()) / cause.std()
        lag = int(rng.choice([0, 0, 0, 1, 2]))
        moved = np.concatenate([np.full(lag, moved[0]), moved[: times - lag]])
        bent = rng.choice(["straight", "straight", "saturating", "steep"])
        if bent == "saturating":
            moved = np.tanh(0.7 * moved)
        elif bent == "steep":
            moved = np.expm1(np.clip(0.7 * moved, -3, 3))
        total += rng.uniform(0.5, 1.5) * moved
    if rng.random() < 0.3:  # what holds it back, as a buffer or a mean over several steps
        kernel = np.exp(-np.arange(12) / rng.uniform(0.5, 2.5))
        total = np.convolve(total, kernel / kernel.sum())[:times]
    return total / total.std() + rng.uniform(0.3, 1.2) * noise


def _hardened(rng: np.random.Generator, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    times = len(next(iter(values.values())))
    hidden = [_autoregression(rng, times, memory) for memory in (0.5, 0.97)]
    found = {}
    for name, easy in values.items():
        own = (easy - easy.mean()) / easy.std()
        own += rng.uniform(0.5, 2.0) * _autoregression(rng, times, rng.choice([0.3, 0.9]))
        own += rng.choice([0.0, 0.7, 1.2]) * hidden[0] + rng.choice([0.0, 0.7, 1.2]) * hidden[1]
        if rng.random() < 0.4:
            every, phase = int(rng.integers(2, 6)), int(rng.integers(0, 5))
            place = np.maximum((np.arange(times) - phase) // every * every + phase, 0)
            found[name] = own[place]
        else:
            found[name] = own
    return found


def _measured(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    scaled = (values - values.min()) * rng.lognormal(2, 1.5)
    scaled = scaled + rng.choice([0.0, 0.05, 0.2]) * scaled.std() * rng.normal(size=len(scaled))
    if rng.random() < 0.15:
        scaled = np.concatenate([scaled[:1], scaled[:-1]])
    if rng.random() < 0.3:
        scaled = np.round(scaled / scaled.std() * 4)
    missing = rng.random(len(scaled)) < rng.choice([0.0, 0.0, 0.01])
    return np.where(missing, np.nan, scaled)


def _autoregression(rng: np.random.Generator, times: int, memory: float) -> np.ndarray:
    shocks = rng.standard_t(4, size=times) / np.sqrt(2) * np.sqrt(1 - memory**2)
    found = np.empty(times)
    value = 0.0
    for place, shock in enumerate(shocks):
        value = memory * value + shock
        found[place] = value
    return found
