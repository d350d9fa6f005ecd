"""Panels: what a logged intervention changed, over time; and what interventions say of the graph's edges."""

import numpy as np

from datasource.effects.study import StudyError
from datasource.interventions import Intervention
from datasource.interventions.impact import Impact
from datasource.panels.choices import measured
from datasource.panels.frame import Field, Frame, Style, band, line, notice_frame, time_field, unit
from datasource.panels.interventions import offered
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.panels.series import inside, thin
from datasource.service import Snapshot, logged_labels
from datasource.service.intervention_impact import Asked, impact_of, impact_sentence

_VIEWS = [
    ("course", "observed, counterfactual and band"),
    ("cumulative", "the effect added up"),
    ("estimate", "the impact as a number"),
]
_NONE = "no intervention is written down yet; see docs/interventions.md"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Of one intervention on one variable: observed, what would have been with its band; or the effect added up; or
    the number that is exported. Without a choice, the newest one that was assessed."""
    view = query.one("view", "course")
    if view not in dict(_VIEWS):
        raise QueryError(f"view '{view}' is unknown; use {', '.join(repr(name) for name, _ in _VIEWS)}")
    if not snapshot.interventions:
        return [notice_frame(_NONE)]
    one, impact = _impact(query, snapshot)
    signal = snapshot.settings.signals[impact.outcome.signal]
    told = impact_sentence(one, impact, signal.unit)
    if not impact.on.any():
        return [notice_frame(told)]
    style = Style(logged_labels(impact), {"unit": unit(signal.unit), "description": told})
    notices = (told, *impact.notices)
    if view == "estimate":
        average = impact.average
        numbers = (
            line("causal_impact", "impact", [average.value], style),
            *band("causal_impact_lower", "causal_impact_upper", [average.lower], [average.upper], style),
        )
        return [Frame(told, (time_field([snapshot.time]), *numbers), notices)]
    shown = inside(query, impact.times)
    if not shown.any():
        return [notice_frame("the intervention lies outside the panel's time range")]
    if view == "cumulative":
        seconds, (added,) = thin(impact.times[shown], [("mean", impact.added_up[shown])], query.max_points)
        return [Frame(told, (time_field(seconds), line("added up", "added up", added, style)), notices)]
    lines = [("mean", row[shown]) for row in (impact.observed, impact.expected, impact.lower, impact.upper)]
    seconds, (observed, expected, lower, upper) = thin(impact.times[shown], lines, query.max_points)
    fields = (
        line("observed", "observed", observed, style),
        line("counterfactual", "counterfactual", expected, style, dashed=True),
        *band("counterfactual_lower", "counterfactual_upper", lower, upper, style),
    )
    return [Frame(told, (time_field(seconds), *fields), notices)]


def _impact(query: Query, snapshot: Snapshot) -> tuple[Intervention, Impact]:
    """The one that is asked for. Raises QueryError."""
    known = {str(one.id): one for one in snapshot.interventions}
    assessed = snapshot.assessed.impacts
    number, outcome = query.one("intervention"), query.one("outcome")
    if query.takes_all("intervention"):
        number = str(assessed[0].intervention) if assessed else next(iter(known))
    if number not in known:
        raise QueryError(f"there is no intervention '{number[:50]}'; the newest are: {', '.join([*known][:5])}")
    mine = [one for one in assessed if str(one.intervention) == number]
    if query.takes_all("outcome"):
        if not mine:
            raise QueryError(f"choose an outcome: nothing was assessed of intervention {number} by itself")
        return known[number], mine[0]
    found = next((one for one in mine if str(one.outcome) == outcome), None)
    if found is not None:
        return known[number], found
    try:
        return known[number], impact_of(Asked(known[number], outcome), snapshot, snapshot.interventions)
    except StudyError as error:
        raise QueryError(str(error)) from None


def _verdicts(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: an edge a row, its verdict, what moved, what was measured and what was predicted."""
    found = snapshot.assessed.verdicts
    if not found:
        return [
            notice_frame(
                "no intervention was made on something that the graph leads on from"
                if snapshot.interventions
                else _NONE
            )
        ]
    fields = (
        Field("verdict", "string", [one.kind for one in found], config={"mappings": _MAPPINGS}),
        Field("cause", "string", [str(one.cause) for one in found]),
        Field("effect", "string", [str(one.effect) for one in found]),
        Field("moved", "number", [one.moved.value for one in found]),
        Field("measured", "number", [one.measured.value for one in found]),
        Field("measured lower", "number", [one.measured.lower for one in found]),
        Field("measured upper", "number", [one.measured.upper for one in found]),
        Field("predicted", "number", [one.predicted.value if one.predicted else np.nan for one in found]),
        Field("why", "string", [one.why for one in found]),
        Field("intervention", "string", [str(one.intervention) for one in found]),
    )
    return [Frame("edge_verdicts", fields, meta={"preferredVisualisationType": "table"})]


_MAPPINGS = [
    {
        "type": "value",
        "options": {
            "confirmed": {"color": "green", "index": 0},
            "refuted": {"color": "red", "index": 1},
            "undecided": {"color": "text", "index": 2},
        },
    }
]

PANEL = Panel(
    "intervention_impact",
    "Impact of an intervention",
    frames,
    (
        Parameter("intervention", "Intervention", offered, placeholder="the newest"),
        Parameter("outcome", "Outcome", measured, placeholder="what moved most clearly"),
        Parameter("view", "View", lambda _: _VIEWS),
    ),
    needs_mechanisms=False,
)
VERDICTS = Panel("intervention_verdicts", "Verdicts on edges", _verdicts, needs_mechanisms=False, table=True)
