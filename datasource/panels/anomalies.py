"""Panel: what is anomalous now and who caused it, a row an entity."""

from dataclasses import replace

from datasource.causes import Verdict, cause_name, listed
from datasource.panels.choices import broke_first
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.root_causes import QUIET
from datasource.service import Snapshot

_SHOWN = 3


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: entity, its worst signal (several where they are only together an anomaly), its scores, the named
    cause, and whether it is the cause itself; who is quiet is a notice."""
    judgement = snapshot.judgement
    verdicts = [v for v in judgement.verdicts if query.passes(dict(v.entity.labels))] if judgement else []
    told = judgement.silenced.told(snapshot.time) if judgement else ()
    if not judgement or not verdicts:
        return [replace(notice_frame(QUIET), notices=(QUIET, *told))]
    ordered = broke_first(verdicts)
    scores = [judgement.scores[v.causes.symptom] for v in ordered]
    fields = (
        Field("entity", "string", [str(v.entity) for v in ordered]),
        Field("signal", "string", [_signals(v) for v in ordered]),
        Field("verdict", "string", [_verdict(v) for v in ordered], config={"mappings": _MAPPINGS}),
        Field("root cause", "string", [_cause(v, snapshot) for v in ordered]),
        Field("sure", "number", [_sure(v) for v in ordered], config={"unit": "percentunit", "decimals": 0}),
        Field("causal score", "number", [float(s.causal.score[-1]) for s in scores], config={"decimals": 2}),
        Field("marginal score", "number", [float(s.marginal.score[-1]) for s in scores], config={"decimals": 2}),
        Field("joint score", "number", [judgement.joint.get(v.entity) for v in ordered], config={"decimals": 2}),
    )
    return [Frame("anomalies", fields, meta={"preferredVisualisationType": "table"}, notices=told)]


def _signals(verdict: Verdict) -> str:
    several = verdict.causes.together
    return f"{listed([v.signal for v in several], _SHOWN)}, together" if several else verdict.causes.symptom.signal


def _cause(verdict: Verdict, snapshot: Snapshot) -> str:
    return cause_name(verdict.root_cause, snapshot.topology) if verdict.root_cause else "not known"


def _sure(verdict: Verdict) -> float | None:
    return verdict.confidence if verdict.root_cause else None


def _verdict(verdict: Verdict) -> str:
    if verdict.is_root_cause:
        return "broke"
    return "suffers" if verdict.root_cause else "anomalous"


_MAPPINGS = [
    {
        "type": "value",
        "options": {
            "broke": {"color": "red", "index": 0},
            "suffers": {"color": "orange", "index": 1},
            "anomalous": {"color": "yellow", "index": 2},
        },
    }
]

PANEL = Panel("anomalies", "Anomalies now", frames, table=True)
