"""The list of what a panel can ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datasource.panels.frame import NOTICE, Frame, as_row, notice_frame
from datasource.panels.query import Query, QueryError, shortened
from datasource.service import Snapshot


@dataclass(frozen=True)
class Parameter:
    """A drop-down of the query builder. `options` gives (value, label) pairs from the live configuration.

    A `free` one is a text field: what the options offer and more may be written there.
    """

    name: str
    label: str
    options: Callable[[Snapshot], list[tuple[str, str]]]
    multiple: bool = False
    placeholder: str = ""
    free: bool = False


@dataclass(frozen=True)
class Panel:
    """Something a panel can ask for: pure, from a query and a snapshot to frames; rows of a `table`, or lines."""

    name: str
    label: str
    frames: Callable[[Query, Snapshot], list[Frame]]
    parameters: tuple[Parameter, ...] = ()
    needs_mechanisms: bool = True
    table: bool = False


@dataclass(frozen=True)
class Registry:
    """Panels by name."""

    panels: Mapping[str, Panel]

    def get(self, name: str) -> Panel:
        """The panel of this name. Raises QueryError."""
        if name not in self.panels:
            raise QueryError(f"there is no panel '{shortened(name)}'; known are: {', '.join(self.panels)}")
        return self.panels[name]

    def answer(self, query: Query, snapshot: Snapshot | None, waiting: str) -> list[Frame]:
        """The frames for a query, or one that says what is missing. Raises QueryError."""
        panel = self.get(query.panel)
        found = self._answer(panel, query, snapshot, waiting)
        return [as_row(one) if panel.table and one.name == NOTICE else one for one in found]

    def _answer(self, panel: Panel, query: Query, snapshot: Snapshot | None, waiting: str) -> list[Frame]:
        if snapshot is None:
            return [notice_frame(waiting)]
        if panel.needs_mechanisms and snapshot.warming_up:
            return [notice_frame(snapshot.warming_up)]
        return panel.frames(query, snapshot) or [notice_frame("nothing matches the filters of this panel")]
