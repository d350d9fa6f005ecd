"""The story of QueryService: a sidecar delays its calls to UserService, association misleads, an intervention tells.

Thirty simulated days, a point a minute, whose truth is known. QueryService asks UserService four times, one after the
other, and each call waits for the sidecar, which delays more where load is higher; load also makes QueryService slower
by itself. SearchService is slow when load is high, and never meets the sidecar.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.effects.association import association
from datasource.effects.structural import StructuralModel, fit_structural
from datasource.effects.what_if import what_if
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.incidents.quantity import interval, quantity
from datasource.interventions import Intervention, InterventionLog
from datasource.interventions.impact import Impact, Question, measure
from datasource.interventions.verdicts import Verdict, predicted, verdicts
from datasource.service.intervention_impact import impact_sentence
from datasource.settings import Signal
from datasource.settings.store import Store

STEP, DAYS = 60, 30
START = 1_793_491_200 + STEP
"""2026-11-01, the end of its first minute in UTC."""
CALLS = 4
"""Calls of QueryService to UserService for each request, one after the other."""
DELAY = 0.0051
"""Seconds by which the sidecar delays a call at a usual load."""
OFF_DAY, OFF_HOUR = 29, 10
MORE = 0.05
"""Seconds that the question is about."""


def _variable(service: str, signal: str) -> Variable:
    return Variable(Entity("service", (("service", service),)), signal)


LOAD, DELAYS = _variable("query", "requests"), _variable("sidecar", "delay")
USER, QUERY, SEARCH = (_variable(name, "latency") for name in ("user", "query", "search"))
SIGNALS = {
    "requests": Signal(entity="service", query="simulated", window=STEP, unit="reqps", role="load"),
    "delay": Signal(entity="service", query="simulated", window=STEP, unit="s"),
    "latency": Signal(entity="service", query="simulated", window=STEP, unit="s", role="latency"),
}
_SAID = (Evidence("expert", "the story"),)
GRAPH = CausalGraph(
    (LOAD, DELAYS, USER, QUERY, SEARCH),
    tuple(
        Edge(cause, effect, 0, evidence=_SAID)
        for cause, effect in (
            (LOAD, DELAYS),
            (LOAD, USER),
            (LOAD, QUERY),
            (DELAYS, USER),
            (USER, QUERY),
            (DELAYS, SEARCH),
        )
    ),
)
"""As somebody drew it who knows the system, and who suspects that the sidecar slows SearchService down, too."""


class Story(NamedTuple):
    """What was simulated, and everything that is told of it; `truth` is the change while the sidecar was off."""

    matrix: Matrix
    intervention: Intervention
    slope: float
    slope_interval: tuple[float, float]
    effect: tuple[float, float, float]
    impact: Impact
    verdicts: tuple[Verdict, ...]
    truth: float
    entries: int
    head: str


def simulated(seed: int = 16) -> tuple[Matrix, float]:
    """The thirty days, and what the off hour truly changed in QueryService's latency (seconds, on average)."""
    rng = np.random.default_rng(seed)
    n = DAYS * 86400 // STEP
    angle = 2 * np.pi * (np.arange(n) * STEP % 86400) / 86400
    load = 200 * (1 - 0.3 * np.cos(angle)) + 12 * _noise(rng, n, 0.97)
    delay = DELAY * (0.4 + 0.6 * load / 200) + 0.0003 * _noise(rng, n, 0.9)
    off = (np.arange(n) >= _off(0)) & (np.arange(n) < _off(1))
    without = np.where(off, 0.0, delay)
    user = 0.012 + 0.00002 * load + without + 0.0004 * _noise(rng, n, 0.8)
    own = 0.06 + 0.0002 * load + 0.002 * _noise(rng, n, 0.9)
    query = own + CALLS * user
    search = 0.05 + 0.0003 * load + 0.002 * _noise(rng, n, 0.9)
    truth = -CALLS * float(delay[off].mean())
    return Matrix(
        (LOAD, DELAYS, USER, QUERY, SEARCH), START, STEP, np.array([load, without, user, query, search])
    ), truth


def _noise(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """An autoregression of variance 1."""
    shocks = rng.normal(size=n + 500) * np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks)[500:], dtype=np.float64)


