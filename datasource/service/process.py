"""The process that evaluates: a clock whose results other processes serve, under a settings file that may change."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple, TypeVar

from datasource.graph import GraphError
from datasource.interventions import InterventionError
from datasource.prometheus import PrometheusError
from datasource.service.clock import Clock
from datasource.service.evaluator import Evaluator
from datasource.service.logs import begin_logging
from datasource.service.memory import keep, memory_of, recall
from datasource.service.ownership import AnotherInstallationError, claim
from datasource.service.packing import PackingError
from datasource.service.publication import Publisher, State
from datasource.service.replicas import Replicas
from datasource.service.snapshot import Snapshot
from datasource.service.tracing import begin_tracing, end_tracing
from datasource.settings import Loaded, Settings, SettingsError, load_settings
from datasource.store import StoreError
from datasource.store.lease import process_name

log = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at the settings file."""
_GONE = 4
"""So many looks without a file, and it was deleted."""
_WAITING = 1.0
"""Seconds between two looks at what the leader shows."""

HUNG = 1200.0
"""Seconds without a step after which the process counts as hung: more than its longest wait, for a fit."""

T = TypeVar("T")


class SettingsFile(NamedTuple):
    """A settings file, and the Prometheus that is read instead of the one it names, if any."""

    path: str
    url: str | None = None

    def load(self) -> Loaded:
        """What it says now. Raises SettingsError."""
        loaded = load_settings(self.path)
        return loaded.reading_from(self.url) if self.url else loaded

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever the file was written or replaced; empty while there is none."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return ()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


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

    def publish(self) -> None:
        """Let others see what there is. What cannot be written is said in the log, and tried again at the next step."""
        try:
            with self._publishing:
                self.told(stages=self.evaluator.stages.totals)
                state = State(self.loaded, self.health, self.succeeded, self.replicas.leads_until)
                with self.evaluator.stages.run("publish"):
                    self._publisher.publish(self.snapshot, state)
        except OSError as error:
            log.warning("results cannot be published, those who serve show older ones: %s", error)

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


class EvaluatorProcess:
    """Evaluates until SIGTERM; reads its settings anew at SIGHUP and whenever their file changes."""

    def __init__(self, file: SettingsFile, folder: Path, restarts: int) -> None:
        self._file, self._stamp, self._gone = file, file.stamp(), 0
        self._wanted = {signal.SIGTERM: False, signal.SIGHUP: False}
        self._parent = os.getppid()
        publisher = Publisher(folder)
        last = publisher.last()
        unusable = ""
        try:
            loaded = file.load()
        except SettingsError as error:
            if last is None:
                raise
            unusable, loaded = str(error), last[1].loaded
        evaluator = Evaluator(loaded)
        if last:
            judgement = last[0].judgement
            evaluator.incidents.go_on_from(last[0].incidents, judgement.verdicts if judgement else ())
        memory = memory_of(last[0]) if last else recall(loaded.settings.store, loaded.fingerprint)
        if memory is not None:
            evaluator.resume(memory)
        who = process_name(self._parent)
        self._replicas = Replicas(loaded.settings.store, who, loaded.settings.step)
        self._replicas.look()
        self._clock = PublishingClock(evaluator, publisher, self._replicas)
        if last:
            self._clock.go_on_from(*last)
        self._clock.told(settings_read=time.time(), restarts=restarts, leader=self._replicas.leader)
        if unusable:
            self._keep(unusable)

    def run(self) -> None:
        """Evaluate until SIGTERM, or until the process that started this one is gone."""
        for number in self._wanted:
            signal.signal(number, self._want)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._clock.publish()
        self._clock.start()
        threading.Thread(target=self._keep_lease, name="lease", daemon=True).start()
        while self._goes_on():
            time.sleep(_LOOK)
            self._clock.begin_experiments()
            if self._wanted[signal.SIGHUP] or self._is_another_file():
                self._wanted[signal.SIGHUP] = False
                self.reload()
        if not self._clock.works:
            log.error("nothing is evaluated any more; this process ends and is replaced")
            os._exit(1)
        self._clock.experimenter.stop()
        self._replicas.release()
        self._clock.stop()

    def _is_another_file(self) -> bool:
        """Whether the settings file was written, replaced, or has been gone for longer than it takes to replace it."""
        stamp = self._file.stamp()
        self._gone = 0 if stamp else self._gone + 1
        if stamp == self._stamp or (not stamp and self._gone < _GONE):
            return False
        self._stamp = stamp
        return True

    def _goes_on(self) -> bool:
        return not self._wanted[signal.SIGTERM] and os.getppid() == self._parent and self._clock.works

    def _keep_lease(self) -> None:
        """Beside all that may take long: a reload's first fit, an experiment's end."""
        while self._goes_on():
            if self._replicas.look():
                self._clock.publish()
            time.sleep(_LOOK)

    def reload(self) -> None:
        """Go over to the settings as they are in the file now; where they cannot be used, those in use stay.

        The new ones are evaluated once beside the old ones before they take over, so that nothing is silent meanwhile.
        """
        try:
            loaded = self._file.load()
            if loaded.fingerprint != self._clock.evaluator.fingerprint:
                evaluator = Evaluator(loaded)
                # Who reads another Prometheus with the same store has moved; another store may be somebody else's.
                claim(
                    load_settings(self._file.path).settings, adopt=loaded.settings.store == self._clock.settings.store
                )
                if self._replicas.leads:
                    evaluator.evaluate(time.time())
                self._share_with(loaded.settings)
                self._clock.adopt(evaluator)
                evaluator.incidents.fence = self._replicas.lease
        except (SettingsError, PrometheusError, GraphError, AnotherInstallationError) as error:
            self._keep(str(error))
        except Exception as error:
            log.exception("the settings file was not taken")
            self._keep(f"{type(error).__name__}: {error}")
        else:
            log.info("%s was read again", self._file.path)
            self._clock.told(settings_error="", settings_read=time.time())
        self._clock.publish()

    def _share_with(self, settings: Settings) -> None:
        """Go over to the replicas on the store of other settings, or to leases as long as their step wants them."""
        before = self._clock.settings
        if (settings.store, settings.step) != (before.store, before.step):
            old, self._replicas = self._replicas, Replicas(settings.store, process_name(self._parent), settings.step)
            self._replicas.look()
            self._clock.replicas = self._replicas
            old.release()

    def _keep(self, why: str) -> None:
        told = f"{self._file.path} has changed and is not used, the settings of before still are: {why}"
        log.error("%s", told)
        self._clock.told(settings_error=told)

    def _want(self, number: int, _frame: FrameType | None) -> None:
        self._wanted[signal.Signals(number)] = True


def command(file: SettingsFile, folder: Path, restarts: int) -> list[str]:
    """The program that evaluates and publishes in `folder`, the so manieth after the first."""
    return [sys.executable, "-m", __name__, file.path, file.url or "", str(folder), str(restarts)]


def main(path: str, url: str, folder: str, restarts: str) -> None:
    """What the program does; it ends with the process that started it."""
    begin_logging(process="evaluator")
    begin_tracing("evaluator")
    try:
        EvaluatorProcess(SettingsFile(path, url or None), Path(folder), int(restarts)).run()
    except SettingsError as error:
        sys.exit(str(error))
    finally:
        end_tracing()


if __name__ == "__main__":
    main(*sys.argv[1:])
