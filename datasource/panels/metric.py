"""Panel: exported results as a table, the very numbers of the exposition."""

from datasource.panels.frame import Field, Frame
from datasource.panels.query import ALL, Query
from datasource.panels.registry import Panel, Parameter
from datasource.service import HELP, Sample, Snapshot, samples


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame a metric: its labels and the value of every sample."""
    wanted = query.wanted("name", HELP)
    found: dict[str, list[Sample]] = {}
    for sample in samples(snapshot):
        if sample.name in wanted and query.passes(sample.labels):
            found.setdefault(sample.name, []).append(sample)
    return [_frame(name, rows) for name, rows in found.items()]


def _frame(name: str, rows: list[Sample]) -> Frame:
    labels = list(dict.fromkeys(label for row in rows for label in row.labels))
    columns = [Field(label, "string", [row.labels.get(label, "") for row in rows]) for label in labels]
    value = Field(name, "number", [row.value for row in rows], config={"description": HELP[name]})
    return Frame(name, (*columns, value), meta={"preferredVisualisationType": "table"})


PANEL = Panel(
    "metric",
    "Exported metric",
    frames,
    (Parameter("name", "Metric", lambda _: [(ALL, ALL), *((name, name) for name in HELP)]),),
    needs_mechanisms=False,
    table=True,
)
