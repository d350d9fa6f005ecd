"""What the worker processes do: all fitting. Functions of plain data, so that they can be sent there."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, ParamSpec, TypeVar

from datasource.anomaly import Accepted, LeftOut, Mechanisms, Persistence, Roles, fit_mechanisms
from datasource.effects import (
    EffectQuestion,
    EffectResult,
    StructuralModel,
    analyse_effect,
    analyse_impact,
    fit_structural,
)
from datasource.graph import CausalGraph
from datasource.settings import Settings
from datasource.telemetry import Matrix

P = ParamSpec("P")
T = TypeVar("T")


def fit_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    older: Matrix | None = None,
    left_out: Sequence[LeftOut] = (),
    accepted: Sequence[Accepted] = (),
) -> Mechanisms:
    """Fit the mechanisms of every variable, without the times that are `left_out`, and with the levels `accepted`."""
    return fit_mechanisms(
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
    )


class Effects(NamedTuple):
    """What the effects room has found: effects, impacts of interventions, and the model that what-if asks."""

    effects: tuple[EffectResult, ...] = ()
    impacts: tuple[EffectResult, ...] = ()
    structural: StructuralModel | None = None
    checked: bool = True


def effects_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    questions: tuple[EffectQuestion, ...],
    checked: bool = True,
) -> Effects:
    """Answer every configured question of effect and impact, and fit the graph for what-if.

    Without the checks that stand beside each effect when `checked`, it takes a third of the time.
    """
    signals, environment = settings.signals, settings.environment
    return Effects(
        tuple(analyse_effect(one, matrix, graph, signals, environment, checked=checked) for one in questions),
        tuple(analyse_impact(impact, matrix, signals, environment) for impact in settings.impacts),
        fit_structural(matrix, graph, signals),
        checked,
    )


class Workers:
    """A pool of processes that survives the death of one of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a job in a worker process."""
        for attempt in (1, 2):
            if self._pool is None:
                self._pool = ProcessPoolExecutor(self._count, multiprocessing.get_context("spawn"), _end_with_parent)
            try:
                return self._pool.submit(job, *args, **kwargs)
            except BrokenProcessPool:
                self._pool = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End the worker processes; jobs under way are lost."""
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            self._pool = None


def _end_with_parent() -> None:
    """A worker whose parent was killed must not stay behind."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
