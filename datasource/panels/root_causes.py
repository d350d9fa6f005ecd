"""Panel: who caused a symptom, as a table."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import NamedTuple

from datasource.causes import RootCauses, Scores, cause_name, root_causes
from datasource.data import Entity, Variable
from datasource.panels.choices import AUTOMATIC, SYMPTOM
from datasource.panels.frame import Field, Frame, notice_frame, unit
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot
from datasource.topology import Topology

_MOST = 20

QUIET = "nothing is anomalous now"


_LEAST = 0.01
"""Less of the gap than this is not told as unexplained."""


class _Row(NamedTuple):
    causes: RootCauses
    who: str
    variable: Variable | None
    contribution: float
    share: float
    confidence: float | None = None


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: a row per contribution, then what comes from outside and what is unexplained; they add up."""
    asked = [causes for causes in _asked(query, snapshot) if causes.gap]
    rows = [
        row for causes in asked for row in _rows(causes, snapshot.topology) if query.passes(dict(_whose(row).labels))
    ]
    if not asked:
        return [notice_frame(QUIET)]
    scores = snapshot.judgement.scores if snapshot.judgement else {}
    units = {unit(snapshot.settings.signals[causes.symptom.signal].unit) for causes in asked}
    shown_unit = {"unit": units.pop()} if len(units) == 1 else {}
    share = {"unit": "percentunit", "min": 0, "max": 1, "custom": {"cellOptions": {"type": "gauge", "mode": "basic"}}}
    sure = {
        "unit": "percentunit",
        "decimals": 0,
        "description": "How often it is among the causes when points and slopes are drawn again.",
    }

    def strings(name: str, values: Iterable[object]) -> Field:
        return Field(name, "string", [str(value) for value in values])

    fields = (
        strings("symptom", (row.causes.symptom for row in rows)),
        strings("root cause", (row.who for row in rows)),
        strings("signal", (row.variable.signal if row.variable else "" for row in rows)),
        Field("share", "number", [row.share for row in rows], config=share),
        Field("confidence", "number", [row.confidence for row in rows], config=sure),
        Field("contribution", "number", [row.contribution for row in rows], config=shown_unit),
        Field("gap of the symptom", "number", [row.causes.gap for row in rows], config=shown_unit),
        Field(
            "causal score",
            "number",
            [_score(row, scores) for row in rows],
            config={"decimals": 2, "description": "Above 1: its own behaviour changed."},
        ),
    )
    return [Frame("root_causes", fields, meta={"preferredVisualisationType": "table"})]


def _rows(causes: RootCauses, topology: Topology) -> Iterator[_Row]:
    for part in causes.contributions:
        confidence = part.confidence if isfinite(part.confidence) else None
        who = cause_name(part.variable.entity, topology)
        yield _Row(causes, who, part.variable, part.contribution, part.share, confidence)
    for other in causes.outside:
        yield _Row(causes, f"outside: {other.where}", None, other.contribution, other.share)
    if abs(causes.unexplained) >= _LEAST * abs(causes.gap):
        yield _Row(causes, "unexplained", None, causes.unexplained, causes.unexplained / causes.gap)


def _score(row: _Row, scores: Mapping[Variable, Scores]) -> float | None:
    found = scores.get(row.variable) if row.variable else None
    return float(found.causal.score[-1]) if found else None


def _whose(row: _Row) -> Entity:
    """Whose labels a filter looks at: what nobody inside contributes is told with its symptom."""
    return row.variable.entity if row.variable else row.causes.symptom.entity


def _asked(query: Query, snapshot: Snapshot) -> tuple[RootCauses, ...]:
    symptom = query.one("symptom", AUTOMATIC)
    if symptom in ("", AUTOMATIC):
        return snapshot.judgement.symptoms if snapshot.judgement else ()
    recent = snapshot.recent
    wanted = query.wanted("symptom", snapshot.matrix.variables)
    sure = snapshot.judgement.confidence if snapshot.judgement else {}
    return tuple(root_causes(recent, variable, sure) for variable in wanted[:_MOST]) if recent else ()


PANEL = Panel("root_causes", "Root causes", frames, (SYMPTOM,), table=True)
