"""A clock whose results other processes serve, while it leads; while another one does, it shows what that one shows."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from datasource.interventions import InterventionError
from datasource.service.clock import Clock
from datasource.service.evaluator import Evaluator
from datasource.service.health_metrics import scraped
from datasource.service.memory import keep, memory_of
from datasource.service.packing import PackingError
from datasource.service.publication import Publisher, State
from datasource.service.pushing import Pusher
from datasource.service.replicas import Replicas
from datasource.service.snapshot import Snapshot
from datasource.settings import Loaded
from datasource.store import StoreError

log = logging.getLogger(__name__)

HUNG = 1200.0
"""Seconds without a step after which the process counts as hung: more than its longest wait, for a fit."""
_DELIVERING = 3.0
"""Seconds for what is still to be pushed, at the end."""
_UNPUBLISHED = 2
"""After so many attempts in a row to publish that failed, another process may lead."""
_WAITING = 1.0
"""Seconds between two looks at what the leader shows."""

T = TypeVar("T")


class PublishingClock(Clock):
    """A clock that publishes after every evaluation, and takes the marks of those who read it.

    While another process on the same store leads, it evaluates nothing and publishes what that one shows.
    """

    def __init__(self, evaluator: Evaluator, publisher: Publisher, replicas: Replicas) -> None:
        super().__init__(evaluator)
        self._publisher = publisher
        self.replicas = replicas
        self._publishing = threading.Lock()
        self._kept: object = None
        self._led: bool | None = None
        self._pusher: Pusher | None = None
        self._ends = False
        self._unpublished = 0
        self.ticked = time.monotonic()
        """When the last step ended, in seconds of the monotonic clock."""

    @property
    def works(self) -> bool:
        """Whether steps are still to be expected: not of a thread that ended, or has hung for long."""
        thread = self._thread
        return (thread is None or thread.is_alive()) and time.monotonic() - self.ticked < HUNG

    @property
    def loaded(self) -> Loaded:
        """The settings in use."""
        return Loaded(self.evaluator.settings, self.evaluator.fingerprint)

    def go_on_from(self, snapshot: Snapshot, state: State) -> None:
        """Show what another process published last, as old as it is, until there is something newer."""
        self.snapshot, self.health, self.succeeded = snapshot, state.health, state.succeeded

    def tick(self) -> None:
        try:
            leads = self.replicas.leads
            if leads != self._led:
                self._change_roles(leads=leads)
            if leads:
                self._lead()
            else:
                self._follow()
        except Exception as error:
            log.exception("this step failed")
            self._failed(f"{type(error).__name__}: {error}")
        self.ticked = time.monotonic()
        self.publish()
        self._push()

    def _push(self) -> None:
        """Have pushed what a scrape would bring now, to where the settings in use say."""
        if self._ends:
            return
        config = self.settings.remote_write
        if config != (self._pusher and self._pusher.config):
            self._stop_pushing()
            if config is not None:
                self._pusher = Pusher(config)
                self._pusher.start()
        if self._pusher is not None:
            if self.replicas.leads:
                self._pusher.push(scraped(self))
            else:
                self._pusher.forget()

    def tell_of_pushing(self) -> None:
        """Let readers know how delivery goes, where that has changed."""
        pushed = self._pusher.pushed if self._pusher else None
        if pushed != self.health.pushed:
            self.told(pushed=pushed)
            self.publish()

    def end_pushing(self) -> None:
        """End the series that were pushed, and push nothing more; before another process may lead."""
        self._ends = True
        self._stop_pushing()

    def _stop_pushing(self) -> None:
        pusher, self._pusher = self._pusher, None
        if pusher is not None:
            pusher.stop(_DELIVERING)

    def publish(self) -> None:
        """Let others see what there is. What cannot be written is said in the log, and tried again at the next step."""
        try:
            with self._publishing:
                self.told(stages=self.evaluator.stages.totals)
                state = State(self.loaded, self.health, self.succeeded, self.replicas.leads_until)
                with self.evaluator.stages.run("publish"):
                    self._publisher.publish(self.snapshot, state)
            self._unpublished = 0
        except OSError as error:
            self._unpublished += 1
            log.warning("results cannot be published, those who serve show older ones: %s", error)
        self.replicas.able = self._unpublished < _UNPUBLISHED

    def _change_roles(self, *, leads: bool) -> None:
        """Go on where the leader was, with the incidents of the store; or leave all that to another one."""
        if self._led is not None:
            log.warning("%s leads now", "this process" if leads else self.replicas.leader)
            evaluator, memory = Evaluator(self.loaded), memory_of(self.snapshot) if self.snapshot else None
            if memory is not None:
                evaluator.resume(memory)
            self.adopt(evaluator, fresh=True)
        self.evaluator.incidents.store = self.settings.store if leads else None
        self.evaluator.incidents.fence = self.replicas.lease
        self.told(leader=self.replicas.leader)
        self._led = leads

    @property
    def leads(self) -> bool:
        return self.replicas.leads

    def begin_experiments(self) -> None:
        """Run the experiments that readers asked for."""
        for name in self._publisher.experiments():
            try:
                self.experimenter.ask(name)
            except (InterventionError, StoreError) as error:
                log.warning("experiment %s does not begin: %s", name, error)

    def _lead(self) -> None:
        marks, forwarded = self._publisher.marks(), self._try(self.replicas.forwarded) or ()
        if self.evaluator.marking.empty():  # else those of a step that failed still wait in it
            for one in (*marks.values(), *(one.marking for one in forwarded)):
                self.evaluator.marking.put(one)
        super().tick()
        self.told(store_error=self.health.store_error or self.replicas.unreachable)
        if not self.health.error:
            for file in marks:
                file.unlink(missing_ok=True)
            self._try(lambda: self.replicas.done(forwarded))
        snapshot = self.snapshot
        if snapshot is not None:
            with self.evaluator.stages.run("keep"):
                self._try(lambda: self.replicas.share(snapshot, self.loaded.fingerprint, self.health))
                self._remember(snapshot)

    def _follow(self) -> None:
        try:
            for file, marking in self._publisher.marks().items():
                self.replicas.forward(marking)
                file.unlink(missing_ok=True)
            shared = self.replicas.shared(*self.loaded)
        except (StoreError, PackingError) as error:
            self.told(error=str(error), leader=self.replicas.leader)
            return
        if shared is None:
            if self.snapshot is None:
                self.told(error=f"{self.replicas.leader} leads, and has not shown anything yet")
            return
        self.snapshot, self.succeeded = shared.snapshot, time.monotonic()
        theirs = {name: getattr(shared.health, name) for name in ("evaluations", "failures", "last_success", "error")}
        self.told(**theirs, leader=self.replicas.leader)

    def _remember(self, snapshot: Snapshot) -> None:
        """Keep what was fitted anew in the store. Where that fails, the next process has to fit for itself."""
        memory = memory_of(snapshot)
        fitted = memory and (memory.mechanisms.fitted_at, id(memory.effects))
        if memory is None or fitted == self._kept or self.replicas.unreachable:
            return

        def kept() -> object:
            keep(self.settings.store, memory, self.replicas.lease)
            return fitted

        self._kept = self._try(kept) or self._kept

    def _try(self, ask: Callable[[], T]) -> T | None:
        """What the store gives; None where it cannot be asked, of which the log of incidents tells."""
        try:
            return ask()
        except StoreError as error:
            log.debug("%s", error)
            return None

    def _notices(self) -> tuple[str, ...]:
        lost = self.replicas.unreachable if not self.evaluator.incidents.lost else ""
        return (*super()._notices(), *([f"the store cannot be used: {lost}"] if lost else []))

    def _until_next(self) -> float:
        return super()._until_next() if self.replicas.leads else _WAITING
