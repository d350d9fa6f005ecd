"""The process that evaluates: a clock whose results other processes serve, under a settings file that may change."""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from datasource.graph import GraphError
from datasource.prometheus import PrometheusError
from datasource.service.clock import Clock
from datasource.service.evaluator import Evaluator
from datasource.service.memory import keep, memory_of, recall
from datasource.service.publication import Publisher, State
from datasource.settings import Loaded, SettingsError, load_settings
from datasource.store import StoreError

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LOOK = 0.5
"""Seconds between two looks at the settings file."""


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
    """A clock that publishes after every evaluation, and takes the marks of those who read it."""

    def __init__(self, evaluator: Evaluator, publisher: Publisher) -> None:
        super().__init__(evaluator)
        self._publisher = publisher
        self._kept: object = None

    def tick(self) -> None:
        marks = self._publisher.marks()
        for one in marks.values():
            self.evaluator.marking.put(one)
        super().tick()
        if not self.health.error:
            for file in marks:
                file.unlink(missing_ok=True)
        self.publish()
        self._remember()

    def _loaded(self) -> Loaded:
        return Loaded(self.evaluator.settings, self.evaluator.fingerprint)

    def publish(self) -> None:
        """Let others see what there is. What cannot be written is said in the log, and tried again at the next step."""
        try:
            self._publisher.publish(self.snapshot, State(self._loaded(), self.health, self.succeeded))
        except OSError as error:
            log.warning("results cannot be published: %s", error)

    def _remember(self) -> None:
        """Keep what was fitted anew in the store. Where that fails, the next process has to fit for itself."""
        if self.snapshot is None or (memory := memory_of(self.snapshot)) is None:
            return
        fitted = memory.mechanisms.fitted_at, id(memory.effects)
        if fitted != self._kept:
            self._kept = fitted
            try:
                keep(self.settings.store, memory)
            except StoreError as error:
                log.warning("what was fitted is not kept for the next start: %s", error)


class EvaluatorProcess:
    """Evaluates until SIGTERM; reads its settings anew at SIGHUP and whenever their file changes."""

    def __init__(self, file: SettingsFile, folder: Path, restarts: int) -> None:
        self._file, self._stamp = file, file.stamp()
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
        memory = memory_of(last[0]) if last else recall(loaded.settings.store, loaded.fingerprint)
        if memory is not None:
            evaluator.resume(memory)
        self._clock = PublishingClock(evaluator, publisher)
        self._clock.told(settings_read=time.time(), restarts=restarts)
        if unusable:
            self._keep(unusable)

    def run(self) -> None:
        """Evaluate until SIGTERM, or until the process that started this one is gone."""
        for number in self._wanted:
            signal.signal(number, self._want)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._clock.start()
        while not self._wanted[signal.SIGTERM] and os.getppid() == self._parent:
            time.sleep(_LOOK)
            stamp = self._file.stamp()
            if self._wanted[signal.SIGHUP] or (stamp and stamp != self._stamp):
                self._wanted[signal.SIGHUP], self._stamp = False, stamp
                self.reload()
        self._clock.stop()

    def reload(self) -> None:
        """Go over to the settings as they are in the file now; where they cannot be used, those in use stay.

        The new ones are evaluated once beside the old ones before they take over, so that nothing is silent meanwhile.
        """
        try:
            loaded = self._file.load()
            if loaded.fingerprint != self._clock.evaluator.fingerprint:
                evaluator = Evaluator(loaded)
                evaluator.evaluate(time.time())
                self._clock.adopt(evaluator)
        except (SettingsError, PrometheusError, GraphError) as error:
            self._keep(str(error))
        except Exception as error:
            log.exception("the settings file was not taken")
            self._keep(f"{type(error).__name__}: {error}")
        else:
            log.info("%s was read again", self._file.path)
            self._clock.told(settings_error="", settings_read=time.time())
        self._clock.publish()

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
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        EvaluatorProcess(SettingsFile(path, url or None), Path(folder), int(restarts)).run()
    except SettingsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
