"""One incident with its truth: what a ranking is given, and what it should find."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.incidents.traces import Traces
from datasource.data import Entity, Matrix, Variable
from datasource.settings import Signal

Scores = Mapping[str, float]
"""Of each service, higher for the likelier cause."""


@dataclass(frozen=True)
class Incident:
    """What was measured before and during an incident.

    `calls` are (caller, callee). `causes` has one set a root cause, of the services that are a right answer; empty
    where nothing broke. `path` has the calls along which the fault travelled, as (caller, callee); empty where it
    travelled along none, or where nobody knows. `traces` are what spans and log lines would have counted, where that is
    known. Methods see everything except `causes`, `path` and `traces`.
    """

    name: str
    group: str
    baseline: Matrix
    incident: Matrix
    signals: Mapping[str, Signal]
    calls: tuple[tuple[Entity, Entity], ...] = ()
    symptom: Variable | None = None
    causes: tuple[frozenset[str], ...] = ()
    path: frozenset[tuple[str, str]] = frozenset()
    traces: Traces | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """The measured services, by name."""
        return tuple(sorted({str(v.entity) for v in (*self.baseline.variables, *self.incident.variables)}))


Method = Callable[[Incident], Scores]
