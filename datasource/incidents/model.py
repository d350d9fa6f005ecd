"""An incident: anomalies that belong together by graph and time."""

from dataclasses import dataclass
from typing import NamedTuple

from datasource.causes.model import RootCauses
from datasource.data import Entity


class Episode(NamedTuple):
    """An entity's part in an incident: its first and its last anomalous point, and who was named for it last, the
    surest first."""

    entity: Entity
    start: int
    last: int
    roots: tuple[Entity, ...] = ()


MARKS = {"accept": "accepted", "close": "closed", "dismiss": "dismissed", "expect": "expected", "merge": "merged"}
"""What people may do with an incident, and the kind of mark that it has then."""
_WORDS = {
    "accepted": "Accepted as the new normal{by}",
    "closed": "Closed{by}",
    "dismissed": "No incident{says}",
    "expected": "Expected{says}",
    "merged": "Merged{by}",
}


class Mark(NamedTuple):
    """What somebody said of an incident at the evaluation `at` (seconds), and why; `kind` is a value of MARKS."""

    at: int
    by: str = ""
    reason: str = ""
    kind: str = "accepted"

    @property
    def words(self) -> str:
        """As people are told of it: "Closed by ann: the disk was replaced."."""
        by, says = (f" by {self.by}", f", says {self.by}") if self.by else ("", "")
        reason = f": {self.reason}" if self.reason else ""
        text = _WORDS[self.kind].format(by=by, says=says) + reason
        return text if text.endswith((".", "!", "?")) else f"{text}."


@dataclass(frozen=True)
class Incident:
    """What is known of one incident at the time `updated` (seconds since 1970, as all times).

    `start` is when its first anomaly began, `end` when its last one was over (None while it goes on). `causes` is what
    is said of its main symptom, what users of the system feel, when its gap was largest with the present first of the
    roots. `roots` are the entities that are named as causes, the surest first, empty while nobody can be named;
    `affected` is its blast radius: every entity that was anomalous in it, roots included, and `episodes` says when.
    `id` is the same as long as the incident lasts, and after. `merged_into` is the id of the incident that this
    one turned out to be a part of; it ended then. `suffering` are those that are anomalous at `updated`. One that was
    `accepted` while it went on ends with the first fit that knows its level. `mark` is what was said of it last, other
    than that. `action` is the first of the suggestions without what it is predicted to do, which changes all the time.
    """

    id: str
    start: int
    end: int | None
    updated: int
    causes: RootCauses
    roots: tuple[Entity, ...]
    affected: tuple[Entity, ...]
    summary: str = ""
    suggestions: tuple[str, ...] = ()
    episodes: tuple[Episode, ...] = ()
    merged_into: str = ""
    accepted: Mark | None = None
    suffering: tuple[Entity, ...] = ()
    mark: Mark | None = None
    action: str = ""

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.end is None

    @property
    def going_on(self) -> bool:
        """Whether anything of it is anomalous; it stays open for a while when nothing is."""
        return self.open and bool(self.suffering)

    @property
    def lasting(self) -> bool:
        """Whether it went on when it was accepted, so that its level is the new one."""
        return self.accepted is not None and (self.end is None or self.end >= self.accepted.at)

    @property
    def was_one(self) -> bool:
        """Whether it stands as an incident of its own: nobody said that it was none, expected, or part of another."""
        said = self.mark is not None and self.mark.kind in ("dismissed", "expected", "merged")
        return not self.merged_into and not said

    def is_so(self, kind: str, into: str | None = None) -> bool:
        """Whether nothing is left to do for a mark of this kind; what is over needs no closing."""
        if self.merged_into or kind == "merged":
            return kind == "merged" and self.merged_into == into
        if kind == "accepted":
            return self.accepted is not None
        return not self.open if kind == "closed" else self.mark is not None and self.mark.kind == kind
