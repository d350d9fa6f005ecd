"""Panel: who caused a symptom, as a table."""

from collections.abc import Iterable

from datasource.anomaly import RootCauses, root_causes
from datasource.evaluation import Snapshot
from datasource.panels.choices import AUTOMATIC, SYMPTOM
from datasource.panels.frame import Field, Frame, notice_frame, unit
from datasource.panels.query import Query
from datasource.panels.registry import Panel

_MOST = 20

QUIET = "nothing is anomalous now"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: a row per contribution, the largest share of the largest symptom first."""
    found = [causes for causes in _asked(query, snapshot) if causes.contributions]
    if not found:
        return [notice_frame(QUIET)]
    rows = [(causes, part) for causes in found for part in causes.contributions]
    rows = [(causes, part) for causes, part in rows if query.passes(dict(part.variable.entity.labels))]
    scores = snapshot.judgement.scores if snapshot.judgement else {}
    units = {unit(snapshot.settings.signals[causes.symptom.signal].unit) for causes in found}
    shown_unit = {"unit": units.pop()} if len(units) == 1 else {}
    share = {"unit": "percentunit", "min": 0, "max": 1, "custom": {"cellOptions": {"type": "gauge", "mode": "basic"}}}

    def strings(name: str, values: Iterable[object]) -> Field:
        return Field(name, "string", [str(value) for value in values])

    fields = (
        strings("symptom", (causes.symptom for causes, _ in rows)),
        strings("root cause", (part.variable.entity for _, part in rows)),
        strings("signal", (part.variable.signal for _, part in rows)),
        Field("share", "number", [part.share for _, part in rows], config=share),
        Field("contribution", "number", [part.contribution for _, part in rows], config=shown_unit),
        Field("gap of the symptom", "number", [causes.gap for causes, _ in rows], config=shown_unit),
        Field(
            "causal score",
            "number",
            [float(scores[part.variable].causal.score[-1]) if part.variable in scores else None for _, part in rows],
            config={"decimals": 2, "description": "Above 1: its own behaviour changed."},
        ),
    )
    return [Frame("root_causes", fields, meta={"preferredVisualisationType": "table"})]


def _asked(query: Query, snapshot: Snapshot) -> tuple[RootCauses, ...]:
    symptom = query.one("symptom", AUTOMATIC)
    if symptom in ("", AUTOMATIC):
        return snapshot.judgement.symptoms if snapshot.judgement else ()
    recent = snapshot.recent
    wanted = query.wanted("symptom", snapshot.matrix.variables)
    return tuple(root_causes(recent, variable) for variable in wanted[:_MOST]) if recent else ()


PANEL = Panel("root_causes", "Root causes", frames, (SYMPTOM,))
