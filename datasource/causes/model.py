"""Who contributed to a symptom, and how much."""

from math import nan
from typing import NamedTuple

from datasource.data import Entity, Variable


class Contribution(NamedTuple):
    """How much of the symptom's gap, in the symptom's unit, comes from a variable's own change.

    `share` is that of the gap; `confidence`, between 0 and 1, how sure it is that the variable's entity is a cause; NaN
    where nothing was said about it.
    """

    variable: Variable
    contribution: float
    share: float
    confidence: float = nan


class Outside(NamedTuple):
    """What comes from beyond the measured graph: `where` in words, as "demand at shop/web".

    `kind` is "demand" (more requests than callers explain), "call" (a server that nobody measures, or the way to it),
    "machine" (what may share one with those who are slow), or "several" (something that several share, and nothing more
    is known). `entity` is whose demand it is, the server, the machine or who uses it, where one is known. Both are
    empty in what earlier versions stored. It is `sure` where nothing that is measured may be meant instead.
    """

    where: str
    contribution: float
    share: float
    kind: str = ""
    entity: Entity | None = None
    sure: bool = False


class Step(NamedTuple):
    """One edge of the path of a fault, and the numbers of the entity that it reaches.

    `effect` stands in the `relation` to `cause` ("calls", "runs_on"); it is empty where only the causal graph has the
    edge. `variable` is what the effect suffers in most, None where nothing of it is measured; `observed` and `usual`
    are the means of its newest points and of what the marginal mechanism expects of them, in its unit, per request
    where mechanisms see it so. `score` is the marginal score, above 1 an anomaly. NaN where they are not known.
    """

    cause: Entity
    effect: Entity
    relation: str
    variable: Variable | None
    observed: float
    usual: float
    score: float


class RootCauses(NamedTuple):
    """The symptom, its gap (observed minus its usual value, in its unit), and who contributed, most first.

    `contributions`, `outside` and `unexplained` add up to the gap. Where no single variable of the symptom's entity is
    an anomaly, only several together, `together` has those that make most of it, the largest first; else it is
    empty. `likely` has who is named and how sure that is, or those it lies between where nobody can be. `path` leads
    from who is named first to the symptom's entity; it is empty where nobody is named, or that entity itself.
    """

    symptom: Variable
    gap: float
    contributions: tuple[Contribution, ...]
    outside: tuple[Outside, ...] = ()
    unexplained: float = 0.0
    together: tuple[Variable, ...] = ()
    likely: tuple[tuple[Entity, float], ...] = ()
    path: tuple[Step, ...] = ()
