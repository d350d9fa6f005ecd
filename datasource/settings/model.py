"""What causal.yaml may say. Each class is one block of the file."""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from datasource.settings.block import Block
from datasource.settings.discovery import DiscoveryName
from datasource.settings.duration import Duration
from datasource.settings.experiments import Experiments
from datasource.settings.federation import Federation
from datasource.settings.interventions import Interventions
from datasource.settings.methods import ImpactMethod, MethodName
from datasource.settings.name import LabelName, Name
from datasource.settings.prometheus import Prometheus
from datasource.settings.quiet_times import QuietTime
from datasource.settings.relations import Relation
from datasource.settings.remedies import Remedy
from datasource.settings.remote_write import RemoteWrite
from datasource.settings.rules import RuleText
from datasource.settings.store import Store
from datasource.settings.web import Web, Writes

Role = Literal["load", "latency", "work", "failure", "success", "saturation", "event", "activity"]
Kind = Literal["gauge", "rate", "quantile", "event"]
Server = Literal["prometheus", "loki", "victorialogs", "tempo"]
LOGS: tuple[Server, ...] = ("loki", "victorialogs")
"""Servers that answer with nothing where no line matched."""


class EntityType(Block):
    """Something that is measured, told apart by `labels`; the last one is its name."""

    labels: tuple[LabelName, ...] = Field(min_length=1)


class Signal(Block):
    """A PromQL query giving one number per entity.

    `end` is for signals of a call: `server` where it is measured at the server, otherwise the client sees it. `labels`
    are, by label of the entity, those of the answer that are called otherwise.
    """

    entity: str
    query: str = Field(min_length=1)
    source: Server = "prometheus"
    labels: dict[LabelName, str] = Field(default={})
    window: Duration
    unit: str = "short"
    kind: Kind = "gauge"
    encode: Literal["count", "active", "since"] = "count"
    role: Role | None = None
    end: Literal["client", "server"] = "client"
    description: str = ""


EVERYWHERE = "all"
"""In place of an entity type: one variable for the whole installation."""


class Discovery(Block):
    """Edges that data propose beside the graph: by `method`, anew after `every`, for at most `time_budget`."""

    method: DiscoveryName = "hybrid"
    every: Duration = 86400.0
    time_budget: Duration = 600.0


class Falsification(Block):
    """Tests of what the graph implies, anew after `every`; of what they say against it, a share of at most
    `false_discoveries` is chance."""

    every: Duration = 3600.0
    false_discoveries: Annotated[float, Field(gt=0, lt=1)] = 0.05


class Graph(Block):
    """What is known about cause and effect.

    `unmeasured` names variables that act and that nobody measures, each with the entity type that has one of them per
    entity, or "all"; a list of names stands for the first entity type.
    """

    unmeasured: dict[Name, str] = Field(default={})
    templates: tuple[RuleText, ...] = ()
    edges: tuple[RuleText, ...] = ()
    forbid: tuple[RuleText, ...] = ()
    discover: Discovery | None = None
    falsify: Falsification | None = Falsification()

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.templates, *self.edges, *(f"forbid: {rule}" for rule in self.forbid))))

    @field_validator("unmeasured", mode="before")
    @classmethod
    def _of_the_first_type(cls, value: Any) -> Any:
        return {name: "" for name in value} if isinstance(value, (list, tuple)) else value


class Invariance(Block):
    """Mechanisms compared between environments: anew after `every`, for at most `time_budget`.

    Environments are told apart by the labels of `environment`, by `interventions` of the log, by `incidents`, and by
    `changes` that the data show. `level` is the chance that anything is said to be another mechanism where nothing is.
    """

    every: Duration = 3600.0
    time_budget: Duration = 600.0
    interventions: bool = True
    incidents: bool = True
    changes: bool = True
    level: float = Field(default=0.05, gt=0, le=0.5)


class Effect(Block):
    """A treatment and an outcome: two signals (then for every entity, or with `pooled` once for all) or two variables.

    `window` is the length of each rolling window, an eighth of the baseline unless given. `method` is one of
    `methods.METHODS`; without it the graph and the data decide. `instruments`, `modifiers` and `strata` name signals of
    the same entity, or variables; `modifiers` and `strata` may also name a label of the entity.
    """

    treatment: str
    outcome: str
    window: Duration | None = None
    method: MethodName | None = None
    pooled: bool = False
    instruments: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    strata: str | None = None


CAUSES = "causes"
"""Among the controls of an impact: the outcome's own causes in the graph."""
_BY_CAUSES: tuple[ImpactMethod, ...] = ("counterfactual_regression", "interrupted_time_series")


