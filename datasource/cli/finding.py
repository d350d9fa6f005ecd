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
