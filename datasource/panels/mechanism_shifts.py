"""Panel: mechanisms that are other ones somewhere, edges that break there, and causes that hold everywhere."""

from typing import Any

from datasource.invariance.document import invariance_document
from datasource.panels.frame import Field, FieldType, Frame, notice_frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot

_SHOW = [("mechanisms", "mechanisms"), ("edges", "edges"), ("parents", "causes that hold everywhere")]
_OFF = "mechanisms are not compared: turn it on in the settings, as invariance: {}"
_INTERVAL = ("slope", "lower", "upper", "elsewhere", "elsewhere_lower", "elsewhere_upper")
_COLUMNS: dict[str, tuple[str, ...]] = {
    "mechanisms": ("variable", "environment", "part", "told", "score", "p_value"),
    "edges": ("cause", "effect", "environment", "told", *_INTERVAL, "score"),
    "parents": ("outcome", "parents", "told", "p_value"),
}
_MEANING = {
    "variable": "Whose mechanism.",
    "outcome": "Whose causes.",
    "parents": "Causes that are in every set that explains the outcome alike everywhere.",
    "cause": "What acts.",
    "effect": "What is acted on.",
    "environment": "Where, or when.",
    "part": "Slopes on the causes, level, or noise.",
    "told": "What was found, in a sentence.",
    "score": "Above 1 it is another one here, beyond chance.",
    "p_value": "Of the hypothesis that it is the same; of a single comparison.",
    "slope": "Change of the effect for one unit more of the cause, here.",
    "lower": "Lower end of its 95% interval.",
    "upper": "Upper end of its 95% interval.",
    "elsewhere": "The same change in all other environments.",
    "elsewhere_lower": "Lower end of its 95% interval.",
    "elsewhere_upper": "Upper end of its 95% interval.",
}


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: a row for each part of a mechanism, each edge, or each outcome, the clearest first; those whose
    entity passes the filters."""
    show = query.one("show", "mechanisms")
    if show not in _COLUMNS:
        raise QueryError(f"show '{show}' is unknown; use {', '.join(_COLUMNS)}")
    found = snapshot.invariance
    if found is None:
        off = snapshot.settings.invariance is None
        return [notice_frame(_OFF if off else "nothing has been compared yet")]
    rows = [row for row in invariance_document(found)[show] if query.passes(row["labels"])]
    if not rows:
        return []
    fields = tuple(_field(name, [row[name] for row in rows]) for name in _COLUMNS[show])
    return [Frame("mechanism_shifts", fields, found.notices, {"preferredVisualisationType": "table"})]


def _field(name: str, values: list[Any]) -> Field:
    numbers: FieldType = "number" if isinstance(values[0], float) else "string"
    shown = [", ".join(one) if isinstance(one, list) else one for one in values]
    return Field(name, numbers, shown, config={"description": _MEANING[name]})


PANEL = Panel(
    "mechanism_shifts",
    "Mechanism shifts",
    frames,
    (Parameter("show", "Show", lambda _: _SHOW),),
    needs_mechanisms=False,
    table=True,
)
