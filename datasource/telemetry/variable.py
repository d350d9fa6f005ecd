"""What is measured: entities, their variables, and the environments in which mechanisms should hold."""

from typing import NamedTuple


class Entity(NamedTuple):
    """Something measured: its declared type and its labels, in the declared order."""

    type: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "/".join(value for _, value in self.labels)

    @property
    def name(self) -> str:
        """The value of the last label."""
        return self.labels[-1][1]


class Variable(NamedTuple):
    """One signal of one entity. `shop/web.latency` is only how it is shown.

    An entity without labels stands for all of its type: the signal as such.
    """

    entity: Entity
    signal: str

    def __str__(self) -> str:
        return f"{self.entity}.{self.signal}" if self.entity.labels else self.signal


class Environment(NamedTuple):
    """Where and when a mechanism is supposed to be the same: label values, and a named period."""

    labels: tuple[tuple[str, str], ...] = ()
    period: str = ""

    def __str__(self) -> str:
        return ",".join([*(f"{name}={value}" for name, value in self.labels), *([self.period] if self.period else [])])


def environment_of(entity: Entity, labels: tuple[str, ...]) -> Environment:
    """The environment an entity lives in, by the labels that the settings name as telling environments apart."""
    return Environment(tuple(pair for pair in entity.labels if pair[0] in labels))
