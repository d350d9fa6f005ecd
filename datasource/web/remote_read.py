"""POST /api/v1/read: results computed on demand, for a Prometheus that asks by remote_read.

So PromQL runs where it is at home, over any time of the baseline, also before the first scrape. What is a number of
every point (scores, expected values) comes for every point; the rest comes with the newest one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from flask import Blueprint, Response, current_app, request

from datasource.data import Variable
from datasource.effects.study import StudyError
from datasource.panels import Query, QueryError
from datasource.panels.what_if import parse_value
from datasource.prometheus.prompb import (
    STREAMED,
    STREAMED_XOR_CHUNKS,
    Matcher,
    ReadQuery,
    ReadSeries,
    WireError,
    read_request,
    read_response,
    size_of,
    streamed_response,
)
from datasource.service import (
    COURSE,
    EFFECT_NAMES,
    HELP,
    OVER_TIME,
    Sample,
    Snapshot,
    effect_samples,
    logged_labels,
    samples,
    variable_labels,
)
from datasource.service.asked_effects import PATIENCE, AskedEffect, AskedEffectError, AskedEffects
from datasource.service.later import NotYetError
from datasource.settings.pattern import PatternError
from datasource.settings.pattern import matcher as pattern_matcher
from datasource.web.json_datasource import answered, clock, waiting
from datasource.web.render import error_response

routes = Blueprint("remote_read", __name__)

_MOST_BYTES = 32 * 1024 * 1024
"""As much as Prometheus takes from 3.12 on."""
_MOST_OUTCOMES = 50
_WHAT_IF = ("causal_what_if", "causal_what_if_lower", "causal_what_if_upper")
_QUESTION = ("variable", "value")
_EFFECT = ("treatment", "outcome", "method")
_NOT_OURS = frozenset({"__name__", "door", "job", "instance", *_QUESTION})
"""Labels that results may be asked by without having them: scraped ones lack job and instance."""

Labels = Mapping[str, str]


@routes.post("/api/v1/read")
def read() -> Response:
    """The series that each query selects."""
    if request.headers.get("Content-Encoding", "") != "snappy":
        return error_response(415, "the request is not packed by snappy; this door is for remote_read of Prometheus")
    asked = read_request(request.get_data())
    streamed = asked.answer == STREAMED_XOR_CHUNKS
    written = streamed_response if streamed else read_response
    snapshot = clock().snapshot
    if snapshot is not None:
        try:
            until = time.monotonic() + PATIENCE
            effects = [_asked_effects(query, snapshot, until) for query in asked.queries]
        except NotYetError as error:
            return error_response(503, str(error))
        found = zip(asked.queries, effects, strict=True)
        body = answered(snapshot, asked, lambda: written(_within_bounds(found, snapshot))).plain
    elif any(_names(query) for query in asked.queries):
        return error_response(503, waiting())
    else:
        body = written([[] for _ in asked.queries])
    if streamed:
        return Response(body, content_type=STREAMED)
    return Response(body, content_type="application/x-protobuf", headers={"Content-Encoding": "snappy"})


@routes.errorhandler(WireError)
def no_request(error: WireError) -> Response:
    return error_response(400, f"{error}; this door is for remote_read of Prometheus")


def _within_bounds(
    queries: Iterable[tuple[ReadQuery, Sequence[Sample]]], snapshot: Snapshot
) -> Iterator[list[ReadSeries]]:
    size = 0
    for query, effects in queries:
        found = []
        for series in selected(query, snapshot, effects):
            size += size_of(series)
            if size > _MOST_BYTES:
                raise QueryError(
                    f"the answer has more than {_MOST_BYTES // 1024 // 1024} MiB; select fewer series or a shorter time"
                )
            found.append(series)
        yield found


def selected(query: ReadQuery, snapshot: Snapshot, effects: Sequence[Sample] = ()) -> Iterator[ReadSeries]:
    """The series that a query selects in its time, of a snapshot and of effects that it asks for. Raises QueryError."""
    names = _names(query)
    if not names:
        return
    newest = samples(snapshot)
    ours = _NOT_OURS.union(*(one.labels for one in newest))
    kept = [one for one in query.matchers if one.operator != "=" or one.name in ours]
    asked = _equal(query, _QUESTION)
    door = {"door": "causal"} if any(one.name == "door" for one in kept) else {}
    tests = [(one.name, _test(one)) for one in kept if one.name not in (*_QUESTION, "__name__")]

    def passes(labels: Labels) -> bool:
        return all(test(labels.get(name, door.get(name, ""))) for name, test in tests)

    for name in names:
        if name in OVER_TIME:
            yield from _over_time(name, query, snapshot, passes, door)
        elif name in COURSE:
            yield from _courses(name, query, snapshot, passes, door)
    when = snapshot.time * 1000
    if query.start <= when <= query.end:
        rows: Iterable[Sample] = (one for one in (*newest, *effects) if one.name in names and one.name not in OVER_TIME)
        if "variable" in asked or set(names) <= set(_WHAT_IF):
            rows = [*rows, *_what_if(asked, snapshot, names, passes)]
        for row in rows:
            if passes(row.labels):
                labels = {"__name__": row.name, **row.labels, **door}
                yield ReadSeries(labels, np.array([when]), np.array([row.value]))


def _equal(query: ReadQuery, names: Iterable[str]) -> dict[str, str]:
    """What matchers want these labels to be."""
    return {one.name: one.value for one in query.matchers if one.operator == "=" and one.name in names}


def _asked_effects(query: ReadQuery, snapshot: Snapshot, until: float) -> list[Sample]:
    """The effects of the matchers `treatment`, `outcome` and `method`, where all three are there. Raises QueryError,
    and NotYetError where they are still estimated at the time `until` (of `time.monotonic`)."""
    told = _equal(query, _EFFECT)
    asked = len(told) == len(_EFFECT) and EFFECT_NAMES.intersection(_names(query))
    if not asked or not query.start <= snapshot.time * 1000 <= query.end:
        return []
    tests = {one.name: _test(one) for one in query.matchers}

    def passes(treatment: Variable, outcome: Variable) -> bool:
        return all(name not in tests or tests[name](value) for name, value in outcome.entity.labels)

    effects: AskedEffects = current_app.extensions["asked_effects"]
    try:
        found = effects.ask(AskedEffect(**told), snapshot, passes, max(until - time.monotonic(), 0.0))
    except AskedEffectError as error:
        raise QueryError(str(error)) from None
    known = [one for one in found if np.isfinite(one.effect.value)]
    if found and not known:
        raise QueryError("; ".join(found[0].notices) or "the data do not show this effect")
    return [row._replace(labels=row.labels | told) for one in known for row in effect_samples(one)]


def _over_time(
    name: str, query: ReadQuery, snapshot: Snapshot, passes: Callable[[Labels], bool], door: Labels
) -> Iterator[ReadSeries]:
    marginal, field = OVER_TIME[name]
    wanted = [variable for variable in snapshot.matrix.variables if passes(variable_labels(variable))]
    predicted = snapshot.predict_between(wanted, query.start / 1000, query.end / 1000, marginal=marginal)
    for variable, times, found in predicted:
        labels = {"__name__": name, **variable_labels(variable), **door}
        yield ReadSeries(labels, times * 1000, getattr(found, field))


def _courses(
    name: str, query: ReadQuery, snapshot: Snapshot, passes: Callable[[Labels], bool], door: Labels
) -> Iterator[ReadSeries]:
    """Of what each assessed intervention changed, at every point that is known."""
    for impact in snapshot.assessed.impacts:
        labels = logged_labels(impact)
        values = COURSE[name](impact)
        shown = (impact.times * 1000 >= query.start) & (impact.times * 1000 <= query.end) & np.isfinite(values)
        if passes(labels) and shown.any():
            yield ReadSeries({"__name__": name, **labels, **door}, impact.times[shown] * 1000, values[shown])


def _what_if(
    asked: Labels, snapshot: Snapshot, names: Sequence[str], passes: Callable[[Labels], bool]
) -> Iterator[Sample]:
    """What would be if the variable of the matcher `variable` were held at `value`. Raises QueryError."""
    from datasource.effects.what_if import reached, what_if

    model = snapshot.structural
    if model is None:
        raise QueryError("the equations of the causal graph are being fitted")
    if "variable" not in asked:
        raise QueryError('say what is held at which value, as causal_what_if{variable="web.requests", value="now * 2"}')
    question = Query("what_if", 0, 0, {"variable": (asked["variable"],)})
    variable: Variable = question.wanted("variable", sorted(model.levels))[0]
    value = parse_value(asked.get("value", "highest"), model, variable)
    try:
        outcomes = [outcome for outcome in reached(model, variable) if passes(variable_labels(outcome))]
        rows = what_if(model, variable, value, outcomes[:_MOST_OUTCOMES]) if outcomes else ()
    except StudyError as error:
        raise QueryError(str(error)) from None
    for row in rows:
        labels = variable_labels(row.outcome) | dict(asked)
        for name, found in zip(_WHAT_IF, (row.predicted, row.lower, row.upper), strict=True):
            if name in names:
                yield Sample(name, labels, found)


def _names(query: ReadQuery) -> list[str]:
    """The metrics that a query may be about: none where it names none."""
    tests = [_test(one) for one in query.matchers if one.name == "__name__"]
    if all(test("") for test in tests):
        return []
    return [name for name in (*HELP, *_WHAT_IF) if all(test(name) for test in tests)]


def _test(one: Matcher) -> Callable[[str], bool]:
    """Whether a label's value passes. Raises QueryError."""
    try:
        equal = one.value.__eq__ if one.operator in ("=", "!=") else pattern_matcher(one.value)
    except PatternError as error:
        raise QueryError(f"matcher of '{one.name}': {error}") from None
    return (lambda value: not equal(value)) if one.operator.startswith("!") else equal
