"""Who shares a database or a queue: the clients of one server, as the sources of calls tell its kind."""

from collections import Counter
from collections.abc import Iterable, Sequence

from datasource.topology.family import EndType
from datasource.topology.sighting import End, Sighting
from datasource.topology.tie import DATABASE, MESSAGING, EntityRelation


def shared_sightings(calls: Iterable[Sighting], called: Sequence[EndType], ends: Sequence[EndType]) -> list[Sighting]:
    """Calls of databases and queues, with their two ends as ends of another relation."""
    return [
        one._replace(
            ends=(
                _carry(one.ends[0], called[0].labels, ends[0].labels),
                _carry(one.ends[1], called[1].labels, ends[1].labels),
            )
        )
        for one in calls
        if one.connection in (DATABASE, MESSAGING)
    ]


def only_shared(ties: Sequence[EntityRelation], derived: set[str]) -> list[EntityRelation]:
    """The ties without those to something that has but one user, as far as only derived sources saw them."""
    users = Counter(tie.ends[1][1] for tie in ties)
    return [tie for tie in ties if users[tie.ends[1][1]] > 1 or not derived.issuperset(tie.sources)]


def _carry(who: End, labels: Sequence[str], wanted: Sequence[str]) -> End:
    """The same end for another entity type: labels of the same name, and the name itself."""
    if isinstance(who, str) or tuple(labels) == tuple(wanted):
        return who
    values = dict(who)
    name = values.get(labels[-1], "")
    return (*((label, values[label]) for label in wanted[:-1] if values.get(label)), (wanted[-1], name))
