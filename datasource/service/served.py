"""What doors need to know: the newest snapshot, how its evaluation goes, and under which settings."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from datasource.interventions import InterventionLog
from datasource.interventions.experiments import Experimenter
from datasource.service.pushing import Pushed
from datasource.service.snapshot import Snapshot
from datasource.service.stages import Stage
from datasource.settings import Settings

_STALE_STEPS = 5


@dataclass(frozen=True)
class Health:
    """How the clock is doing. `error` is the last evaluation's, empty when it succeeded. `jumps` counts how often the
    time of this machine went another way than time does. `settings_error` says why the settings file as it is now is
    not used, empty when it is, and `settings_read` when the one in use was read. `restarts` counts how often the
    process that evaluates was replaced. `leader` is the process on the same store that evaluates; another one shows
    what that one does. `pushed` says how delivery by remote_write goes, where there is one. `store_error` says why
    incidents are kept in memory only, `unpublished` why what was evaluated does not reach those who serve. `stages`
    counts what the process that evaluates has done, by stage."""

    evaluations: int = 0
    failures: int = 0
    last_success: float = 0.0
    last_seconds: float = 0.0
    error: str = ""
    jumps: int = 0
    settings_error: str = ""
    settings_read: float = 0.0
    restarts: int = 0
    leader: str = ""
    pushed: Pushed | None = None
    store_error: str = ""
    unpublished: str = ""
    stages: Mapping[str, Stage] = field(default_factory=dict)


class NotTakenError(Exception):
    """What somebody said could not be kept, so that nothing was done. Its text says why, and what to change."""


class Served:
    """The newest snapshot, whoever evaluates it.

    `now` gives seconds since 1970, `elapsed` seconds that nobody can set; `succeeded` is when, in those, an evaluation
    last succeeded.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self.health = Health()
        self.succeeded = -inf
        self.experimenter: Experimenter
        self._now = now
        self._elapsed = elapsed or (time.monotonic if now is time.time else now)

    @property
    def settings(self) -> Settings:
        """Those in use."""
        raise NotImplementedError

    @property
    def interventions(self) -> InterventionLog:
        """The log of interventions, for any thread."""
        raise NotImplementedError

    def scores(self) -> dict[str, float]:
        """The newest marginal scores by the names of variables; of what is late, none."""
        snapshot = self.snapshot
        if snapshot is None or snapshot.judgement is None or self.stale():
            return {}
        scores = snapshot.judgement.scores.items()
        return {str(v): float(one.marginal.score[-1]) for v, one in scores if one.behind <= _STALE_STEPS}

    @property
    def leads(self) -> bool:
        """Whether these results are to be exposed; those of another process on the same store are not."""
        return True

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        """Mark an incident (by its id) with the next evaluation; from any thread."""
        raise NotImplementedError

    def newest(self) -> int:
        """The newest time on the grid whose samples are surely there, in seconds since 1970."""
        step = int(self.settings.step)
        return int((self._now() - self.settings.latency_offset) // step) * step

    def stale(self) -> bool:
        """Whether the newest snapshot is too old to be believed."""
        steps = _STALE_STEPS * self.settings.step + self.settings.latency_offset
        newest = self.snapshot.newest_sample if self.snapshot is not None and self.snapshot.points else None
        silent = newest is not None and self._now() - newest > steps + self.settings.step
        # A clock that was set back makes nothing fresh.
        age = max(self._now() - self.health.last_success, self._elapsed() - self.succeeded)
        return silent or age > steps

    def ready(self) -> str:
        """Empty when everything configured has been evaluated and is fresh; otherwise what is missing."""
        snapshot = self.snapshot
        if snapshot is None:
            return self.health.error or "the first evaluation is under way"
        if self.stale():
            return f"results are old: {self.health.error or 'no sample has come for a while'}"
        if snapshot.mechanisms is not None and snapshot.effects is None and snapshot.settings.effects:
            return "effects are being computed"
        return ""
