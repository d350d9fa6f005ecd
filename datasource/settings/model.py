"""What causal.yaml may say. Each class is one block of the file."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from datasource.settings.duration import Duration
from datasource.settings.rules import Rule, parse_rule

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use letters, digits and underscores, first a letter")
    return value


def _check_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is not an address; write it as http://prometheus:9090")
    return value.rstrip("/")


def _as_rule(value: Any) -> Any:
    return parse_rule(value) if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_check_name)]
RuleText = Annotated[Rule, BeforeValidator(_as_rule)]
Role = Literal["load", "latency", "work", "failure", "saturation", "event"]
Kind = Literal["gauge", "rate", "quantile", "event"]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prometheus(Block):
    """Where the signals come from.

    `timeout` bounds one request, `retries` counts further tries after a refused connection or a 5xx,
    `latency_offset` is how long after a step its samples are surely there.
    """

    url: Annotated[str, AfterValidator(_check_url)]
    timeout: Duration = 30.0
    retries: int = Field(default=2, ge=0, le=10)
    concurrency: int = Field(default=4, ge=1, le=64)
    latency_offset: Duration = 30.0


class EntityType(Block):
    """Something that is measured, told apart by `labels`; the last one is its name."""

    labels: tuple[Name, ...] = Field(min_length=1)


class Signal(Block):
    """A PromQL query giving one number per entity."""

    entity: str
    query: str = Field(min_length=1)
    window: Duration
    unit: str = "short"
    kind: Kind = "gauge"
    role: Role | None = None
    description: str = ""


class Relation(Block):
    """How entities are tied.

    `ends` names the roles and their entity types. A metric names the entity at an end by the label of
    the end's name and, for further entity labels, `<end>_<label>`; `labels` overrides that.
    """

    source: Literal["service_graph", "metric", "list"] = "service_graph"
    query: str = ""
    ends: dict[Name, str] = {}
    labels: dict[str, dict[str, str]] = {}
    pairs: tuple[RuleText, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: Any) -> Any:
        return {"source": "list", "pairs": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _complete(self) -> "Relation":
        if self.source == "list" and not self.pairs:
            raise ValueError("a relation from a list needs pairs, as ['web -> checkout', ...]")
        if self.source == "metric" and not self.query:
            raise ValueError("a relation from a metric needs a query that returns one series per pair")
        return self


class Graph(Block):
    """What is known about cause and effect."""

    templates: tuple[RuleText, ...] = ()
    edges: tuple[RuleText, ...] = ()
    forbid: tuple[RuleText, ...] = ()


class Effect(Block):
    """A treatment and an outcome: two signals (then for every entity) or two variables.

    `window` is the length of each rolling window, an eighth of the baseline unless given.
    """

    treatment: str
    outcome: str
    window: Duration | None = None


class Persistence(Block):
    """An anomaly counts when `points` of the last `of` scores are above 1."""

    points: int = Field(default=3, ge=1)
    of: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> "Persistence":
        if self.points > self.of:
            raise ValueError(f"{self.points} of the last {self.of} points can never be; lower 'points'")
        return self


class Anomaly(Block):
    """How sure an alarm must be: at most so many false alarm episodes a day, over everything."""

    false_alarms_per_day: float = Field(default=0.5, gt=0)
    persistence: Persistence = Persistence()


class Evaluation(Block):
    """The clock: every `step` new points are scored, every `refit` the mechanisms are fitted anew."""

    refit: Duration = 600.0
    warm_up: int = Field(default=120, ge=30)
    workers: int = Field(default=1, ge=1, le=16)
    max_series: int = Field(default=50_000, ge=100)


class Settings(Block):
    """causal.yaml."""

    prometheus: Prometheus
    step: Annotated[Duration, Field(ge=1)] = 30.0
    baseline: Duration = 86400.0
    entities: dict[Name, EntityType] = Field(min_length=1)
    signals: dict[Name, Signal] = Field(min_length=1)
    relations: dict[Name, Relation] = {}
    graph: Graph = Graph()
    effects: tuple[Effect, ...] = ()
    anomaly: Anomaly = Anomaly()
    evaluation: Evaluation = Evaluation()
    environment: tuple[Name, ...] = ()

    @property
    def baseline_points(self) -> int:
        return int(self.baseline // self.step)

    def ends(self, relation: str) -> dict[str, str]:
        """Entity type by end of a relation, in the order (from, to); a call entity comes third."""
        ends = dict(self.relations[relation].ends)
        if not ends:
            first = next(iter(self.entities))
            ends = {"client": first, "server": first}
        if set(ends) == {"client", "server"} and "call" in self.entities:
            ends["call"] = "call"
        return ends
