"""Experiments: run what the settings allow, guarded, one at a time, and always undone."""

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from datasource.interventions.entry import Intervention
from datasource.interventions.log import InterventionLog
from datasource.interventions.statement import InterventionError
from datasource.settings.experiments import Experiment, Experiments
from datasource.store import StoreError

log = logging.getLogger(__name__)

_WHO = "experiments"
_POLL = 5.0
_TRIES = 3
_LATE = 300.0
"""Seconds after its time within which a scheduled experiment may still begin; and after its planned end, from which
on nobody runs an open one any more."""

Scores = Callable[[], Mapping[str, float]]
"""The newest marginal score of every variable by its name; those that are not known now are missing."""


def call(argv: Sequence[str], timeout: float) -> str:
    """Run a command without a shell; empty where it went well, else what went wrong."""
    try:
        done = subprocess.run(argv, timeout=timeout, capture_output=True, text=True, errors="replace", check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{argv[0]}: {str(error)[:200]}"
    return "" if done.returncode == 0 else f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()[-200:]}"


class Surroundings(NamedTuple):
    """Time, chance and commands as they are; tests have others. `wait` waits so many seconds, and says whether the
    service ends meanwhile."""

    now: Callable[[], float] = time.time
    wait: Callable[[float], bool] = lambda seconds: threading.Event().wait(seconds)
    call: Callable[[Sequence[str], float], str] = call
    rng: np.random.Generator = np.random.default_rng()


