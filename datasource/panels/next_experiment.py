"""Panel: which experiment or measurement would tell most for what it costs, and whom it would touch."""

from collections.abc import Callable

from datasource.effects.study import StudyError
from datasource.interventions.trial import Trial
from datasource.panels.choices import ENTITY, INCIDENT
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel
from datasource.service import Snapshot
from datasource.service.next_experiment import Answered, blast_radius, next_trials, trial_reason, trial_told


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row a trial, of each question the best first: what to do, what it tells, whom it touches."""
    if snapshot.structural is None:
        return [notice_frame("the equations of the causal graph are being fitted")]
    incident = "" if query.takes_all("incident") else query.one("incident")
    about = () if query.takes_all("entity") else query.wanted("entity", sorted(map(str, snapshot.entities)))
    try:
        found = next_trials(snapshot, incident, about)
    except StudyError as error:
        raise QueryError(str(error)) from None
    rows = [(answered, trial) for answered in found for trial in answered.trials]
    notices = tuple(answered.notice for answered in found if answered.notice)
    if not rows:
        return [notice_frame(*notices)]

    def texts(name: str, text: Callable[[Answered, Trial], str]) -> Field:
        return Field(name, "string", [text(*row) for row in rows])

    fields = (
        texts("question", lambda answered, _: answered.question.text),
        texts("what to do", lambda answered, trial: trial_told(trial, answered, snapshot)),
        texts("what it tells", lambda answered, trial: trial_reason(trial, answered)),
        texts("blast radius", lambda _, trial: blast_radius(trial, snapshot)),
        Field("bits", "number", [trial.information for _, trial in rows], config=_BITS),
        Field("cost", "number", [trial.cost for _, trial in rows], config=_COST),
        texts("kind", lambda _, trial: trial.kind),
        texts("experiment", lambda _, trial: trial.plan),
        texts("incident", lambda answered, _: answered.question.incident),
    )
    return [Frame("next_experiment", fields, notices, {"preferredVisualisationType": "table"})]


_BITS = {
    "decimals": 2,
    "description": "Expected information: what is open about an edge or a cause, and would be told.",
}
_COST = {
    "decimals": 0,
    "unit": "m",
    "description": "Minutes, each counted once more for every width of what is usual by which somebody suffers.",
}

PANEL = Panel(
    "next_experiment", "Which experiment next", frames, (INCIDENT, ENTITY), needs_mechanisms=False, table=True
)
