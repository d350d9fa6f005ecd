"""Panel: the edges of the causal graph: why each is there, since when, how strong, and what speaks against it."""

from math import nan

from datasource.graph.evidence import STANDINGS
from datasource.panels.choices import ENTITY
from datasource.panels.frame import Field, Frame
from datasource.panels.query import ALL, Query
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot
from datasource.service.graph_rows import edge_rows

_STANDINGS = [(ALL, "all"), *((name, name) for name in STANDINGS)]


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row an edge, what is refuted or doubtful first."""
    wanted = set(query.wanted("standing", STANDINGS))
    entities = set(query.wanted("entity", snapshot.entities))
    rows = [
        row
        for row in edge_rows(snapshot)
        if row.standing in wanted
        and (query.takes_all("entity") or entities & {row.edge.cause.entity, row.edge.effect.entity})
        and query.passes(dict(row.edge.effect.entity.labels))
    ]
    if not rows:
        return []
    rows.sort(key=lambda row: (STANDINGS.index(row.standing), row.edge))

    def times(name: str, description: str) -> Field:
        values = [nan if (at := getattr(row, name)) is None else at * 1000.0 for row in rows]
        return Field(name, "time", values, config={"description": description})

    strengths = [nan if row.strength is None else row.strength for row in rows]
    fields = (
        Field("cause", "string", [str(row.edge.cause) for row in rows]),
        Field("effect", "string", [str(row.edge.effect) for row in rows]),
        Field("lag", "number", [row.edge.lag for row in rows], config={"description": "Steps until it shows."}),
        Field("relation", "string", [row.edge.relation for row in rows]),
        Field("standing", "string", [row.standing for row in rows], config={"description": _STANDING}),
        times("since", "Since when the edge is there."),
        times("standing_since", "Since when that is said of it."),
        Field("strength", "number", strengths, config={"description": _STRENGTH}),
        Field("evidence", "string", [row.evidence for row in rows]),
        Field("against", "string", [row.against for row in rows], config={"description": "What speaks against it."}),
    )
    return [Frame("graph_edges", fields, (), {"preferredVisualisationType": "table"})]


_STANDING = "The weightiest of all that is said of the edge: interventions, then data, then who wrote it down."
_STRENGTH = "Partial correlation of cause and effect, given the effect's other causes and its past."

PANEL = Panel(
    "graph_edges",
    "Edges and their evidence",
    frames,
    (Parameter("standing", "What they are", lambda _: _STANDINGS, multiple=True), ENTITY),
    needs_mechanisms=False,
    table=True,
)
