"""Whether an incident points at somebody who is called, and whom nobody measures."""

from collections.abc import Sequence

from datasource.data import Entity, Floats

_CLEAR = 0.7
"""A smaller score may be chance."""
_EXPLAINED = 0.5
"""Something inside that is so clear next to the excess explains it."""


def behind(own: Floats, inside: Floats, scores: Floats, hidden: Sequence[tuple[int, Entity]]) -> tuple[Entity, ...]:
    """The unmeasured callees of the likeliest service, where its excess is not explained by anything inside it.

    `hidden` are (caller, callee) with callers by place. Whom more of all callers' excess goes through comes first.
    """
    if not hidden:
        return ()
    first = int(scores.argmax())
    if scores[first] < _CLEAR or inside[first] >= _EXPLAINED * own[first]:
        return ()
    called = [callee for caller, callee in hidden if caller == first]
    through = {callee: sum(float(own[a]) for a, b in hidden if b == callee) for callee in called}
    return tuple(sorted(through, key=lambda callee: -through[callee]))
