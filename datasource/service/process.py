"""The process that evaluates: a clock whose results other processes serve, under a settings file that may change."""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from datasource.graph import GraphError
from datasource.prometheus import PrometheusError
from datasource.service.evaluator import Evaluator
from datasource.service.logs import begin_logging
from datasource.service.memory import memory_of, recall
from datasource.service.ownership import AnotherInstallationError, claim
from datasource.service.publication import Publisher
from datasource.service.publishing_clock import PublishingClock
from datasource.service.replicas import Replicas
from datasource.service.tracing import begin_tracing, end_tracing
from datasource.settings import Loaded, Settings, SettingsError, load_settings
from datasource.store.lease import process_name

log = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at the settings file."""
_GONE = 4
"""So many looks without a file, and it was deleted."""


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
            self._clock.tell_of_pushing()
            if self._wanted[signal.SIGHUP] or self._is_another_file():
                self._wanted[signal.SIGHUP] = False
                self.reload()
        if not self._clock.works:
            log.error("nothing is evaluated any more; this process ends and is replaced")
            os._exit(1)
        self._clock.experimenter.stop()
        self._clock.end_pushing()
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
