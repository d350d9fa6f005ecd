"""The demo's shop as a Prometheus that needs no server: for tests of everything behind the reader."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from datasource import demo
from datasource.data import Floats, Variable
from datasource.demo.series import SERIES
from datasource.demo.shop import SEED, Shop
from datasource.discovery import Proposal, ProposedEdge, RefusedEdge
from datasource.effects.structural import StructuralModel
from datasource.graph import Edge, Evidence
from datasource.graph.evidence import with_evidence
from datasource.graph.versions import History, follow, rules_of
from datasource.incidents.seen_before import seen_before
from datasource.interventions import Intervention
from datasource.interventions.assessment import assess
from datasource.invariance import Invariance
from datasource.invariance.model import Environment, Shift
from datasource.prometheus import PrometheusError, Reader, Series
from datasource.service import Clock, Evaluator, Snapshot
from datasource.service.jobs import fit_job
from datasource.service.next_experiment import told_trials
from datasource.settings import Loaded, load_settings

SETTINGS = Path(demo.__file__).with_name("settings.yaml")
START = 1_700_000_010 - 1_700_000_010 % 30
STEP = 30


@cache
def _simulated(steps: int, seed: int) -> tuple[Shop, Floats]:
    shop = Shop(seed)
    return shop, np.array([step.values for step in shop.history(steps)]).T


def half_a_day(loaded: Loaded) -> Loaded:
    """The same settings with a baseline of half a day: an incident is seen as well, a time of day is not known."""
    return loaded._replace(settings=loaded.settings.model_copy(update={"baseline": 43_200.0}))


class ShopClient:
    """Answers range queries for the shop's recording rules from memory."""

    url = "http://shop.test"

    def __init__(self, steps: int, seed: int = SEED) -> None:
        self.shop, values = _simulated(steps, seed)
        self.values = values.copy()
        self.failing: PrometheusError | None = None
        self.settings = load_settings(SETTINGS).settings.prometheus
        self.queries = 0

    @property
    def end(self) -> int:
        return START + STEP * (self.values.shape[1] - 1)

    def raw_range(self, query: str, start: int, end: int, step: int) -> Iterator[bytes]:
        self.queries += 1
        for window in self.query_range(query, start, end, step):
            yield encode(window)

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        if self.failing:
            raise self.failing
        times = np.arange(start, end + 1, step)
        inside = (times >= START) & (times <= self.end)
        columns = (times[inside] - START) // STEP
        yield [
            Series({"__name__": one.name, **dict(one.labels)}, times[inside].astype(float), self.values[row][columns])
            for row, one in enumerate(SERIES)
            if one.name == query and columns.size
        ]


def encode(window: list[Series]) -> bytes:
    """Series as Prometheus writes them."""
    result = [
        {
            "metric": one.labels,
            "values": [[int(t), repr(v)] for t, v in zip(one.times, one.values.tolist(), strict=True)],
        }
        for one in window
    ]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


class Inline:
    """Workers that do a job at once, in this process."""

    def submit(self, job: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(job(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def stop(self) -> None:
        pass


class Busy(Inline):
    """A worker that, once told so, begins fits and does not finish them before `finish`."""

    def __init__(self) -> None:
        self.busy = False
        self.stopped = 0
        self.fits: list[tuple[Future[Any], tuple[Any, ...]]] = []

    def submit(self, job: Callable[..., Any], *args: Any) -> Future[Any]:
        if not (self.busy and job is fit_job):
            return super().submit(job, *args)
        self.fits.append((Future(), args))
        return self.fits[-1][0]

    def finish(self) -> None:
        future, args = self.fits[-1]
        future.set_result(fit_job(*args))

    def stop(self) -> None:
        self.stopped += 1


class World:
    """A clock over the shop, at a time that the test decides."""

    def __init__(self, steps: int = 5760, settings: Loaded | None = None, seed: int = SEED) -> None:
        loaded = settings or load_settings(SETTINGS)
        reader = Reader(loaded.settings)
        self.client = ShopClient(steps, seed)
        reader.client = self.client  # type: ignore[assignment]
        self.now = self.client.end + loaded.settings.prometheus.latency_offset
        self.clock = Clock(Evaluator(loaded, reader, Inline()), lambda: self.now)  # type: ignore[arg-type]

    def tick(self) -> Snapshot:
        """Evaluate until the effects are in."""
        self.clock.tick()
        self.clock.tick()
        assert self.clock.snapshot is not None, self.clock.health.error
        return self.clock.snapshot


def with_interventions(before: Snapshot) -> Snapshot:
    """The shop's, in whose log are a deploy of inventory when its fault began, and an older one that is over; the like
    was seen three days before."""
    start = before.incidents[0].start - 60
    deploy = Intervention(2, start, "ci", "deploy", ("platform/inventory",), start, parameters={"version": "v2"})
    over = Intervention(1, start, "ann", "restart", ("shop/web",), start - 7200, start - 3600, why="stuck")
    every = (deploy, over)
    assert isinstance(before.structural, StructuralModel)
    assessed = assess(every, before.matrix, before.settings.signals, before.graph, before.structural)
    (going_on,) = (one for one in before.incidents if one.open)
    earlier = replace(going_on, id="earlier", start=start - 3 * 86400, end=start - 3 * 86400 + 1200)
    seen = {going_on.id: seen_before(going_on, [earlier], every)}
    return replace(before, interventions=every, assessed=assessed, seen=seen)


def with_trials(before: Snapshot) -> Snapshot:
    """The same that has found out which experiment would tell most; a running clock does so beside."""
    return replace(before, trials=told_trials(before))


def with_a_shift(before: Snapshot) -> Snapshot:
    """The same, one of whose mechanisms is another one in a cluster."""
    variable = next(v for v in before.matrix.variables if v.signal == "latency")
    shift = Shift(variable, Environment((("cluster", "us"),)), "slopes", 2.0, 1e-6)
    return replace(before, invariance=Invariance(before.time, (shift,), compared=10))


def with_a_refuted_edge(before: Snapshot, ends: tuple[str, str], why: str) -> Snapshot:
    """The same whose edge between these variables intervention 7 refutes, as its graph's second version; discovery
    proposes one rule and refuses an edge."""
    rules = rules_of(before.settings.graph)

    def verdict(edge: Edge) -> tuple[Evidence, ...]:
        said = Evidence("refuted", "intervention 7", before.time, 0.0, why)
        return (said,) if (str(edge.cause), str(edge.effect)) == ends else ()

    graph = with_evidence(before.graph, verdict)
    first = follow(None, before.graph, rules, before.time - 600)
    assert first is not None
    second = follow(first[1], graph, rules, before.time)
    assert second is not None
    found = (Evidence("discovered", "hybrid", None, 0.4),)
    pairs = [(v, Variable(v.entity, "errors")) for v in before.matrix.variables if v.signal == "cpu"]
    edges = tuple(ProposedEdge(*pair, 0, 0.4, 0.9, True, found) for pair in pairs)
    refused = (RefusedEdge(*pairs[0], "the graph forbids it"),)
    return replace(
        before,
        graph=graph,
        history=History((second[0], first[0]), second[1].seen),
        proposal=Proposal("hybrid", before.matrix.variables, edges, refused),
    )


def showing(world: World, snapshot: Snapshot) -> Clock:
    """A clock of that world that has evaluated this."""
    clock = Clock(world.clock.evaluator, lambda: world.now)
    clock.snapshot, clock.health, clock.succeeded = snapshot, world.clock.health, world.clock.succeeded
    return clock
