"""Which of the operator's remedies help against a cause."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from datasource.data import Entity, Variable
from datasource.incidents.context import IncidentContext, Occurrence
from datasource.incidents.summary import clock_time
from datasource.settings.pattern import matcher
from datasource.settings.remedies import Remedy, Target


class Candidate(NamedTuple):
    """Something to do, in words; what it brings to which value, None where that is not known; the runbook's link; and
    whether the operator listed it."""

    text: str
    variable: Variable | None = None
    target: Target = Target("usual")
    runbook: str = ""
    listed: bool = False


def listed_remedies(lately: IncidentContext, entity: Entity, signs: Sequence[Variable]) -> Iterator[Candidate]:
    """Those of the settings against any of the signs that an entity shows, whose conditions hold."""
    labels = dict(entity.labels)
    for remedy in lately.settings.remedies.values():
        against = [sign for sign in signs if {sign.signal, lately.role(sign)} & set(remedy.against)]
        if not (against and _fits(remedy, labels)):
            continue
        text = remedy.text.format_map(labels)
        if remedy.after is not None:
            event = next(lately.events(entity, remedy.within, remedy.after), None)
            if event is None:
                continue
            text += f" ({occurred(lately, event)})"
        runbook = remedy.runbook.format_map(labels)
        if remedy.change is None:
            yield Candidate(text, runbook=runbook, listed=True)
        else:
            variable = Variable(entity, remedy.change.signal) if remedy.change.signal else against[0]
            yield Candidate(text, variable, remedy.change.target, runbook, listed=True)


def occurred(lately: IncidentContext, event: Occurrence) -> str:
    """Which event it was, and when: "rollouts at 02:13 UTC"."""
    return f"{event.variable.signal} at {clock_time(event.at, lately.incident.updated)} UTC"


def _fits(remedy: Remedy, labels: dict[str, str]) -> bool:
    """Whether the entity has every label that the remedy names, with the values that it asks for."""
    matches = all(matcher(pattern)(labels.get(label, "")) for label, pattern in remedy.where.items())
    return matches and {*remedy.where, *remedy.names} <= set(labels)
