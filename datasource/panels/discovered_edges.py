"""Panel: what data say of the causal graph: edges that it lacks, edges that are doubtful, and what was refused."""

from collections.abc import Callable
from math import nan

from datasource.discovery import ProposedEdge, RefusedEdge
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot

_SHOW = [("news", "new and doubtful edges"), ("all", "all edges"), ("refused", "refused")]
_OFF = "nothing is discovered: set graph.discover in the settings, as discover: {}"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row an edge, news first; those whose effect's entity passes the filters.

    Before anything is discovered all edges are those of the graph, with the evidence that they have.
    """
    show = query.one("show", "news")
    if show not in dict(_SHOW):
        raise QueryError(f"show '{show}' is unknown; use {', '.join(name for name, _ in _SHOW)}")
    proposal, notices = snapshot.proposal, snapshot.proposal.notices if snapshot.proposal else ()
    if proposal is None:
        off = snapshot.settings.graph.discover is None
        notices = (_OFF if off else "nothing has been discovered yet",)
        if show != "all":
            return [notice_frame(notices[0])]
    found: list[ProposedEdge | RefusedEdge] = [*(proposal.edges if proposal else _known(snapshot))]
    if proposal and show == "refused":
        found = [*proposal.refused]
    elif proposal and show == "news":
        found = [*proposal.proposed, *proposal.doubtful]
    found = [edge for edge in found if query.passes(dict(edge.effect.entity.labels))]
    if not found:
        return []

    def texts(name: str, text: Callable[[ProposedEdge | RefusedEdge], str], description: str) -> Field:
        return Field(name, "string", [text(edge) for edge in found], config={"description": description})

    def numbers(name: str, description: str) -> Field:
        values = [float(getattr(edge, name, nan)) for edge in found]
        return Field(name, "number", values, config={"description": description})

    fields = (
        texts("cause", lambda edge: str(edge.cause), "What acts."),
        texts("effect", lambda edge: str(edge.effect), "What is acted on."),
        texts("what", _what, "Whether the edge is new, doubtful, known or refused."),
        numbers("lag", "Steps until the effect shows."),
        numbers("strength", "Partial correlation, given the effect's other causes and its past."),
        numbers("stability", "Share of resampled data in which a new edge is found again."),
        texts("evidence", _why, "Who speaks for the edge, what speaks against it, or why it is refused."),
    )
    return [Frame("discovered_edges", fields, notices, {"preferredVisualisationType": "table"})]


def _known(snapshot: Snapshot) -> list[ProposedEdge]:
    """The edges of the graph."""
    return [
        ProposedEdge(edge.cause, edge.effect, edge.lag, nan, nan, True, edge.evidence) for edge in snapshot.graph.edges
    ]


def _what(edge: ProposedEdge | RefusedEdge) -> str:
    if isinstance(edge, RefusedEdge):
        return "refused"
    if edge.is_new:
        return "new" if edge.oriented else "new, direction cannot be told"
    return "doubtful" if edge.doubt else "known"


def _why(edge: ProposedEdge | RefusedEdge) -> str:
    if isinstance(edge, RefusedEdge):
        return edge.reason
    return ", ".join(f"{one.kind} ({one.by})" for one in edge.evidence)


PANEL = Panel(
    "discovered_edges",
    "Discovered edges",
    frames,
    (Parameter("show", "Show", lambda _: _SHOW),),
    needs_mechanisms=False,
    table=True,
)
