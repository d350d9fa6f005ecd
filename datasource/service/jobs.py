"""What the worker processes do: all fitting. Functions of plain data, so that they can be sent there."""

import gc
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar

from datasource.anomaly import Accepted, LeftOut, Mechanisms, Persistence, fit_mechanisms
from datasource.data import Matrix, Roles
from datasource.effects import EffectResult, StructuralModel, analyse_effect, analyse_impact, fit_structural
from datasource.graph import CausalGraph, in_force
from datasource.identification import EffectQuestion
from datasource.interventions import Intervention
from datasource.interventions.assessment import NOTHING_ASSESSED, Assessment, assess
from datasource.service.cluster import Cluster
from datasource.service.stages import Stages
from datasource.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")

_PARTS = 8
"""Parts for each process: the last one to finish keeps the others waiting for no more than one of them."""


def fit_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    older: Matrix | None = None,
    left_out: Sequence[LeftOut] = (),
    accepted: Sequence[Accepted] = (),
) -> Mechanisms:
    """Fit the mechanisms of every variable, without the times that are `left_out`, and with the levels `accepted`."""
    cluster = Cluster(settings.evaluation.cluster) if settings.evaluation.cluster else None
    mechanisms = fit_mechanisms(
        matrix,
        graph,
        Roles(settings.signals),
        older=older,
        false_alarms_per_day=settings.anomaly.false_alarms_per_day,
        persistence=Persistence(settings.anomaly.persistence.points, settings.anomaly.persistence.of),
        thresholds=settings.anomaly.thresholds,
        longest_lag=settings.anomaly.longest_lag,
        left_out=left_out,
        accepted=accepted,
        min_points=settings.evaluation.warm_up,
        environment=settings.environment,
        spread=cluster.spread if cluster else partial(spread_over, settings.evaluation.processes),
    )
    return replace(mechanisms, notices=cluster.notices) if cluster else mechanisms


_work: Callable[[Any], Any]
"""What the children of this process do, which they inherit; in a child."""


def spread_over(processes: int, work: Callable[[V], T], items: Sequence[V]) -> Iterable[T]:
    """What `map(work, items)` gives, from so many processes, to which only results are sent: they inherit everything
    else. Without fork, as on macOS, this one does it alone; so it does once it has used JAX, whose threads a fork may
    leave waiting for ever. Raises BrokenProcessPool when one of them is lost."""
    if processes == 1 or len(items) < 2 or sys.platform != "linux" or "jax" in sys.modules:
        return map(work, items)
    size = -(-len(items) // (_PARTS * processes))
    parts = [items[first : first + size] for first in range(0, len(items), size)]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _inherit, (work,)) as pool:
        return [one for part in pool.map(_do_part, parts) for one in part]


def _inherit(work: Callable[[Any], Any]) -> None:
    global _work  # noqa: PLW0603
    _work = work
    _end_with_parent()


def _do_part(items: Sequence[Any]) -> list[Any]:
    return [_work(item) for item in items]


class Effects(NamedTuple):
    """What was found: effects, impacts that the settings ask for, the model that what-if asks, and what logged
    interventions changed."""

    effects: tuple[EffectResult, ...] = ()
    impacts: tuple[EffectResult, ...] = ()
    structural: StructuralModel | None = None
    checked: bool = True
    assessed: Assessment = NOTHING_ASSESSED


def effects_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    questions: tuple[EffectQuestion, ...],
    interventions: tuple[Intervention, ...] = (),
    checked: bool = True,
    again: bool = False,
) -> Effects:
    """Answer every configured question of effect and impact, fit the graph for what-if, and assess interventions.

    Asked `again` of the same matrix, now with checks, it answers the effects alone: the rest has none.
    Questions are spread over `evaluation.workers`. Without the checks that stand beside each effect when `checked`, it
    takes half of the time.
    """
    signals, environment = settings.signals, settings.environment
    answer = partial(
        analyse_effect, matrix=matrix, graph=graph, signals=signals, environment_labels=environment, checked=checked
    )
    gc.freeze()  # what came with the job stays until it ends: nothing of it is garbage
    try:
        effects = tuple(spread_over(settings.evaluation.processes, answer, questions))
        if again:
            return Effects(effects, checked=checked)
        impacts = tuple(analyse_impact(impact, matrix, signals, environment, graph) for impact in settings.impacts)
        used = in_force(graph)
        structural = fit_structural(matrix, used, signals)
        # What was refuted may be confirmed by the next intervention: its prediction takes the edge for granted.
        whole = structural if used is graph else fit_structural(matrix, graph, signals)
        assessed = assess(interventions, matrix, signals, graph, whole)
        return Effects(effects, impacts, structural, checked, assessed)
    finally:
        gc.unfreeze()


_ENDING = 3.0
"""Seconds for a pool to end, of whose process nothing is left."""


class Workers:
    """A process that works, and is replaced when it dies."""

    def __init__(self, stages: Stages | None = None) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._stages = stages or Stages()

    def submit(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a job in the worker process, after those before it."""
        for attempt in (1, 2):
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent)
            try:
                future = self._pool.submit(job, *args, **kwargs)
                future.add_done_callback(partial(self._count, job.__name__.removesuffix("_job"), time.monotonic()))
                return future
            except BrokenProcessPool:
                self._pool = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _count(self, name: str, began: float, job: Future[Any]) -> None:
        if not job.cancelled():
            self._stages.add(name, time.monotonic() - began, failed=job.exception() is not None)

    def stop(self) -> None:
        """End the worker process; jobs under way are lost."""
        if self._pool is not None:
            processes, manager = list((self._pool._processes or {}).values()), self._pool._executor_manager_thread
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            if manager is not None:  # one that ends while the interpreter does makes that fail
                manager.join(_ENDING)  # type: ignore[attr-defined]
            self._pool = None


def _end_with_parent() -> None:
    """A worker whose parent was killed must not stay behind."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
