"""One line of what `check` says."""

from typing import Literal, NamedTuple

State = Literal["ok", "warming", "note", "wrong"]


class Finding(NamedTuple):
    """`section` is signals, relations, graph, quiet times, writes, effects or impacts; `amount` is what came back,
    `text` the rest."""

    section: str
    name: str
    amount: str
    state: State
    text: str = ""


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(2, "entity"), count(1, "tie")
    ('2 entities', '1 tie')
    """
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