def _off(hour: int) -> int:
    """The step at which the off hour begins (0) or is over (1)."""
    return (OFF_DAY * 24 + OFF_HOUR + hour) * 3600 // STEP


def tell_story(seed: int = 16) -> Story:
    """Simulate, ask, intervene, measure and judge; everything that is told is computed here."""
    matrix, truth = simulated(seed)
    before = matrix.between(matrix.start, START + (_off(0) - 1) * STEP)
    misled = association(before.row(QUERY), before.row(DELAYS))
    model = fit_structural(before, GRAPH, SIGNALS)
    more = _change_by_more(model)
    with tempfile.TemporaryDirectory(prefix="causal-story-") as directory:
        log = InterventionLog(Store(directory=Path(directory)))
        one = record_off_hour(log)
        proof = log.verify()
        log.close()
    found = measure(Question(one, QUERY), matrix, SIGNALS, GRAPH)
    return Story(
        matrix,
        one,
        misled.value,
        (misled.lower, misled.upper),
        more,
        predicted(one, found, matrix, SIGNALS, model),
        verdicts(one, matrix, SIGNALS, model),
        truth,
        proof.entries,
        proof.head,
    )


def record_off_hour(log: InterventionLog) -> Intervention:
    """Write down that the sidecar is off for an hour."""
    start, end = START + (_off(0) - 1) * STEP, START + (_off(1) - 1) * STEP
    said = {"kind": "disable", "targets": ["sidecar.delay"], "start": start, "end": end}
    return log.record({**said, "why": "is it the sidecar?"}, "the story").intervention


def _change_by_more(model: StructuralModel) -> tuple[float, float, float]:
    """What so many seconds more of delay do to QueryService: the change and its 95% interval."""
    (said,) = what_if(model, DELAYS, model.levels[DELAYS].now + MORE, [QUERY])
    return said.change.value, said.change.lower, said.change.upper


def told(story: Story) -> Iterator[str]:
    """The story, a line at a time; every number is computed from the simulated data."""
    impact, one = story.impact, story.intervention
    on = impact.on
    effect, lower, upper = story.effect
    yield f"QueryService is slow, and a sidecar delays its calls to UserService ({DAYS} days, a point a minute)"
    yield ""
    yield "1. What a dashboard shows"
    yield (
        f"   where the sidecar delays by 1 ms more, QueryService is {story.slope:.1f} ms slower "
        f"[{story.slope_interval[0]:.1f}, {story.slope_interval[1]:.1f}]"
    )
    yield "   that is an association: with more load the sidecar delays more, and QueryService is slower by itself"
    yield "2. What is the sidecar's own"
    each, least, most = (value / MORE for value in story.effect)
    yield f"   with load held fixed, 1 ms more of delay adds {each:.2f} ms [{least:.2f}, {most:.2f}]"
    yield f"   throttling an extra {quantity(MORE, 's')} adds {interval(effect, lower, upper, 's')}"
    yield "3. Somebody does something"
    yield f"   the sidecar is off from {_when(one.start)} to {_when(one.end)}: intervention {one.id} of the log"
    yield f"   the log has {story.entries} entry, as it was written; head {story.head[:16]}"
    yield "4. What that changed"
    observed, expected = float(impact.observed[on].mean()), float(impact.expected[on].mean())
    yield f"   observed {1000 * observed:.1f} ms, without the intervention it would have been {1000 * expected:.1f} ms"
    yield f"   {impact_sentence(one, impact, 's')}"
    share = -impact.average.value / (expected - float(np.nanmin(impact.expected)))
    yield f"   the gap to the quietest minute narrows by {share:.0%}; the rest is load"
    yield "5. Verdict"
    for verdict in story.verdicts:
        said = f", predicted {quantity(verdict.predicted.value, 's')}" if verdict.predicted else ""
        change = verdict.measured
        measured = interval(change.value, change.lower, change.upper, "s")
        yield f"   {verdict.kind}: {verdict.cause} -> {verdict.effect}: measured {measured}{said}; {verdict.why}"
    yield ""
    yield f"The truth, which the simulation knows: {CALLS} ms a ms, and {1000 * story.truth:.1f} ms in the off hour"


def _when(seconds: float | None) -> str:
    return f"{datetime.fromtimestamp(seconds or 0, UTC):%Y-%m-%d %H:%M}"
