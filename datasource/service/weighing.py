"""Which experiment next, found out beside the clock: it takes seconds in a large graph."""

import logging
import threading

from datasource.interventions.trial import TrialTold
from datasource.service.next_experiment import told_trials
from datasource.service.snapshot import Snapshot

log = logging.getLogger(__name__)


class Weighing:
    """What was found out last. One thread uses it; another one computes.

    Found out anew after every fit of the equations, and when another incident goes on or other causes are named: what
    is exported has texts in its labels, and must not be other series at every evaluation.
    """

    def __init__(self) -> None:
        self.found: tuple[TrialTold, ...] = ()
        self._of: tuple[object, object] | None = None
        self._thread: threading.Thread | None = None

    def follow(self, snapshot: Snapshot) -> None:
        """Begin where there is something new to find out and nothing under way."""
        if snapshot.structural is None or self.under_way:
            return
        going_on = tuple((one.id, one.roots) for one in snapshot.incidents if one.open)
        if self._of is not None and self._of[0] is snapshot.structural and self._of[1] == going_on:
            return
        self._of = snapshot.structural, going_on
        self._thread = threading.Thread(target=self._find_out, args=(snapshot,), name="weighing", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no more threads; at the next evaluation there may be
            log.warning("which experiment would tell most is not found out: %s", error)
            self._of = self._thread = None

    @property
    def under_way(self) -> bool:
        """Whether something is being found out."""
        return self._thread is not None and self._thread.is_alive()

    def _find_out(self, snapshot: Snapshot) -> None:
        try:
            self.found = told_trials(snapshot)
        except Exception:
            log.warning("which experiment would tell most is not known", exc_info=True)
            self.found = ()