class Impact(Block):
    """What an intervention on `treated` changed in `outcome`, against the entities `controls` (all others if empty).

    `causes` among the controls, or alone, are the outcome's own causes in the graph. `at` is when it began: a time, or
    the name of an event signal, whose newest occurrence at `treated` counts. `until` is when it ended: a time, or the
    name of an event signal: when that is over, if it is on at the start, else its first occurrence afterwards.
    """

    outcome: str
    treated: str
    controls: tuple[str, ...] = ()
    at: str
    until: str | None = None
    method: ImpactMethod = "difference_in_differences"

    @model_validator(mode="before")
    @classmethod
    def _by_causes(cls, given: Any) -> Any:
        """`controls: causes` for `controls: [causes]`, and the method that can use them."""
        if not isinstance(given, dict):
            return given
        one = given.get("controls")
        given = given | {"controls": (one,)} if isinstance(one, str) else given
        named = given.get("controls")
        if isinstance(named, (list, tuple)) and CAUSES in named:
            given = {"method": _BY_CAUSES[0]} | given
        return given

    @model_validator(mode="after")
    def _used(self) -> "Impact":
        if CAUSES in self.controls and self.method not in _BY_CAUSES:
            raise ValueError(f"{self.method} compares entities, not causes; remove 'method', or name {_BY_CAUSES[0]}")
        return self


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
    """How sure an alarm must be: at most so many false alarm episodes a day, over everything.

    `thresholds` widens or narrows the intervals of single signals: 1.5 is half as wide again. A cause may act up to
    `longest_lag` later than the graph says, where the data shows it.
    """

    false_alarms_per_day: float = Field(default=0.5, gt=0)
    persistence: Persistence = Persistence()
    thresholds: dict[Name, Annotated[float, Field(gt=0)]] = Field(default={})
    longest_lag: Duration = 120.0


_MOST_WORKERS = 16
_DASK = re.compile(r"dask://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


class Evaluation(Block):
    """The clock: every `step` new points are scored, every `refit` the mechanisms are fitted anew."""

    refit: Duration = 600.0
    warm_up: int = Field(default=120, ge=15)
    workers: int | str = 1
    max_series: int = Field(default=50_000, ge=100)

    @field_validator("workers", mode="before")
    @classmethod
    def _processes_or_cluster(cls, value: Any) -> int | str:
        said = str(value).strip()
        if not isinstance(value, bool) and said.isdecimal() and 1 <= int(said) <= _MOST_WORKERS:
            return int(said)
        found = _DASK.fullmatch(said)
        if found and 0 < int(found["port"]) <= 65535:
            return said
        raise ValueError(
            f"should be a number of processes, from 1 to {_MOST_WORKERS}, or the scheduler of a Dask cluster, as "
            f"dask://scheduler:8786; it is '{said}'"
        )

    @property
    def processes(self) -> int:
        """How many processes here do the work; one beside a cluster."""
        return self.workers if isinstance(self.workers, int) else 1

    @property
    def cluster(self) -> str:
        """Where the scheduler of a Dask cluster is, as it knows its address; empty without one."""
        return self.workers.replace("dask://", "tcp://", 1) if isinstance(self.workers, str) else ""


OLDER_STEPS = 11
"""Of the older baseline, one point in so many is kept. Without a factor in common with minutes and hours, so that
what happens every five minutes or every hour is met at all its phases."""


class Settings(Block):
    """causal.yaml. Of its `packs` only names and parameters are left: what they bring is in the other blocks."""

    prometheus: Prometheus
    packs: dict[Name, dict[str, Any]] = Field(default={})
    loki: Prometheus | None = None
    victorialogs: Prometheus | None = None
    tempo: Prometheus | None = None
    step: Annotated[Duration, Field(ge=1)] = 30.0
    baseline: Duration = 86400.0
    full_resolution: Duration = 172800.0
    entities: dict[Name, EntityType] = Field(min_length=1)
    signals: dict[Name, Signal] = Field(min_length=1)
    relations: dict[Name, Relation] = Field(default={})
    graph: Graph = Graph()
    effects: tuple[Effect, ...] = ()
    impacts: tuple[Impact, ...] = ()
    anomaly: Anomaly = Anomaly()
    quiet_times: tuple[QuietTime, ...] = ()
    evaluation: Evaluation = Evaluation()
    interventions: Interventions = Interventions()
    experiments: Experiments = Experiments()
    store: Store = Store()
    remote_write: RemoteWrite | None = None
    web: Web = Web()
    writes: Writes | None = None
    remedies: dict[Name, Remedy] = Field(default={})
    environment: tuple[LabelName, ...] = ()
    invariance: Invariance | None = None
    federation: Federation | None = None

    @property
    def servers(self) -> dict[str, Prometheus]:
        """Every server that signals may be asked of, by the block that describes it."""
        named = {one: getattr(self, one) for one in get_args(Server)}
        return {name: server for name, server in named.items() if server is not None}

    @property
    def latency_offset(self) -> float:
        """Seconds after which the samples of every server are surely there."""
        return max(server.latency_offset for server in self.servers.values())

    @property
    def recent_points(self) -> int:
        """How many points of a series are kept at full resolution."""
        return int(min(self.baseline, self.full_resolution) // self.step)

    @property
    def older_step(self) -> int:
        """Seconds between two points of the older baseline."""
        return OLDER_STEPS * int(self.step)

    @property
    def older_points(self) -> int:
        """How many points of a series are kept of the older baseline."""
        return int(max(0.0, self.baseline - self.full_resolution) // self.older_step)

    def entity_type(self, name: str) -> str:
        """Of what a signal or an unmeasured variable has one value per entity; "all" for one everywhere."""
        if name in self.signals:
            return self.signals[name].entity
        return self.graph.unmeasured[name] or next(iter(self.entities))

    def ends(self, relation: str) -> dict[str, str]:
        """Entity type by end of a relation, in the order (from, to); a call entity comes third."""
        declared = self.relations[relation]
        ends = dict(declared.ends)
        if not ends:
            first = next(iter(self.entities))
            ends = {end: declared.usual_types.get(end, first) for end in declared.usual_ends}
        if set(ends) == {"client", "server"} and "call" in self.entities:
            ends["call"] = "call"
        return ends
