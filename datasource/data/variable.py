"""What is measured: entities, their variables, and the environments in which mechanisms should hold."""

from typing import NamedTuple


class Entity(NamedTuple):
    """Something measured: its declared type and its labels, in the declared order.

    It is shown by their values with slashes between them; a slash in one of several is shown as %2F, so that no two
    entities are shown alike.

    >>> str(Entity("service", (("namespace", "a/b"), ("service", "c"))))
    'a%2Fb/c'
    """

    type: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        if len(self.labels) == 1:
            return self.plain
        return "/".join(value.replace("%2F", "%252F").replace("/", "%2F") for _, value in self.labels)

    @property
    def plain(self) -> str:
        """The values with slashes between them, as people may write them; others may be written alike."""
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
