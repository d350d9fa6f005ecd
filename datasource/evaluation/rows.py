"""A snapshot as plain rows: what `/api/v1/snapshot` answers and what offline commands print as JSON."""

from collections.abc import Collection
from typing import Any

from datasource.anomaly import RootCauses
from datasource.effects import EffectResult
from datasource.evaluation.metrics import samples
from datasource.evaluation.snapshot import Snapshot
from datasource.telemetry import SignalReport


def snapshot_json(snapshot: Snapshot, error: str = "", names: Collection[str] = ()) -> dict[str, Any]:
    """Everything a snapshot says, in plain rows. `names` limits the metrics; empty means all."""
    time, settings, graph, mechanisms = snapshot.key
    judgement = snapshot.judgement
    return {
        "time": time,
        "settings": settings,
        "graph": graph,
        "mechanisms": mechanisms,
        "error": error,
        "warming_up": snapshot.warming_up,
        "step": snapshot.settings.step,
        "points": snapshot.points,
        "points_needed": snapshot.points_needed,
        "signals": [_signal(report, snapshot) for report in snapshot.reports],
        "notices": list(snapshot.notices),
        "metrics": [sample._asdict() for sample in samples(snapshot) if not names or sample.name in names],
        "anomalies": [
            {
                "entity": str(verdict.entity),
                "labels": dict(verdict.entity.labels),
                "symptom": str(verdict.causes.symptom),
                "root_cause": str(verdict.root_cause or ""),
                "is_root_cause": verdict.is_root_cause,
            }
            for verdict in (judgement.verdicts if judgement else ())
        ],
        "root_causes": [_causes(causes, snapshot) for causes in (judgement.symptoms if judgement else ())],
        "effects": [_effect(result) for result in snapshot.effects or ()],
    }


def _signal(report: SignalReport, snapshot: Snapshot) -> dict[str, Any]:
    signal = snapshot.settings.signals[report.signal]
    said = {"unit": signal.unit, "kind": signal.kind, "role": signal.role or ""}
    return {"signal": report.signal, **said, "entities": report.entities, "problem": report.problem}


def _causes(causes: RootCauses, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "symptom": str(causes.symptom),
        "gap": causes.gap,
        "unit": snapshot.settings.signals[causes.symptom.signal].unit,
        "causes": [
            {
                "entity": str(part.variable.entity),
                "signal": part.variable.signal,
                "contribution": part.contribution,
                "share": part.share,
            }
            for part in causes.contributions
        ],
    }


def _effect(result: EffectResult) -> dict[str, Any]:
    return {
        "treatment": str(result.treatment),
        "outcome": str(result.outcome),
        "environment": str(result.environment),
        "association": result.association.value,
        "association_lower": result.association.lower,
        "association_upper": result.association.upper,
        "effect": result.effect.value,
        "lower": result.effect.lower,
        "upper": result.effect.upper,
        "method": result.method,
        "adjustment_set": list(result.adjustment_set),
        "n": result.n,
        "notices": list(result.notices),
    }
