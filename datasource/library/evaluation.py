"""What the service would say at the end of some data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.causes import Contribution, RootCauses, Scores, Step, Verdict, cause_name
from datasource.data import Variable
from datasource.effects import EffectResult, Estimate, traffic_light
from datasource.effects.result import NO_ESTIMATE
from datasource.incidents.quantity import quantity
from datasource.incidents.summary import place, together_told
from datasource.library.result import Result
from datasource.library.text import count, table, when
from datasource.service import Snapshot, snapshot_json
from datasource.settings import format_duration

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SHOWN = 10
_CAUSES = 5
_LATELY = 240
_SMALLEST_SHARE = 0.01
_LIGHTS = {"green": "hold", "yellow": "doubtful", "red": "fail", "grey": "not made"}


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """What the service would say at the end of the data; `snapshot` has everything as it was computed."""

    snapshot: Snapshot
    has_time: bool = True
    title = "Anomalies, root causes and effects"

    @property
    def anomalous(self) -> tuple[str, ...]:
        """The names of the entities that are anomalous, who broke first."""
        return tuple(str(verdict.entity) for verdict in _ordered(self.snapshot))

    @property
    def root_causes(self) -> dict[str, str]:
        """By anomalous entity, the name of its root cause; those of whom nobody can be named are not there."""
        return {
            str(verdict.entity): cause_name(verdict.root_cause, self.snapshot.topology)
            for verdict in _ordered(self.snapshot)
            if verdict.root_cause
        }

    def lines(self) -> Iterator[str]:
        """As `causal-datasource evaluate` prints it."""
        snapshot = self.snapshot
        yield from _file(snapshot, self.has_time)
        yield ""
        yield from _scores(snapshot, self.has_time)
        yield from _verdicts(snapshot)
        yield from _together(snapshot)
        yield from _root_causes(snapshot)
        yield from _effects(snapshot.effects or ())
        yield from _impacts(snapshot.impacts or ())
        told = () if _ordered(snapshot) or not _is_judged(snapshot) else snapshot.missed
        yield from _notices([notice for notice in snapshot.notices if notice not in told])

    def to_frame(self) -> Any:
        """A row for each variable at the end: observed, expected, lower, upper, causal_score, marginal_score."""
        import pandas as pd

        rows = [
            {
                "variable": str(variable),
                "observed": scores.causal.observed[-1],
                "expected": scores.causal.expected[-1],
                "lower": scores.causal.lower[-1],
                "upper": scores.causal.upper[-1],
                "causal_score": scores.causal.score[-1],
                "marginal_score": scores.marginal.score[-1],
            }
            for variable, scores in _ranked(self.snapshot)
        ]
        return pd.DataFrame(rows)

    def _document(self) -> dict[str, Any]:
        return snapshot_json(self.snapshot)

    def plot(self) -> "Picture":
        """The highest scores, causal and marginal."""
        from datasource.library.pictures import PLAIN, WRONG, Bar, bars

        shown = [
            Bar(str(variable), float(np.nan_to_num(scores.causal.score[-1])), color=WRONG if persists else PLAIN)
            for variable, scores in _ranked(self.snapshot)[:_SHOWN]
            for persists in (scores.causal_persists or scores.marginal_persists,)
        ]
        return bars("Causal anomaly scores at the end; anomalous in red", "score, above 1 is an anomaly", shown)

    def pictures(self) -> Sequence["Picture"]:
        """Scores; of each symptom what was observed and expected, whose contributions it has, and the path to it."""
        return (self.plot(), *(picture for causes in _symptoms(self.snapshot) for picture in self._explained(causes)))

    def _explained(self, causes: RootCauses) -> Iterator["Picture"]:
        from datasource.library.pictures import Band, Bar, band, bars, chain

        snapshot = self.snapshot
        unit = snapshot.settings.signals[causes.symptom.signal].unit
        matrix, mechanisms = snapshot.matrix, snapshot.mechanisms
        if mechanisms is not None and causes.symptom in mechanisms.marginal:
            cut = matrix.between(matrix.end - _LATELY * matrix.step, matrix.end)
            seen = mechanisms.marginal[causes.symptom].predict(cut, snapshot.roles)
            times = cut.times.astype("datetime64[s]") if self.has_time else cut.times
            shown = Band(seen.observed, seen.expected, seen.lower, seen.upper)
            yield band(f"{causes.symptom}: observed, and usual for it", unit, times, shown, "not anomalous within")
        parts = [Bar(_cause(part.variable, snapshot), part.contribution) for part in causes.contributions[:_CAUSES]]
        parts += [Bar(f"outside: {one.where}", one.contribution) for one in causes.outside]
        parts.append(Bar("unexplained", causes.unexplained))
        yield bars(f"What the gap of {causes.symptom} comes from", unit, parts)
        if causes.path:
            first = (place(causes.path[0].cause, snapshot.topology), "")
            felt = [_reached(step, snapshot).strip(" ()") for step in causes.path]
            ends = [place(step.effect, snapshot.topology) for step in causes.path]
            yield chain(f"The path to {causes.symptom}", [first, *zip(ends, felt, strict=True)])


def _symptoms(snapshot: Snapshot) -> tuple[RootCauses, ...]:
    return snapshot.judgement.symptoms if snapshot.judgement else ()


def _ordered(snapshot: Snapshot) -> list[Verdict]:
    return sorted(snapshot.judgement.verdicts if snapshot.judgement else (), key=lambda one: not one.is_root_cause)


def _ranked(snapshot: Snapshot) -> list[tuple[Variable, Scores]]:
    scores = snapshot.judgement.scores if snapshot.judgement else {}
    return sorted(scores.items(), key=lambda item: (-_worst(item[1]), str(item[0])))


def _file(snapshot: Snapshot, has_time: bool) -> Iterator[str]:
    matrix = snapshot.matrix
    every = f" every {format_duration(matrix.step)}" if has_time else ""
    yield (
        f"{count(len(matrix.variables), 'variable')} of {count(len(snapshot.entities), 'entity')}, "
        f"{count(matrix.values.shape[1], 'point')}{every}, {when(matrix.start, has_time)} to "
        f"{when(matrix.end, has_time)}; {count(len(snapshot.graph.edges), 'edge')} in the causal graph"
    )


def _scores(snapshot: Snapshot, has_time: bool) -> Iterator[str]:
    ranked = _ranked(snapshot)
    if not ranked:
        return
    above = [item for item in ranked if item[1].causal_persists or item[1].marginal_persists]
    yield f"Scores at {when(snapshot.time, has_time)}: causal, who broke; marginal, who suffers; above 1 is an anomaly"
    rows = [("variable", "observed", "expected", "interval", "causal", "marginal")]
    for variable, scores in (above or ranked)[:_SHOWN]:
        causal = scores.causal
        interval = f"[{_number(causal.lower[-1])}, {_number(causal.upper[-1])}]"
        both = (_number(causal.score[-1], 3), _number(scores.marginal.score[-1], 3))
        rows.append(
            (_named(variable, snapshot), _number(causal.observed[-1]), _number(causal.expected[-1]), interval, *both)
        )
    yield from table(rows)
    if len(above) > _SHOWN:
        yield f"  and {len(above) - _SHOWN} more"


def _is_judged(snapshot: Snapshot) -> bool:
    return snapshot.judgement is None or bool(snapshot.judgement.scores)


def _verdicts(snapshot: Snapshot) -> Iterator[str]:
    verdicts = _ordered(snapshot)
    yield ""
    if not verdicts:
        if not _is_judged(snapshot):
            yield "Nothing is judged"
            return
        yield "Nothing that alarms is anomalous, but:" if snapshot.missed else "Nothing is anomalous"
        yield from (f"  {text}" for text in snapshot.missed)
        return
    yield "Anomalous"
    rows = [("entity", "symptom", "sure", "root cause")]
    for verdict in verdicts:
        cause = cause_name(verdict.root_cause, snapshot.topology) if verdict.root_cause else "not known"
        root = "this one" if verdict.is_root_cause else cause
        several = len(verdict.causes.together) > 1
        sure = "" if np.isnan(verdict.confidence) else f"{verdict.confidence:.0%}"
        rows.append((str(verdict.entity), "several" if several else verdict.causes.symptom.signal, sure, root))
    yield from table(rows)


def _together(snapshot: Snapshot) -> Iterator[str]:
    """Who is anomalous by several signals together, with the joint score."""
    judgement = snapshot.judgement
    for verdict in judgement.verdicts if judgement else ():
        told = together_told(verdict.causes, snapshot.topology)
        score = judgement.joint.get(verdict.entity, np.nan) if judgement else np.nan
        if told:
            yield f"  {told} (joint score {_number(score, 3)})"


def _root_causes(snapshot: Snapshot) -> Iterator[str]:
    for causes in _symptoms(snapshot):
        yield ""
        yield f"Root causes of {causes.symptom}, {_gap(causes, snapshot)}"
        rows = [
            (f"{rank}.", _cause(part.variable, snapshot), f"{part.contribution:+.4g}", f"{part.share:.0%}", _sure(part))
            for rank, part in enumerate(causes.contributions[:_CAUSES], 1)
        ]
        rows += [("", f"outside: {o.where}", f"{o.contribution:+.4g}", f"{o.share:.0%}", "") for o in causes.outside]
        left = causes.unexplained + sum(part.contribution for part in causes.contributions[_CAUSES:])
        if abs(left) >= _SMALLEST_SHARE * abs(causes.gap) > 0:
            rest = "unexplained" if len(causes.contributions) <= _CAUSES else "others and unexplained"
            rows.append(("", rest, f"{left:+.4g}", f"{left / causes.gap:.0%}", ""))
        yield from table(rows)
        yield from _path(causes, snapshot)


def _path(causes: RootCauses, snapshot: Snapshot) -> Iterator[str]:
    """The way from the cause to the symptom, if there is one, with the numbers of everybody on it."""
    if causes.path:
        told = " -> ".join(f"{place(step.effect, snapshot.topology)}{_reached(step, snapshot)}" for step in causes.path)
        yield f"  path: {place(causes.path[0].cause, snapshot.topology)} -> {told}"


def _reached(step: Step, snapshot: Snapshot) -> str:
    if step.variable is None or not np.isfinite(step.observed):
        return ""
    unit = snapshot.settings.signals[step.variable.signal].unit
    return f" ({step.variable.signal} {quantity(step.observed, unit)}, usually {quantity(step.usual, unit)})"


def _cause(variable: Variable, snapshot: Snapshot) -> str:
    return f"{cause_name(variable.entity, snapshot.topology)}.{variable.signal}"


def _sure(part: Contribution) -> str:
    return f"confidence {part.confidence:.0%}" if np.isfinite(part.confidence) else ""


def _gap(causes: RootCauses, snapshot: Snapshot) -> str:
    unit = snapshot.settings.signals[causes.symptom.signal].unit
    shown = "" if unit == "short" else f" {unit}"
    return f"{abs(causes.gap):.4g}{shown} {'above' if causes.gap > 0 else 'below'} its usual value"


def _effects(results: Sequence[EffectResult]) -> Iterator[str]:
    if not results:
        return
    yield ""
    yield "Effects: change of the outcome for one unit more of the treatment, with 95% intervals"
    rows = [("treatment", "outcome", "association", "", "effect", "", "n", "checks", "method")]
    for result in results:
        ends = (str(result.treatment), str(result.outcome))
        how = (_LIGHTS[traffic_light(result.checks)], result.method)
        rows.append((*ends, *_estimate(result.association), *_estimate(result.effect), f"{result.n:,}", *how))
    yield from table(rows)
    for result in results:
        yield from _remarks(f"{result.treatment} -> {result.outcome}", result)


def _impacts(results: Sequence[EffectResult]) -> Iterator[str]:
    if not results:
        return
    yield ""
    yield "Impacts: what an intervention changed while it lasts, with 95% intervals"
    rows = [("outcome", "on average", "", "summed", "", "checks", "method")]
    for result in results:
        summed = result.comparison.cumulative if result.comparison else NO_ESTIMATE
        how = (_LIGHTS[traffic_light(result.checks)], result.method)
        rows.append((str(result.outcome), *_estimate(result.effect), *_estimate(summed), *how))
    yield from table(rows)
    for result in results:
        yield from _remarks(str(result.outcome), result)


def _remarks(name: str, result: EffectResult) -> Iterator[str]:
    """Checks that fail, and notices."""
    for check in result.checks:
        if check.passed is False:
            yield f"  {name}: {check.name} fails: {check.text}"
    yield from (f"  {name}: {notice}" for notice in result.notices)


def _estimate(estimate: Estimate) -> tuple[str, str]:
    return _number(estimate.value), f"[{_number(estimate.lower)}, {_number(estimate.upper)}]"


def _notices(notices: Sequence[str]) -> Iterator[str]:
    if notices:
        yield ""
        yield "Notices"
        yield from (f"  {notice}" for notice in notices)


def _named(variable: Variable, snapshot: Snapshot) -> str:
    unit = snapshot.settings.signals[variable.signal].unit
    return f"{variable}" if unit == "short" else f"{variable} ({unit})"


def _worst(scores: Scores) -> float:
    return float(np.nanmax([scores.causal.score[-1], scores.marginal.score[-1], -1.0]))


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "-"
