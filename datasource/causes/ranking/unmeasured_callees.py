"""Whether an incident points at somebody who is called, and whom nobody measures."""

from collections.abc import Sequence

from datasource.causes.ranking.constants import CLEAR, EXPLAINED
from datasource.data import Entity, Floats


def unmeasured_callees(
    own: Floats, inside: Floats, scores: Floats, hidden: Sequence[tuple[int, Entity]]
) -> tuple[Entity, ...]:
    """The unmeasured callees of the likeliest service, where its excess is not explained by anything inside it.

    `hidden` are (caller, callee) with callers by place. Whom more of all callers' excess goes through comes first.
    """
    if not hidden:
        return ()
    first = int(scores.argmax())
    if scores[first] < CLEAR or inside[first] >= EXPLAINED * own[first]:
        return ()
    called = [callee for caller, callee in hidden if caller == first]
    through = {callee: sum(float(own[a]) for a, b in hidden if b == callee) for callee in called}
    return tuple(sorted(through, key=lambda callee: -through[callee]))
