"""What people know better about a file than can be found out from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from datasource.data.csv.table import CsvError
from datasource.settings import Role

LOSS = 0.01
"""So much of a file may be dropped without asking."""


@dataclass(frozen=True)
class CsvOptions:
    """How to read a file; what is not given is found from the header and the values.

    `time` and `entity` name columns; `step` (seconds) is the grid's. `columns_are` says what the columns of a wide file
    are: services that all have one `signal`, or signals of one entity. Times without an offset are in `timezone`
    (IANA). `roles` are signals' by name. With `accept_loss` an answer from part of a file is an answer.
    """

    time: str | None = None
    entity: tuple[str, ...] = ()
    step: float | None = None
    columns_are: Literal["services", "signals"] | None = None
    signal: str | None = None
    timezone: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    accept_loss: bool = False

    def __post_init__(self) -> None:
        """Raises CsvError for a role that there is not."""
        for name, role in self.roles.items():
            if role not in get_args(Role):
                raise CsvError(f"roles: '{name}' has the role '{role}'; roles are {', '.join(get_args(Role))}")
