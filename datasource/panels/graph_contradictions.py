"""Panel: what data say against the causal graph: implied independences that fail."""

from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot

_OFF = "the graph is not tested: graph.falsify is null in the settings"
_WAITING = "the graph has not been tested yet: it is after the first fit"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row an independence that the graph implies and the data contradict, the clearest first."""
    tested = snapshot.falsification
    if tested is None:
        return [notice_frame(_OFF if snapshot.settings.graph.falsify is None else _WAITING)]
    found = [one for one in tested.contradictions if query.passes(dict(one.effect.entity.labels))]
    if not found:
        return [notice_frame(tested.verdict)]
    fields = (
        Field("variable", "string", [str(one.variable) for one in found]),
        Field("effect", "string", [str(one.effect) for one in found]),
        Field("given", "string", [", ".join(map(str, one.given)) for one in found], config={"description": _GIVEN}),
        Field("explained", "number", [one.explained for one in found], config={"description": _EXPLAINED, **_SHARE}),
        Field("p_value", "number", [one.p_value for one in found]),
        Field("adjusted", "number", [one.adjusted for one in found], config={"description": _ADJUSTED}),
    )
    notices = (tested.verdict, *tested.notices)
    return [Frame("graph_contradictions", fields, notices, {"preferredVisualisationType": "table"})]


_GIVEN = "The causes of the effect in the graph: given these, the two should be independent."
_EXPLAINED = "Share of what is left of the effect that the variable explains."
_ADJUSTED = "p-value after the control of the false discovery rate."
_SHARE = {"unit": "percentunit"}

PANEL = Panel("graph_contradictions", "What data say against the graph", frames, needs_mechanisms=False, table=True)
