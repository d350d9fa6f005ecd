"""Effects that nobody configured, for whoever asks: estimated in a worker process, within a deadline."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotDone
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from pydantic import ValidationError

from datasource.data import Matrix, Variable
from datasource.effects import EffectResult
from datasource.graph import CausalGraph
from datasource.identification import EffectQuestion, effect_questions
from datasource.service.jobs import Workers, effects_job
from datasource.service.later import Later
from datasource.service.snapshot import Snapshot
from datasource.settings import Effect, Settings
from datasource.settings.questions import find_in_questions

DEADLINE = 60.0
"""Seconds that the effects of one question may take."""
PATIENCE = 10.0
"""Seconds that somebody waits for them; whoever asks again later gets them then."""
_MOST = 20
"""Entities of one question."""
_IDLE = 600.0
"""Seconds without a question after which the process ends: it takes seconds to start, and 300 MB while it is there."""


class AskedEffectError(Exception):
    """An effect that cannot be asked or estimated; the text says what to change."""


class AskedEffect(NamedTuple):
    """An effect as it is asked: two signals or two variables, and a method of `settings.methods`."""

    treatment: str
    outcome: str
    method: str


class _Job:
    """What is estimated on what. Equal, and so computed once, where the questions and what was fitted are."""

    def __init__(self, snapshot: Snapshot, settings: Settings, questions: tuple[EffectQuestion, ...]) -> None:
        fitted = snapshot.mechanisms.fitted_at if snapshot.mechanisms else 0
        self._key = questions, fitted, snapshot.graph.version
        self.work: tuple[Settings, Matrix, CausalGraph, tuple[EffectQuestion, ...]] | None
        self.work = settings, snapshot.matrix, snapshot.graph, questions
        """Let go when it is done: the key of an answer keeps no matrix."""

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Job) and self._key == other._key


class AskedEffects:
    """Estimates effects in a process of its own, which is started when the first one is asked for."""

    def __init__(self, workers: Workers | None = None) -> None:
        self._workers = workers or Workers()
        told = "this effect is being estimated; ask again in some seconds"
        self._later: Later[_Job, tuple[EffectResult, ...]] = Later(self._estimate, told, at_once=1)
        self._busy = threading.Lock()
        self._idle: threading.Timer | None = None

    def ask(
        self,
        asked: AskedEffect,
        snapshot: Snapshot,
        passes: Callable[[Variable, Variable], bool],
        patience: float = PATIENCE,
    ) -> tuple[EffectResult, ...]:
        """The effects of the treatments on the outcomes that pass. Raises AskedEffectError, and NotYetError where they
        are not there within `patience` seconds."""
        try:
            effect = Effect(treatment=asked.treatment, outcome=asked.outcome, method=asked.method)
        except ValidationError as error:
            raise AskedEffectError(str(error.errors()[0]["ctx"]["error"])) from None
        settings = snapshot.settings.model_copy(update={"effects": (effect,), "impacts": ()})
        if findings := find_in_questions(settings):
            raise AskedEffectError(findings[0][1])
        questions, notices = effect_questions(settings, snapshot.matrix.variables)
        if notices:
            raise AskedEffectError(notices[0])
        once = len(snapshot.matrix.times)  # in place of rolling windows, which nobody sees here
        wanted = tuple(one._replace(window=once) for one in questions if passes(one.treatment, one.outcome))
        if len(wanted) > _MOST:
            raise AskedEffectError(f"that are the effects at {len(wanted)} entities; select at most {_MOST} of them")
        return self._later.ask(_Job(snapshot, settings, wanted), patience) if wanted else ()

    def stop(self) -> None:
        """End the process; what is under way is lost."""
        if self._idle is not None:
            self._idle.cancel()
        self._workers.stop()

    def _estimate(self, job: _Job) -> tuple[EffectResult, ...]:
        work, job.work = job.work, None
        assert work is not None
        with self._busy:
            try:
                future = self._workers.submit(effects_job, *work, (), checked=False, again=True)
                return future.result(DEADLINE).effects
            except NotDone:
                self._workers.stop()
                raise AskedEffectError(f"that takes longer than {DEADLINE:.0f} s; select fewer entities") from None
            except (BrokenProcessPool, CancelledError):
                raise AskedEffectError("the process that estimates was lost; ask again") from None
            finally:
                self._end_later()

    def _end_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE, self._end_if_idle)
        self._idle.daemon = True
        self._idle.start()

    def _end_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                self._workers.stop()
            finally:
                self._busy.release()
