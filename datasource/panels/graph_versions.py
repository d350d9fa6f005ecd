"""Panel: the timeline of the causal graph: each version with its author, its reason, and what changed."""

from datasource.panels.frame import Field, Frame, notice_frame, time_field
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot

_NONE = "no version of the graph is kept yet: the first one is when the graph was tested for the first time"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row a version of the time range, the newest first; where none lies in it, the newest one."""
    versions = snapshot.history.versions
    if not versions:
        return [notice_frame(_NONE)]
    found = [one for one in versions if query.start <= one.at <= query.end]
    notices = () if found else ("the graph did not change in this time; its newest version is shown",)
    found = found or [versions[0]]
    fields = (
        time_field([one.at for one in found]),
        Field("version", "number", [one.number for one in found]),
        Field("author", "string", [one.author for one in found]),
        Field("reason", "string", [one.reason for one in found]),
        Field("edges", "number", [one.edges for one in found]),
        Field("added", "string", [", ".join(one.added) for one in found]),
        Field("removed", "string", [", ".join(one.removed) for one in found]),
        Field("changed", "string", [", ".join(f"{e.edge}: {e.was} -> {e.now}" for e in one.changed) for one in found]),
    )
    return [Frame("graph_versions", fields, notices, {"preferredVisualisationType": "table"})]


PANEL = Panel("graph_versions", "Versions of the graph", frames, needs_mechanisms=False, table=True)
