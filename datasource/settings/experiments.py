"""The `experiments` block: what may be done to the system by itself, when, and what stops it."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from datasource.settings.block import Block
from datasource.settings.cron import Cron, parse_cron, zone_named
from datasource.settings.duration import Duration
from datasource.settings.finding import close_to
from datasource.settings.name import Name


def _zone(name: str) -> str:
    zone_named(name)
    return name


def _argv(value: object) -> object:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is one text, and no shell takes it apart; write a list, as [kubectl, get, pods]")
    return value


Argv = Annotated[tuple[Annotated[str, Field(max_length=2000)], ...], BeforeValidator(_argv), Field(min_length=1)]


class Experiment(Block):
    """Run `start`, wait `block`, run `rollback`: `blocks` times, in random order with as many blocks without it.

    `outcome` is the variable to measure, `smallest` the effect on it, in its unit, that must be seen. Before and while
    it goes on the marginal score of every guard, the outcome by default, must be known and at most `abort_above`.
    `schedule` is a cron expression by the clock of `timezone`; without it somebody has to run it.
    """

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")] = "experiment"
    targets: tuple[str, ...] = Field(min_length=1)
    parameters: dict[Name, str | int | float | bool] = Field(default={})
    why: str = ""
    start: Argv
    rollback: Argv
    outcome: str
    smallest: Annotated[float, Field(gt=0)] | None = None
    blocks: Annotated[int, Field(ge=1, le=200)] = 1
    block: Annotated[Duration, Field(ge=1)] = 600.0
    timeout: Annotated[Duration, Field(ge=1)] = 60.0
    schedule: Annotated[Cron, BeforeValidator(parse_cron)] | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    guards: tuple[str, ...] = ()
    abort_above: Annotated[float, Field(gt=0)] = 2.0

    @property
    def guarded(self) -> tuple[str, ...]:
        """The variables that stop it."""
        return self.guards or (self.outcome,)

    @property
    def seconds(self) -> float:
        """How long it lasts: as many blocks without as with, where there are several."""
        return self.block * (1 if self.blocks == 1 else 2 * self.blocks)

    def begins(self, start: float, end: float) -> Iterator[int]:
        """When it is due within [start, end] (seconds since 1970)."""
        return self.schedule.begins(start, end, zone_named(self.timezone)) if self.schedule else iter(())


class Experiments(Block):
    """Only those of `plans` that `allow` names are ever run; `dry_run` says what would be, and runs nothing."""

    allow: tuple[Name, ...] = ()
    dry_run: bool = False
    plans: dict[Name, Experiment] = Field(default={})

    @model_validator(mode="after")
    def _known(self) -> "Experiments":
        for name in self.allow:
            if name not in self.plans:
                text = close_to(name, self.plans) or "describe it under plans"
                raise ValueError(f"allow names '{name}', which plans have not; {text}")
        return self
