"""`causal-datasource evaluate`: what the service would say at the end of a file."""

from collections.abc import Iterator, Sequence

import click
import numpy as np

from datasource.anomaly import Contribution, RootCauses, Scores, Step, cause_name
from datasource.cli.finding import count
from datasource.cli.offline import Opened, when
from datasource.effects import EffectResult, Estimate, traffic_light
from datasource.effects.result import NO_ESTIMATE
from datasource.evaluation import Snapshot
from datasource.evaluation.quantity import quantity
from datasource.evaluation.summary import place, together_told
from datasource.settings import format_duration
from datasource.telemetry import Variable

_SHOWN = 10
_CAUSES = 5
_SMALLEST_SHARE = 0.01
_LIGHTS = {"green": "hold", "yellow": "doubtful", "red": "fail", "grey": "not made"}


def show(snapshot: Snapshot, opened: Opened) -> None:
    """Print a snapshot as tables."""
    for line in (
        *_file(snapshot, opened),
        "",
        *_scores(snapshot, opened.data.has_time),
        *_verdicts(snapshot),
        *_together(snapshot),
        *_root_causes(snapshot),
        *_effects(snapshot.effects or ()),
        *_impacts(snapshot.impacts or ()),
        *_notices(snapshot.notices),
    ):
        click.echo(line)


def _file(snapshot: Snapshot, opened: Opened) -> Iterator[str]:
    matrix, has_time = snapshot.matrix, opened.data.has_time
    every = f" every {format_duration(matrix.step)}" if has_time else ""
    yield (
        f"{count(len(matrix.variables), 'variable')} of {count(len(snapshot.entities), 'entity')}, "
        f"{count(matrix.values.shape[1], 'point')}{every}, {when(matrix.start, has_time)} to "
        f"{when(matrix.end, has_time)}; {count(len(snapshot.graph.edges), 'edge')} in the causal graph"
    )


def _scores(snapshot: Snapshot, has_time: bool) -> Iterator[str]:
    judgement = snapshot.judgement
    if judgement is None or not judgement.scores:
        return
    ranked = sorted(judgement.scores.items(), key=lambda item: (-_worst(item[1]), str(item[0])))
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


def _verdicts(snapshot: Snapshot) -> Iterator[str]:
    verdicts = snapshot.judgement.verdicts if snapshot.judgement else ()
    yield ""
    if not verdicts:
        judged = snapshot.judgement is None or snapshot.judgement.scores
        yield "Nothing is anomalous" if judged else "Nothing is judged"
        return
    yield "Anomalous"
    rows = [("entity", "symptom", "sure", "root cause")]
    for verdict in sorted(verdicts, key=lambda one: not one.is_root_cause):
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
    for causes in snapshot.judgement.symptoms if snapshot.judgement else ():
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
    yield "Impacts: what an intervention changed since it began, with 95% intervals"
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


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()
