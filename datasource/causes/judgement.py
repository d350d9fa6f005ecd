"""The verdict on every entity: is it anomalous, and who is the cause?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from math import nan
from typing import NamedTuple

import numpy as np

from datasource.anomaly.batch import predict_all
from datasource.anomaly.constants import NEW_NORMAL
from datasource.anomaly.fit import Kind, Mechanisms
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.persistence import Persistence, newest_points, since
from datasource.causes.constants import ABSURD, HELD, MOSTLY
from datasource.causes.gap_attribution import root_causes
from datasource.causes.model import RootCauses
from datasource.causes.newest_alarms import Jointly, Scores, Silenced, hear, persists
from datasource.causes.path import Paths
from datasource.causes.quiet import QuietTimes
from datasource.causes.recent import Recent
from datasource.causes.recurrence import Recurrences
from datasource.causes.suspects import Busy, Suspects, Ways, suspects
from datasource.data import Entity, Matrix, Variable
from datasource.data.roles import BREAKS, SUFFERS, Roles
from datasource.prometheus import reach
from datasource.topology import Topology

_KINDS: tuple[Kind, Kind] = "causal", "marginal"


class Verdict(NamedTuple):
    """An anomalous entity: its worst symptom, the causes of that, and the one that is named (None if unsure).

    `support` has everybody who is named, and how sure that is; `since` (seconds) is its first anomalous point.
    """

    entity: Entity
    causes: RootCauses
    root_cause: Entity | None
    support: tuple[tuple[Entity, float], ...] = ()
    since: int = 0

    @property
    def confidence(self) -> float:
        """How sure it is of the root cause; NaN where none is named."""
        return self.support[0][1] if self.support else nan

    @property
    def demand(self) -> Entity | None:
        """Of whom more is asked, where nobody is named and that makes up at least half of the gap."""
        most = max(self.causes.outside, key=lambda one: one.share, default=None)
        able = self.root_cause is None and most is not None and most.kind == "demand" and most.share >= MOSTLY
        return most.entity if able and most else None

    @property
    def is_root_cause(self) -> bool:
        return self.root_cause == self.entity

    def of_several(self, variables: tuple[Variable, ...]) -> "Verdict":
        """The verdict, of an entity that is anomalous by these variables together, and by none alone."""
        return self._replace(causes=self.causes._replace(together=variables))


@dataclass(frozen=True)
class Judgement:
    """Everything anomaly detection says about the newest points."""

    scores: Mapping[Variable, Scores]
    judged: frozenset[Entity]
    """The entities of which enough points are known to say that they are well, or not."""
    verdicts: tuple[Verdict, ...]
    symptoms: tuple[RootCauses, ...]
    """What users of the system feel: the symptoms of whom nobody anomalous waits for, most of all first."""
    stands_for: Mapping[Variable, int] = field(default_factory=dict)
    """Of each of these symptoms, how many anomalous entities calls lead to from there, its own included."""
    joint: Mapping[Entity, float] = field(default_factory=dict)
    """The joint score of each entity of which enough is known, the highest of the newest points; above 1 it is
    anomalous, unless it is quiet."""
    jointly: Mapping[Entity, Jointly] = field(default_factory=dict)
    """Of the entities whose joint score is above 1: when, and by what."""
    silenced: Silenced = field(default_factory=Silenced)
    """Who does not alarm, and why."""
    confidence: Mapping[Entity, float] = field(default_factory=dict)
    """How likely each entity is the root cause of what is anomalous, if there is one."""


def judge(
    matrix: Matrix,
    mechanisms: Mechanisms,
    roles: Roles,
    topology: Topology,
    *,
    points: int = 3,
    of: int = 5,
    previous: Sequence[Verdict] = (),
    late: Mapping[str, int] | None = None,
    quiet_times: QuietTimes | None = None,
    recurrences: Recurrences | None = None,
    busy: Sequence[Busy] = (),
) -> Judgement:
    """Score the newest `of` columns and name causes; of a variable whose samples come late, the newest that it has.

    An entity is anomalous when a score of a signal that hurts persists above 1 (`points` of the last `of`, or the last
    two far above): the marginal score of latency, failures or work (it suffers), or the causal score of those or of
    saturation (it broke); or when its joint score was above 1 within the newest `points`. In its `quiet_times` no
    entity is anomalous, nor who only suffers by one that is quiet (see `quiet`), or by demand, nor who is so at this
    time of day on other days as well, as `recurrences` have it; these learn.

    Who is named as the cause says the ranking of everybody (`suspects`), since something is anomalous, against what was
    not `busy` before; what of a symptom's gap comes from where says `walk`. Causes of the `previous` verdicts stay
    named while they are likely enough and have not recovered, and a verdict stays for a while when nothing at all is
    known of its symptom.

    `late` says how late (seconds) the samples of a signal may come; of a signal that is not there, none is. Without it
    any may come late of an entity of which there is something newer. What is older than that is not judged: who is
    silent is not well.
    """
    persistence = Persistence(points, of)
    newest = _Newest(matrix, mechanisms, roles, topology, persistence, late)
    scores = _not_misled(_scores(newest, persistence), mechanisms, roles)
    heard = hear(
        scores,
        mechanisms,
        roles,
        newest.window,
        persistence,
        quiet_times or QuietTimes(),
        recurrences or Recurrences(),
    )
    silent = heard.silenced.entities - heard.loud(roles)
    previous = [one for one in previous if one.entity not in silent]
    scores, jointly = heard.scores, heard.jointly
    before = {verdict.entity: verdict for verdict in previous}
    alone = heard.anomalous(roles)
    found = alone | jointly.keys()
    own: dict[Entity, list[Variable]] = {entity: [] for entity in sorted(found)}
    for variable in scores:
        if variable.entity in own and roles.role(variable) in BREAKS:
            own[variable.entity].append(variable)
    began = {one: before[one].since if one in before else newest.since(scores, these) for one, these in own.items()}
    recovered = {one for one in before.keys() - found if heard.well(one)}
    left = {one for one in found & before.keys() if before[one].root_cause in recovered}
    # What goes on when somebody who was named for it has recovered is another one's doing.
    began |= {one: max(began[one], matrix.end - (points - 1) * matrix.step) for one in left}
    symptoms = {one: _symptom(scores, roles, own[one]) for one in own}
    held = tuple(v for v in previous if v.entity not in found and _unseen(matrix, v.causes.symptom, of))
    top, stands_for = _top_symptoms((*symptoms.values(), *(v.causes.symptom for v in held)), newest.recent(0))
    ways = Ways(topology, _edges(mechanisms, roles) if found else ())
    votes = Counter(verdict.root_cause for verdict in previous if verdict.root_cause not in recovered)
    named = [root for root, _ in votes.most_common() if root is not None]
    who = Suspects()
    if found:
        who = suspects(
            matrix,
            min(began.values()),
            roles.signals,
            ways,
            found,
            heard.broke(roles, points),
            greedy=heard.greedy(roles),
            excused=silent | recovered,
            named=named,
            busy=busy,
        )
    paths = {behind: Paths(newest.recent(behind), ways) for behind in {scores[one].behind for one in symptoms.values()}}
    verdicts = tuple(
        _verdict(paths[scores[symptom].behind], symptom, who, began[one]) for one, symptom in symptoms.items()
    )
    verdicts = tuple(v if v.entity in alone else v.of_several(jointly[v.entity].largest) for v in verdicts) + held
    felt = {verdict.causes.symptom: verdict.causes for verdict in verdicts}
    judged = heard.judged(roles, points)
    ordered = tuple(felt[symptom] for symptom in top)
    return Judgement(
        scores, judged, verdicts, ordered, stands_for, heard.joint, jointly, heard.silenced, who.confidence
    )


class _Newest:
    """The newest `of` columns, and those that are the newest of a variable whose samples are so many steps behind."""

    def __init__(
        self,
        matrix: Matrix,
        mechanisms: Mechanisms,
        roles: Roles,
        topology: Topology,
        persistence: Persistence,
        late: Mapping[str, int] | None,
    ) -> None:
        self.matrix, self.mechanisms, self.roles, self.topology = matrix, mechanisms, roles, topology
        (self.points, self.of), self._lateness = persistence, late
        self._longest = max((p.lag for m in mechanisms.causal.values() for p in m.parents), default=0)
        self._late = matrix.between(matrix.end - reach(matrix.step), matrix.end)
        self._windows: dict[int, Matrix] = {}
        self._recent: dict[int, Recent] = {}
        self._known: dict[int, dict[Variable, tuple[Prediction, Prediction]]] = {}

    def window(self, behind: int) -> Matrix:
        """With the columns that lags look back to."""
        if behind not in self._windows:
            end = self.matrix.end - behind * self.matrix.step
            start = end - (self.of - 1 + self._longest) * self.matrix.step
            self._windows[behind] = self.matrix.between(start, end)
        return self._windows[behind]

    def scores(self, variables: Sequence[Variable], behind: int, persistence: Persistence) -> dict[Variable, Scores]:
        """In columns that end so many steps behind the newest one."""
        found: list[tuple[list[Prediction], list[bool]]] = []
        for kind in _KINDS:
            mechanisms: dict[Variable, Mechanism] = getattr(self.mechanisms, kind)
            every = [mechanisms[variable] for variable in variables]
            # Those that are late are others every time.
            predictions = (
                predict_all(every, self.window(behind), self.roles)
                if behind
                else self.mechanisms.predict(kind, variables, self.window(behind), self.roles)
            )
            found.append((predictions, persists(predictions, persistence, [one.strong for one in every])))
        (causal, broke), (marginal, suffers) = found
        self._known[behind] = dict(zip(variables, zip(causal, marginal, strict=True), strict=True))
        return dict(zip(variables, map(Scores, causal, marginal, broke, suffers, repeat(behind)), strict=True))

    def recent(self, behind: int) -> Recent:
        """What is unusual in them."""
        if behind not in self._recent:
            end = self.matrix.end - behind * self.matrix.step
            window = self.matrix.between(end - (self.of - 1) * self.matrix.step, end)
            self._recent[behind] = Recent(window, self.mechanisms, self.roles, self.topology, self._known[behind])
        return self._recent[behind]

    def behind(self, variable: Variable) -> int:
        """How many steps its newest sample is behind the newest column; 0 where that is older than what is late."""
        known = np.flatnonzero(np.isfinite(self.roles.level(self._late, variable)))
        behind = int(self._late.values.shape[1] - 1 - known[-1]) if known.size else 0
        if self._lateness is not None:
            return behind if behind * self.matrix.step <= self._lateness.get(variable.signal, 0) else 0
        return behind if variable.entity in self._there else 0

    def since(self, scores: Mapping[Variable, Scores], own: Sequence[Variable]) -> int:
        """When (seconds) the stretch began in which an entity is anomalous by its own variables: its first point above
        1."""
        before, step = 0, self.matrix.step
        whole = self.matrix.between(self.matrix.end - NEW_NORMAL * self.matrix.values.shape[1] * step, self.matrix.end)
        for variable in own:
            for kind in self.roles.alarms(variable):
                if getattr(scores[variable], f"{kind}_persists"):
                    mechanism: Mechanism = getattr(self.mechanisms, kind)[variable]
                    score = getattr(scores[variable], kind).score[-self.of :]
                    if np.nan_to_num(score)[0] > 1:
                        score = mechanism.predict(whole, self.roles).score
                    before = min(before, since(score, self.points, self.of, self.of, mechanism.strong))
        return self.matrix.end + before * step

    @cached_property
    def _there(self) -> frozenset[Entity]:
        """The entities of which something is known at the newest columns."""
        rows = np.flatnonzero(np.isfinite(self.matrix.values[:, -self.of :]).any(axis=1))
        return frozenset(self.matrix.variables[row].entity for row in rows)


def _scores(newest: _Newest, persistence: Persistence) -> dict[Variable, Scores]:
    """Of every variable of the matrix that has a mechanism, in their order."""
    found = newest.scores([v for v in newest.mechanisms.causal if v in newest.matrix], 0, persistence)
    behind = {v: newest.behind(v) for v, one in found.items() if np.isnan(one.marginal.score[-1])}
    for steps in {*behind.values()} - {0}:
        late = [variable for variable, other in behind.items() if other == steps]
        found |= newest.scores(late, steps, persistence)
    return found


def _not_misled(scores: dict[Variable, Scores], mechanisms: Mechanisms, roles: Roles) -> dict[Variable, Scores]:
    """Nothing is anomalous given an absurd parent as long as it is quite usual in itself."""
    absurd = _beyond(scores, ABSURD)
    if not absurd:
        return scores
    absurd |= {variable for variable in scores if roles.counted_by(variable) in absurd}
    found = dict(scores)
    for variable, one in scores.items():
        misled = any(parent.variable in absurd for parent in mechanisms.causal[variable].parents)
        if misled and not (one.marginal.score > 1).any():
            usual = one.causal._replace(score=np.fmin(one.causal.score, 1.0))
            found[variable] = one._replace(causal=usual, causal_persists=False)
    return found


def _beyond(scores: Mapping[Variable, Scores], height: float) -> set[Variable]:
    """The variables with a marginal score beyond a height."""
    every = [one.marginal.score for one in scores.values()]
    together = newest_points(every, max((score.size for score in every), default=0))
    variables = tuple(scores)
    return {variables[row] for row in np.flatnonzero((together > height).any(axis=1)).tolist()}


def _unseen(matrix: Matrix, symptom: Variable, of: int) -> bool:
    """Whether a symptom has no sample now, and had one not long ago."""
    known = np.isfinite(matrix.row(symptom)) if symptom in matrix else np.zeros(of, dtype=np.bool_)
    return not known[-of:].any() and bool(known[-HELD * of :].any())


def _edges(mechanisms: Mechanisms, roles: Roles) -> set[tuple[Entity, Entity]]:
    """Whose variables are causes of whose, demand apart."""
    return {
        (parent.variable.entity, variable.entity)
        for variable, mechanism in mechanisms.causal.items()
        for parent in mechanism.parents
        if parent.variable.entity != variable.entity and roles.role(parent.variable) != "load"
    }


def _symptom(scores: Mapping[Variable, Scores], roles: Roles, own: Sequence[Variable]) -> Variable:
    """What an anomalous entity shows most, of its variables: what hurts first, then what it broke in."""
    felt = [v for v in own if roles.role(v) in ("latency", "failure")]
    hurting = [v for v in felt if scores[v].marginal_persists]
    broken = [v for v in felt if scores[v].causal_persists] or [v for v in own if scores[v].causal_persists]
    return max(hurting or broken or own, key=lambda v: (_last(scores[v].marginal), _last(scores[v].causal), str(v)))


def _verdict(paths: Paths, symptom: Variable, who: Suspects, since: int) -> Verdict:
    causes = root_causes(paths.recent, symptom, who.confidence)
    roots = who.of(causes, paths.ways)
    if not roots:
        return Verdict(symptom.entity, causes._replace(likely=who.between), None, roots, since)
    first = roots[0][0]
    causes = causes._replace(likely=roots, path=paths.to(symptom, first))
    return Verdict(symptom.entity, causes, first, roots, since)


def _top_symptoms(symptoms: Sequence[Variable], recent: Recent) -> tuple[tuple[Variable, ...], dict[Variable, int]]:
    """Of the symptoms of anomalous entities those of whom no anomalous entity waits for: first what stands for most
    others, then what hurts, at entries, and where most is asked; and for how many each stands."""
    anomalous = {symptom.entity for symptom in symptoms}
    waited_for = {
        tie.ends[1][1]
        for tie in recent.topology.ties
        if tie.waits and len(tie.ends) > 1 and tie.ends[0][1] in anomalous and tie.ends[0][1] != tie.ends[1][1]
    }
    callees = {one: {tie.ends[1][1] for tie in recent.calls_of(one)} & anomalous for one in anomalous}
    felt = [symptom for symptom in symptoms if symptom.entity not in waited_for]
    able = felt or symptoms
    stands_for = {symptom: _reached(symptom.entity, callees) for symptom in able}

    def standing(symptom: Variable) -> tuple[int, bool, bool, float, float, str]:
        load = recent.mean(symptom.entity, "load") or 0.0
        hurts, entry = recent.roles.role(symptom) in SUFFERS, not recent.calls_to(symptom.entity)
        return -stands_for[symptom], not hurts, not entry, -load, -abs(recent.gap(symptom)), str(symptom)

    ordered = tuple(sorted(able, key=standing))
    return ordered if felt else ordered[:1], stands_for


def _reached(entity: Entity, callees: Mapping[Entity, AbstractSet[Entity]]) -> int:
    """How many entities calls lead to from this one, itself included."""
    found, ahead = {entity}, {entity}
    while ahead:
        ahead = {callee for one in ahead for callee in callees[one]} - found
        found |= ahead
    return len(found)


def _last(prediction: Prediction) -> float:
    score = prediction.score[-1]
    return float(score) if np.isfinite(score) else -1.0
