"""Effects take long: a worker of their own is asked, at first without checks so that there is something to see."""

import logging
import time
from concurrent.futures import CancelledError, Future

from datasource.data import Matrix
from datasource.graph import CausalGraph
from datasource.identification import EffectQuestion, effect_questions
from datasource.interventions import Intervention
from datasource.service.jobs import Effects, Workers, effects_job
from datasource.settings import Settings, format_duration

log = logging.getLogger(__name__)

_TIMEOUT = 1800.0


class EffectsWorker:
    """The questions of effect that are under way, and what was found last. One thread uses it."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self.workers = workers
        self.found: Effects | None = None
        self._settings = settings
        self._notices: tuple[str, ...] = ()
        self._asked: tuple[Matrix, CausalGraph, tuple[EffectQuestion, ...], tuple[Intervention, ...]] | None = None
        self._job: Future[Effects] | None = None
        self._again = False
        self._began = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a worker is at it."""
        return self._job is not None

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be asked or computed, in words."""
        if self.found is None and self.under_way:
            return (*self._notices, "effects are being computed")
        if self.found is not None and not self.found.checked and self.under_way:
            return (*self._notices, "effects are being checked")
        return self._notices

    def ask(self, matrix: Matrix, graph: CausalGraph, interventions: tuple[Intervention, ...] = ()) -> None:
        """Ask everything anew, unless the last questions are still under way."""
        if not self.under_way:
            questions, self._notices = effect_questions(self._settings, matrix.variables)
            self._asked = matrix, graph, questions, interventions
            self._submit(checked=self.found is not None)

    def collect(self) -> None:
        """Take what is done; give up what takes too long, until the next refit."""
        job, seconds = self._job, time.monotonic() - self._began
        if job is None or not (job.done() or seconds > _TIMEOUT):
            return
        self._job = None
        try:
            if not job.done():
                self.workers.stop()
                raise TimeoutError(f"given up after {format_duration(_TIMEOUT)}, trying again at the next refit")
            found = job.result()
            if self._again and self.found is not None:
                found = self.found._replace(effects=found.effects, checked=found.checked)
            self.found = found
            if not found.checked:
                self._submit(checked=True, again=True)
        except (Exception, CancelledError) as error:
            log.exception("effects failed")
            shown = "those of the last time are shown; " if self.found else ""
            self._notices = (f"effects could not be computed: {shown}{error or type(error).__name__}",)
            self.found = self.found or Effects()

    def wait(self, timeout: float) -> bool:
        """Whether what was under way is there within `timeout` seconds."""
        try:
            if self._job is None:
                return False
            self._job.exception(timeout)
        except TimeoutError:
            return False
        except CancelledError:
            self._job = None
        return True

    def _submit(self, checked: bool, again: bool = False) -> None:
        assert self._asked is not None
        self._job = self.workers.submit(effects_job, self._settings, *self._asked, checked, again)
        self._again = again
        self._began = time.monotonic()
