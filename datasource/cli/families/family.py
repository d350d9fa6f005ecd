"""A family of metrics: what somebody's instrumentation calls the things that a service does."""

import re
from collections.abc import Mapping
from string import Template
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from datasource.settings import Role
from datasource.settings.packs import Pack
from datasource.settings.promql import write_labels, write_selector

Kind = Literal["gauge", "rate", "quantile", "event"]


class Proposed(NamedTuple):
    """A signal that a metric offers.

    In `query`, `$by` stands for the entity's labels, `$present` for the matcher that they are there and
    `$window` for the range. `window` (seconds) is fixed only for recording rules. Without `role` it has none.
    """

    name: str
    metric: str
    query: str
    unit: str
    role: Role | None = None
    kind: Kind = "gauge"
    window: float = 0.0
    entity: str = ""

    def render(self, labels: tuple[str, ...], present: str, window: str) -> str:
        """The PromQL for an entity with these labels."""
        text = Template(self.query).substitute(by=write_labels(labels), present=present, window=window)
        return re.sub(r"\{\s*\}", "", re.sub(r",\s*\}", "}", text))


class Family(NamedTuple):
    """What was recognised: its name, the entity it measures, where that entity's labels are seen, its signals.

    With a `pack`, the signals are the pack's under these `parameters`.
    """

    title: str
    entity: str
    metric: str
    names: tuple[str, ...]
    signals: tuple[Proposed, ...]
    findings: tuple[str, ...] = ()
    pack: Pack | None = None
    parameters: Mapping[str, Any] = MappingProxyType({})

    @property
    def made(self) -> str:
        """The entity's name where its metrics have it as no label, and the pack makes it."""
        return self.names[0] if self.pack and self.pack.native else ""


def rate(metric: str, matchers: str = "", divisor: str = "") -> str:
    """The sum over an entity's series of the rate of a counter.

    >>> rate("http_requests_total", 'code=~"5.."')
    'sum by ($by) (rate(http_requests_total{code=~"5..", $present}[$window]))'
    """
    inside = f"{matchers}, $present" if matchers else "$present"
    return f"sum by ($by) (rate({write_selector(metric, inside)}[$window])){divisor}"


def or_zero(query: str, everybody: str) -> str:
    """A query that is 0 where there is nothing to count, for every entity of another query."""
    return f"{query} or 0 * {everybody}"


def ratio(above: str, below: str) -> str:
    """One query divided by another."""
    return f"{above} / {below}"
