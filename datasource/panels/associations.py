"""Panel: associations: which variables move together, at which lag. A first look, no cause and effect."""

from datasource.discovery.association import COEFFICIENTS, Association, Coefficient, associations
from datasource.panels.choices import ENTITY
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot

_SHOW = [("table", "table"), ("graph", "graph")]
_COEFFICIENTS: list[tuple[str, str]] = [(name, name.capitalize()) for name in COEFFICIENTS]
_MOST = 60
"""Variables at once: a web thread answers at once."""
_DRAWN = 0.3
"""Correlation from which on two variables are tied in the graph."""
_SAID = "associations, unadjusted: what moves together need not act on each other"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """A table, a row a pair, the strongest first; or a node graph, edges as thick as the correlation is strong."""
    show, asked = query.one("show", "table"), query.one("coefficient", "pearson")
    if show not in dict(_SHOW):
        raise QueryError(f"show '{show}' is unknown; use 'table' or 'graph'")
    by = next((one for one in COEFFICIENTS if one == asked), None)
    if by is None:
        raise QueryError(f"coefficient '{asked}' is unknown; use {' or '.join(COEFFICIENTS)}")
    entities = set(query.wanted("entity", [one for one in snapshot.entities if query.passes(dict(one.labels))]))
    variables = [variable for variable in snapshot.matrix.variables if variable.entity in entities]
    notices = [_SAID]
    if len(variables) > _MOST:
        notices.append(f"{len(variables)} variables, the first {_MOST} are compared; choose entities")
        variables = variables[:_MOST]
    found = associations(snapshot.matrix, variables, coefficient=by)
    if show == "graph":
        return _graph(found, by, tuple(notices))
    fields = (
        Field("variable", "string", [str(one.one) for one in found]),
        Field("later", "string", [str(one.other) for one in found]),
        Field("lag", "number", [one.lag for one in found], config={"description": "Steps that it is later."}),
        Field("pearson", "number", [one.pearson for one in found]),
        Field("spearman", "number", [one.spearman for one in found]),
        Field("lower", "number", [one.lower for one in found]),
        Field("upper", "number", [one.upper for one in found]),
        Field("p_value", "number", [one.adjusted for one in found], config={"description": _ADJUSTED}),
    )
    return [Frame("associations", fields, tuple(notices), {"preferredVisualisationType": "table"})]


def _graph(found: tuple[Association, ...], by: Coefficient, notices: tuple[str, ...]) -> list[Frame]:
    drawn = [one for one in found if abs(one.coefficient(by)) >= _DRAWN]
    nodes = sorted({variable for one in drawn for variable in (one.one, one.other)})
    meta = {"preferredVisualisationType": "nodeGraph"}
    node_fields = (
        Field("id", "string", [str(node) for node in nodes]),
        Field("title", "string", [node.signal for node in nodes]),
        Field("subtitle", "string", [str(node.entity) for node in nodes]),
    )
    strength = [abs(one.coefficient(by)) for one in drawn]
    edge_fields = (
        Field("id", "string", [f"{one.one}--{one.other}" for one in drawn]),
        Field("source", "string", [str(one.one) for one in drawn]),
        Field("target", "string", [str(one.other) for one in drawn]),
        Field("mainstat", "string", [f"{one.coefficient(by):+.2f}" for one in drawn]),
        Field("secondarystat", "string", [f"lag {one.lag}" if one.lag else "" for one in drawn]),
        Field("thickness", "number", [1 + 4 * one for one in strength]),
    )
    return [Frame("nodes", node_fields, notices, meta), Frame("edges", edge_fields, (), meta)]


_ADJUSTED = "Of no association, for all lags and pairs that were tried."

PANEL = Panel(
    "associations",
    "Associations",
    frames,
    (
        Parameter("show", "Show", lambda _: _SHOW),
        Parameter("coefficient", "Coefficient", lambda _: _COEFFICIENTS),
        ENTITY,
    ),
    needs_mechanisms=False,
    table=True,
)