class Experimenter:
    """Runs experiments over a log. One at a time, of all services that share the log."""

    def __init__(
        self, settings: Experiments, journal: InterventionLog, scores: Scores, around: Surroundings | None = None
    ) -> None:
        self._settings, self._log, self._scores = settings, journal, scores
        self._stop = threading.Event()
        self._around = around or Surroundings(wait=self._stop.wait)
        self._asked: SimpleQueue[str] = SimpleQueue()
        self.forward: Callable[[str], None] | None = None
        """Where to send what is asked for, when another process runs it."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Undo what a crash left open, then run what is due; returns at once. Nothing where nothing is allowed."""
        if self._settings.allow:
            self._thread = threading.Thread(target=self._run_due, name="experiments", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """An experiment that goes on is rolled back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=60)

    def recover(self) -> list[Intervention]:
        """Roll back the experiments that a crash left open: this machine's, and those that should be over by now."""
        undone = []
        for one in self._open():
            plan = self._settings.plans.get(one.links["experiment"])
            here = one.parameters.get("host") == socket.gethostname()
            late = self._around.now() > float(one.parameters.get("planned_end", 0)) + _LATE
            if plan is None or not (here or late):
                continue
            undone.append(self._end(one, plan, (), "it was found open after a crash"))
        return undone

    def run(self, name: str) -> Intervention:
        """Run an experiment to its end. Raises InterventionError where it may not begin, StoreError."""
        plan = self._allowed(name)
        self._guard(plan)
        order = self._order(plan)
        began = int(self._around.now())
        said = {
            "kind": plan.kind,
            "targets": list(plan.targets),
            "start": began,
            "why": plan.why or f"experiment {name}",
            "links": {"experiment": name},
            "randomised": plan.blocks > 1,
            "parameters": {**plan.parameters, "planned_end": began + plan.seconds, "host": socket.gethostname()},
        }
        one = self._log.record(said, _WHO).intervention
        earlier = [other for other in self._open() if other.id < one.id]
        if earlier:
            parameters = {**one.parameters, "aborted": f"experiment {earlier[0].id} went on"}
            self._log.correct(one.id, {"end": began + 1, "rolled_back": True, "parameters": parameters}, _WHO)
            raise InterventionError(f"experiment {earlier[0].id} goes on; never two at once")
        on: list[tuple[int, int]] = []
        aborted = "it was interrupted"
        try:
            aborted = self._blocks(plan, order, on)
        finally:
            one = self._end(one, plan, on, aborted)
        return one

    def ask(self, name: str) -> None:
        """Run it soon, beside whoever asks. Raises InterventionError where it may not begin now, StoreError."""
        plan, send = self._allowed(name), self.forward or (self._asked.put if self._thread else None)
        if send is None:
            raise InterventionError("nothing runs experiments here; start the service")
        self._guard(plan)
        send(name)

    def dry_run(self, name: str) -> list[str]:
        """What `run` would do, and whether it may begin now. Raises InterventionError."""
        plan = self._allowed(name)
        self._guard(plan)
        guards = ", ".join(plan.guarded)
        told = [f"{name}: {plan.seconds:g} s in all; aborts when {guards} scores above {plan.abort_above:g}"]
        for on in self._order(plan):
            told.append(
                f"{'on' if on else 'off'} for {plan.block:g} s: {' '.join(plan.start if on else plan.rollback)}"
            )
        return [*told, f"at the end, whatever happens: {' '.join(plan.rollback)}"]

    def _allowed(self, name: str) -> Experiment:
        if name not in self._settings.allow:
            known = ", ".join(self._settings.allow) or "none"
            raise InterventionError(f"experiment '{name[:100]}' is not allowed; experiments.allow names: {known}")
        return self._settings.plans[name]

    def _order(self, plan: Experiment) -> list[bool]:
        """Which blocks are with it."""
        if plan.blocks == 1:
            return [True]
        return [bool(on) for on in self._around.rng.permutation([True, False] * plan.blocks)]

    def _guard(self, plan: Experiment) -> None:
        """Raises InterventionError where a guard is not known or not calm, or another experiment goes on."""
        if open_ones := self._open():
            raise InterventionError(f"experiment {open_ones[0].id} goes on; never two at once")
        if why := self._broken(plan):
            raise InterventionError(f"it may not begin: {why}")

    def _broken(self, plan: Experiment) -> str:
        """Which guard says that it must not go on; empty where none does."""
        scores = self._scores()
        for name in plan.guarded:
            if name not in scores:
                return f"{name} is not scored now"
            if not scores[name] <= plan.abort_above:
                return f"{name} scores {scores[name]:.3g}, above {plan.abort_above:g}"
        return ""

    def _blocks(self, plan: Experiment, order: Sequence[bool], on: list[tuple[int, int]]) -> str:
        """Go through the blocks; `on` takes those with it. Why it ended early, or nothing."""
        around, acting = self._around, False
        for with_it in order:
            began = int(around.now())
            if with_it and not acting:
                if wrong := around.call(plan.start, plan.timeout):
                    return f"it could not begin: {wrong}"
            elif acting and not with_it and (wrong := around.call(plan.rollback, plan.timeout)):
                return f"it could not be turned off: {wrong}"
            acting = with_it
            until = began + plan.block
            why = ""
            while not why and (left := until - around.now()) > 0:
                why = "the service ends" if around.wait(min(_POLL, left)) else self._broken(plan)
            if with_it:
                on.append((began, max(int(around.now()), began + 1)))
            if why:
                return why
        return ""

    def _end(self, one: Intervention, plan: Experiment, on: Sequence[tuple[int, int]], aborted: str) -> Intervention:
        """Roll back, trying again where that fails, and write the end down."""
        wrong = "never tried"
        for attempt in range(_TRIES):
            wrong = self._around.call(plan.rollback, plan.timeout)
            if not wrong:
                break
            log.error("experiment %d is not rolled back (%d of %d): %s", one.id, attempt + 1, _TRIES, wrong)
        more: dict[str, Any] = {"aborted": aborted} if aborted else {}
        if wrong:
            more["rollback_failed"] = wrong
        said = {"rolled_back": not wrong, "parameters": {**one.parameters, **more}}
        if not wrong:
            said["end"] = max(int(self._around.now()), one.start + 1)
        if plan.blocks > 1 and on:
            said["on"] = [list(block) for block in on]
        return self._log.correct(one.id, said, _WHO).intervention

    def _open(self) -> list[Intervention]:
        """Experiments that began and have no end, the first one first."""
        found = [one for one in self._log.all() if one.who == _WHO and one.end is None and "experiment" in one.links]
        return sorted(found, key=lambda one: one.id)

    def _run_due(self) -> None:
        """Until the service ends: what is due by its schedule is run."""
        looked = self._around.now()
        recovered = False
        while not self._around.wait(_POLL):
            try:
                if not recovered:
                    self.recover()
                    recovered = True
                now = self._around.now()
                due = [
                    name
                    for name in self._settings.allow
                    if any(at > looked for at in self._settings.plans[name].begins(max(looked, now - _LATE), now))
                ]
                looked = now
                while not self._asked.empty():
                    due.append(self._asked.get())
                for name in due:
                    self._begin(name)
            except StoreError as error:
                log.warning("experiments wait for the log of interventions: %s", error)

    def _begin(self, name: str) -> None:
        try:
            if self._settings.dry_run:
                log.info("dry run of experiment %s: %s", name, "; ".join(self.dry_run(name)))
            else:
                one = self.run(name)
                log.info("experiment %s was intervention %d", name, one.id)
        except InterventionError as error:
            log.warning("experiment %s was not run: %s", name, error)
