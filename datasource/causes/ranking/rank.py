"""A ranking of root causes from a normal time and an incident: who broke, by what is measured and who calls whom."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.causes.ranking.confidence import confidences
from datasource.causes.ranking.constants import BLAMED, NOT_CALLED, OF_SHARE, OTHER_KIND, SUFFERING, TWO_PLACES, WAITS
from datasource.causes.ranking.contribution import Share, contributions
from datasource.causes.ranking.levels import CALL, Levels, read_levels, squash
from datasource.causes.ranking.measured_calls import measured_calls
from datasource.causes.ranking.network_delay import network_delay, own_part, unexplained_waiting
from datasource.causes.ranking.request_evidence import RequestEvidence, request_evidence
from datasource.causes.ranking.service_excess import Excess, excess_failures, excess_seconds
from datasource.causes.ranking.unmeasured_callees import unmeasured_callees
from datasource.data import Entity, Matrix, Variable
from datasource.settings import Signal


class Ranked(NamedTuple):
    """A variable and how likely the incident began there.

    `contribution` is what the service adds by itself, in `unit`: to the symptom where there is one, otherwise to its
    own requests; None for variables in which nothing is conserved.
    """

    variable: Variable
    score: float
    contribution: float | None
    unit: str


class Ranking(NamedTuple):
    """Every variable, best first, and the score of each entity, which is that of its best variable.

    `confidence` is the probability that an entity is the root cause (see `confidences`). `outside` are whom
    nobody measures, and whom the likeliest service calls: its excess may be theirs (see `behind`). `changed` says in
    words what changed most in a service of what it does for a request, where that is measured (see `RequestEvidence`).
    """

    variables: tuple[Ranked, ...]
    entities: dict[Entity, float]
    confidence: dict[Entity, float]
    outside: tuple[Entity, ...] = ()
    changed: Mapping[Entity, str] = {}

    @property
    def blamed(self) -> tuple[Entity, ...]:
        """The entities whose score is above 1, best first."""
        return tuple(e for e, s in sorted(self.entities.items(), key=lambda pair: -pair[1]) if s > BLAMED)


def rank(
    baseline: Matrix,
    incident: Matrix,
    signals: Mapping[str, Signal],
    calls: Collection[tuple[Entity, Entity]] = (),
    symptom: Variable | None = None,
    apart: Collection[Entity] = (),
) -> Ranking:
    """Rank every variable of both matrices; `signals` has their roles and units, `calls` are (caller, callee); callees
    may be unmeasured. Calls that the matrices measure (see `measured_calls`) are calls too.

    A service's score adds up what speaks for it: resources that are abnormal inside it and that its traffic does not
    explain (as in PRISM); slowness or failures that its callees, or its own waiting, do not explain; and
    waiting of its callers that nobody explains. Where the symptom is slow rather than failing, failures elsewhere
    count less, and the reverse; so do services that the symptom does not reach along the calls. Everything is taken as
    robust, moderated standard deviations from the baseline, on a logarithmic scale: what is beyond doubt twice over is
    not twice as likely. Equal scores are ties.

    Where calls are measured, own seconds and failures are what is measured (see `request_evidence`), and of these, the
    service's network, what it does for a request, and that it stopped, the clearest counts.

    Of whom is set `apart` the excess does not count when that of others is compared with the largest: who broke beside
    somebody who is known to have broken may be far less slow.
    """
    if not (baseline.variables or incident.variables):
        return Ranking((), {}, {})
    levels = read_levels(baseline, incident, signals)
    place = {entity: number for number, entity in enumerate(levels.services)}
    measured = measured_calls(baseline, incident, signals, levels.services)
    told = [(place[a], place[b]) for a, b in dict.fromkeys(calls) if a in place and b in place and a != b]
    pairs = list(dict.fromkeys((*told, *measured.pairs)))
    unmeasured = [(place[a], b) for a, b in dict.fromkeys(calls) if a in place and b not in place]
    hidden = list(dict.fromkeys((*unmeasured, *measured.hidden)))
    requests = request_evidence(baseline, incident, signals, levels.services, measured)
    aside = [place[entity] for entity in apart if entity in place]
    slowness = _measured(excess_seconds(levels, pairs, aside), levels, requests)
    failures = excess_failures(levels, pairs, aside)
    like_slow, like_failing = _kinds(symptom, levels)
    waits, unexplained = squash(levels.waiting), unexplained_waiting(levels, pairs)
    suffers = np.maximum(like_slow * squash(levels.slow), like_failing * squash(levels.failures_z))
    slow = squash(slowness.z) * own_part(unexplained) * slowness.share**OF_SHARE
    failing = squash(failures.z) * failures.share**OF_SHARE
    own = np.maximum(
        like_slow * np.where(np.isfinite(requests.own), requests.own, slow),
        like_failing * np.where(np.isfinite(requests.failures), requests.failures, failing),
    )
    own[sorted({caller for caller, _ in hidden})] *= TWO_PLACES
    own = np.maximum.reduce([own, like_slow * requests.network, requests.activity, requests.stopped])
    scores = levels.inside + own + SUFFERING * suffers + WAITS * waits + network_delay(levels, unexplained, pairs)
    if symptom is not None and symptom.entity in place and pairs:
        scores = np.where(_reached(place[symptom.entity], pairs, scores.size), scores, NOT_CALLED * scores)
    shares = contributions(levels, slowness, failures, signals, symptom)
    by_entity = dict(zip(levels.services, scores.tolist(), strict=True))
    by_entity |= dict(zip(measured.entities, (like_slow * requests.wire).tolist(), strict=True))
    outside = unmeasured_callees(own, levels.inside, scores, hidden)
    says = {
        **dict(zip(levels.variables, levels.evidence.tolist(), strict=True)),
        **_on_calls((*baseline.variables, *incident.variables), signals, by_entity),
        **requests.says,
    }
    told_shares = {levels.variables[i]: share for i, share in shares.items()}
    ranked = _by_variable(by_entity, says, told_shares, signals)
    most = [requests.changed(number) for number in range(len(levels.services))]
    changed = {e: words for e, (evidence, words) in zip(levels.services, most, strict=True) if evidence > 0}
    return Ranking(ranked, by_entity, confidences(by_entity), outside, changed)


def _on_calls(
    variables: Sequence[Variable], signals: Mapping[str, Signal], scores: dict[Entity, float]
) -> dict[Variable, float]:
    """What a call's variables say: that it takes long is seen in the seconds of its client."""
    calls = [variable for variable in dict.fromkeys(variables) if variable.entity.type == CALL]
    for variable in calls:
        scores.setdefault(variable.entity, 0.0)
    seen = [(v, signals[v.signal]) for v in calls]
    return {v: scores[v.entity] if (signal.role, signal.end) == ("work", "client") else 0.0 for v, signal in seen}


