"""The graph as the service uses it: its edges with all evidence, and each change of it a version in the store."""

import logging
import time
from collections.abc import Mapping, Sequence

from datasource.data import Variable
from datasource.discovery import Proposal
from datasource.discovery.falsification import Falsification
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.graph.evidence import with_evidence, without_evidence
from datasource.graph.history import GraphHistory
from datasource.graph.versions import NO_HISTORY, History, rules_of
from datasource.interventions.verdicts import Verdict, with_verdicts
from datasource.settings import Settings
from datasource.settings.store import Store
from datasource.store import Fence, StoreError

log = logging.getLogger(__name__)

SHOWN, _NAMED = 100, 50
"""So many versions are shown, and so many edges of each."""
_RETRY = 60.0


def with_all_evidence(
    graph: CausalGraph,
    verdicts: Sequence[Verdict],
    falsification: Falsification | None,
    tested_at: int,
    proposal: Proposal | None,
) -> CausalGraph:
    """The graph whose edges say what interventions and data say of them. No edge comes or goes: data alone doubt."""
    idle = falsification.idle if falsification else {}
    strengths: Mapping[tuple[Variable, Variable], float] = falsification.strengths if falsification else {}
    doubted = {(one.cause, one.effect): one for one in proposal.doubtful} if proposal else {}
    method = proposal.method if proposal else ""

    def more(edge: Edge) -> list[Evidence]:
        pair, found = (edge.cause, edge.effect), []
        if pair in idle:
            strength = round(abs(strengths[pair]), 4) if pair in strengths else None
            found.append(Evidence("doubtful", "falsification", tested_at or None, strength, idle[pair]))
        if pair in doubted:
            said = next(one for one in doubted[pair].evidence if one.kind == "doubtful")
            found.append(Evidence("doubtful", f"discovery by {method}", said.at, said.strength, said.why or said.by))
        return found

    return with_evidence(with_verdicts(without_evidence(graph, "doubtful"), verdicts), more)


class Versioning:
    """Keeps versions. One thread uses it. While the store cannot be used `notices` say why."""

    def __init__(self, settings: Settings) -> None:
        self.history = NO_HISTORY
        self.notices: tuple[str, ...] = ()
        self._rules = rules_of(settings.graph)
        self._last: CausalGraph | None = None
        self._retry_at = 0.0

    def follow(self, store: Store | None, fence: Fence | None, graph: CausalGraph, at: int) -> None:
        """Keep the graph as a version where it differs from the newest one."""
        if store is None or graph is self._last or time.monotonic() < self._retry_at:
            return
        try:
            kept = GraphHistory(store, fence)
            now, new = kept.record(graph, self._rules, at)
            if new is not None:
                log.info("version %d of the graph, by %s: %s", new.number, new.author, new.reason)
            versions = self.history.versions if new is None and self.history.versions else kept.versions(SHOWN)
            self.history = History(tuple(one.shortened(_NAMED) for one in versions), now.seen)
            self._last, self.notices = graph, ()
        except StoreError as error:
            self.notices = (f"versions of the graph are not kept: {error}; tried again every minute",)
            self._retry_at = time.monotonic() + _RETRY