def _measured(slowness: Excess, levels: Levels, requests: RequestEvidence) -> Excess:
    """The slowness with what is measured of it, where the calls are, in place of what the callees' shares suggest."""
    known = np.isfinite(requests.own)
    load = np.where(np.isfinite(levels.requests), levels.requests, 0.0)
    excess = np.where(requests.own_z > 1, np.maximum(load * np.nan_to_num(requests.own_change), 0.0), 0.0)
    return slowness._replace(
        excess=np.where(known, excess, slowness.excess), z=np.where(known, np.nan_to_num(requests.own_z), slowness.z)
    )


def _kinds(symptom: Variable | None, levels: Levels) -> tuple[float, float]:
    """How much slowness and failures count for this symptom."""
    role = levels.roles[levels.variables.index(symptom)] if symptom in levels.variables else ""
    return OTHER_KIND if role == "failure" else 1.0, OTHER_KIND if role in ("latency", "work") else 1.0


def _reached(start: int, pairs: Collection[tuple[int, int]], count: int) -> NDArray[np.bool_]:
    found = np.zeros(count, dtype=np.bool_)
    waiting = [start]
    while waiting:
        caller = waiting.pop()
        if not found[caller]:
            found[caller] = True
            waiting += [b for a, b in pairs if a == caller]
    return found


def _by_variable(
    scores: Mapping[Entity, float],
    says: Mapping[Variable, float],
    shares: Mapping[Variable, Share],
    signals: Mapping[str, Signal],
) -> tuple[Ranked, ...]:
    """The entity's score at its clearest variable, less at the others."""
    ranked: list[Ranked] = []
    best: dict[Entity, float] = {}
    for variable, evidence in sorted(says.items(), key=lambda pair: -pair[1]):
        score = scores[variable.entity]
        if variable.entity in best:
            clearest = best[variable.entity]
            score *= evidence / clearest if clearest > 0 else 0.0
        best.setdefault(variable.entity, evidence)
        share = shares.get(variable)
        unit = share.unit if share else signals[variable.signal].unit
        ranked.append(Ranked(variable, score, share.value if share else None, unit))
    return tuple(sorted(ranked, key=lambda one: -one.score))
