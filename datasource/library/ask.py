"""The questions: effect, impact, what-if, root causes, scores, and everything together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import ValidationError

from datasource.data import Entity, Matrix, Variable, encode_events
from datasource.data.csv.calls import NamedCall
from datasource.data.csv.files import CsvData
from datasource.data.csv.table import CsvError, Readable
from datasource.effects import analyse_impact
from datasource.effects.files.answer import answer_file
from datasource.effects.files.question import FileQuestion
from datasource.effects.study import StudyError
from datasource.effects.what_if import reached
from datasource.effects.what_if import what_if as predict
from datasource.graph import CausalGraph, build_graph
from datasource.library.data import Data, as_data, wide
from datasource.library.describe import cannot_be
from datasource.library.effect_result import Effect
from datasource.library.evaluation import Evaluation
from datasource.library.impact_result import ImpactOf
from datasource.library.moments import names_of, seconds_of
from datasource.library.prediction import WhatIf
from datasource.library.ranking import Ranking
from datasource.library.scores import ScoresByTime
from datasource.library.sources import Calls, Opened, named_calls, open_whole
from datasource.replay import evaluate_matrix
from datasource.replay.rank_files import Roles, joined_files, load_roles, rank_files
from datasource.replay.score_file import score_matrix
from datasource.service.jobs import effects_job
from datasource.settings import CAUSES, Impact, Rule, Settings, SettingsError, format_duration
from datasource.settings.finding import known
from datasource.settings.graph_file import load_graph
from datasource.settings.methods import ImpactMethod, find_method
from datasource.settings.model import Graph
from datasource.topology import read_topology

Asked = Data | Readable


def effect(
    data: Asked,
    treatment: str,
    outcome: str,
    *,
    graph: str | Graph | None = None,
    adjust: Sequence[str] | None = None,
    instruments: Sequence[str] = (),
    mediators: Sequence[str] = (),
    modifiers: Sequence[str] = (),
    strata: Sequence[str] = (),
    unit: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
    post: str | None = None,
    method: str | None = None,
    lags: int | None = None,
    accept_loss: bool = False,
) -> Effect:
    """What one unit more of the column `treatment` does to the column `outcome`, with an interval and checks.

    What to adjust for follows from `graph` (see `datasource.graph`) or is said with `adjust`, `[]` for a randomised
    treatment. `instruments` move the treatment and reach the outcome in no other way; the effect passes through
    `mediators` (front-door); `group` and `post` (0 and 1) ask for a difference in differences. `modifiers` also give
    the effect at each of their levels; `strata` show the association within theirs (Simpson). `unit` and `time` are
    the columns of unit and time, where they are not found by themselves. `method` names an estimator, `lags` the steps
    that the effect may take. Where more than 1% of the rows, or of a column's cells, cannot be read, `accept_loss` asks
    for an answer from the rest. Raises CsvError, SettingsError and StudyError.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=500)
    >>> x = z + rng.normal(size=500)
    >>> table = pd.DataFrame({"x": x, "y": 2 * x + 3 * z + rng.normal(size=500), "z": z})
    >>> found = effect(table, "x", "y", adjust=["z"])
    >>> round(found.value, 1), found.interval[0] < 2 < found.interval[1]
    (2.0, True)
    >>> round(found.answer.association.value, 1)
    3.6
    """
    if (group is None) != (post is None):
        raise StudyError("group and post belong together: who was treated, and when")
    if lags is not None and lags < 0:
        raise StudyError(f"lags is {lags}; give the steps that the effect may take, 0 or more")
    read = as_data(data)
    reading = read.source.reading
    if len(read.source.data) != 1:
        raise CsvError("an effect is asked of one file or data frame; join them first")
    if unused := [name for name in ("step", "columns_are", "timezone") if getattr(reading, name) is not None]:
        raise StudyError(f"an effect is computed on the rows as they are: {', '.join(unused)} says nothing here")
    table = read.source.data[0]
    if isinstance(table, CsvData):
        graph = graph if graph is not None else _unrolled(read)
        table = wide(table)
    try:
        chosen = find_method(method) if method is not None else None
    except ValueError as error:
        raise StudyError(str(error)) from None
    question = FileQuestion(
        table,
        treatment,
        outcome,
        graph,
        None if adjust is None else names_of(adjust),
        names_of(instruments),
        names_of(mediators),
        names_of(modifiers),
        names_of(strata),
        names_of(unit) or reading.entity,
        time or reading.time,
        group,
        post,
        chosen,
        lags,
        accept_loss or reading.accept_loss,
    )
    return Effect(answer_file(question))


def impact(
    data: Asked,
    outcome: str,
    *,
    treated: str | None = None,
    start: Any,
    end: Any = None,
    controls: str | Sequence[str] = (),
    method: str | None = None,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
) -> ImpactOf:
    """What an intervention on the entity `treated` changed in the signal `outcome`, with an interval and checks.

    `outcome` may name both, as `web.latency`; `treated` is not needed where there is one entity. `start` is a time, or
    the signal of an event, whose newest occurrence counts; `end` a time, or the signal of an event: when that is over,
    if it is on at the start, else its first occurrence afterwards. `controls` are the entities to compare with, all
    others if none is named; `causes` among them, or alone, are the outcome's own causes in the graph, which one entity
    by itself is compared with. `method` names an estimator that compares before and after; `graph`, `calls` and
    `config` are as for `evaluate`. Raises CsvError, SettingsError, GraphError and StudyError.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> requests = rng.normal(100, 20, size=300)
    >>> latency = 80 + 0.9 * requests + rng.normal(0, 3, size=300)
    >>> latency[200:260] += 27
    >>> table = pd.DataFrame({"latency": latency, "requests": requests})
    >>> table.index = pd.date_range("2026-01-01", periods=300, freq="1min", name="time")
    >>> found = impact(table, "latency", start=table.index[200], end=table.index[260])
    >>> round(found.value), found.interval[1] - found.interval[0] < 4
    (27, True)
    >>> found.answer.notices[-1].endswith("the effect is gone")
    True
    """
    given = _given(data, graph, calls, config)
    opened = given.opened
    settings = opened.settings
    matrix, built = _graph_of(opened)
    treated, outcome = _changed(treated, outcome, matrix.variables)
    named = names_of(controls)
    others = {one.entity for one in matrix.variables if one.signal == outcome and treated not in _names(one.entity)}
    if not named and not others and method is None:
        named = (CAUSES,)
    zone = given.source.reading.timezone
    at, until = (_moment(time, settings, zone) for time in (start, end))
    asked = _impact(outcome=outcome, treated=treated, controls=named, at=at, until=until, method=method)
    answer = analyse_impact(asked, matrix, settings.signals, settings.environment, built)
    if answer.comparison is None:
        raise StudyError("; ".join(answer.notices))
    entities_named = tuple(one for one in named if one != CAUSES)
    return ImpactOf(answer, answer.comparison, matrix.step, opened.data.has_time, entities_named)


def _names(entity: Entity) -> tuple[str, str]:
    return str(entity), entity.name


def _changed(treated: str | None, outcome: str, variables: Sequence[Variable]) -> tuple[str, str]:
    """The entity and the signal that are meant. Raises StudyError."""
    by_name = {str(one): one for one in variables}
    if treated is None and outcome in by_name:
        return str(by_name[outcome].entity), by_name[outcome].signal
    measured = {str(one.entity): one for one in variables if one.signal == outcome}
    if not measured:
        raise StudyError(f"no signal '{outcome}'; {known(outcome, {one.signal for one in variables})}")
    if treated is None and len(measured) > 1:
        raise StudyError(f"{len(measured)} entities have {outcome}; say which was changed: {known('', measured)}")
    return treated or next(iter(measured)), outcome


def _moment(time: Any, settings: Settings, zone: str | None) -> str | None:
    """A time or an event's name, as settings hold it; a time that cannot be read is left for them to refuse."""
    if time is None or (isinstance(time, str) and time in settings.signals):
        return time
    try:
        return str(seconds_of(time, zone))
    except ValueError:
        return str(time)


def _impact(**given: Any) -> Impact:
    """The question as the settings would ask it. Raises StudyError."""
    if given["method"] is None:
        del given["method"]
    else:
        try:
            given["method"] = find_method(given["method"])
        except ValueError as error:
            raise StudyError(str(error)) from None
        if given["method"] not in get_args(ImpactMethod):
            raise StudyError(
                f"{given['method']} does not compare before and after; known are: {', '.join(get_args(ImpactMethod))}"
            )
    try:
        return Impact(**given)
    except ValidationError as error:
        raise StudyError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


def _graph_of(opened: Opened) -> tuple[Matrix, CausalGraph]:
    """The matrix as analyses see it, and the causal graph of its variables. Raises GraphError."""
    matrix = encode_events(opened.data.matrix, opened.settings.signals)
    entities = {variable.entity for variable in matrix.variables}
    topology = read_topology(opened.settings, None, entities, matrix.start, matrix.end)
    return matrix, build_graph(opened.settings, matrix.variables, topology).graph


def _unrolled(data: Data) -> Graph | None:
    """The edges between the variables of a Prometheus, as the settings' rules bring them about."""
    edges = _graph_of(data.opened)[1].edges
    return Graph(edges=tuple(Rule(str(e.cause), str(e.effect), (e.lag,)) for e in edges)) if edges else None


def what_if(
    data: Asked,
    variable: str,
    value: float,
    outcomes: Sequence[str] = (),
    *,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
) -> WhatIf:
    """What if a variable, as `web.requests`, were held at a value for good: do(variable = value), pushed through the
    equations of the causal graph.

    Without `outcomes` it answers for all that the variable reaches. Raises CsvError, SettingsError, GraphError and
    StudyError.
    """
    opened = _given(data, graph, calls, config).opened
    matrix, built = _graph_of(opened)
    model = effects_job(opened.settings.model_copy(update={"impacts": ()}), matrix, built, ()).structural
    if model is None:
        raise StudyError("the causal graph has no equations; give a graph")
    by_name = {str(one): one for one in model.levels}
    treatment = _named(variable, by_name)
    wanted = [_named(one, by_name) for one in names_of(outcomes)] or list(reached(model, treatment))
    return WhatIf(predict(model, treatment, float(value), wanted) if wanted else ())


def _named(name: str, variables: dict[str, Variable]) -> Variable:
    if name not in variables:
        raise StudyError(f"no variable '{name}'; {known(name, variables)}")
    return variables[name]


def rank(
    baseline: Asked | Sequence[Readable],
    incident: Asked | Sequence[Readable],
    *,
    symptom: str | None = None,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    roles: str | Roles | None = None,
) -> Ranking:
    """Who caused an incident, given data of a normal time and of the incident, each one or several files or frames.

    `symptom` is the variable that alarmed, as `web.latency`; `calls` says who calls whom (a file, a data frame, or
    pairs of caller and callee); `roles` what signals are, as `{"took": "latency"}`, where their names do not say it.
    Raises CsvError and SettingsError.
    """
    both = as_data(baseline), as_data(incident)
    before, now = (joined_files(one.source.data, one.source.reading) for one in both)
    graph = graph if graph is not None else next((one.source.graph for one in both if one.source.graph), None)
    told = named_calls(calls) or next(filter(None, map(_calls_of, both)), ())
    found = rank_files(
        before,
        now,
        symptom=symptom,
        graph=load_graph(graph) if graph is not None else None,
        calls=told,
        roles=load_roles(roles) if roles else None,
    )
    return Ranking(found)


def _calls_of(data: Data) -> tuple[NamedCall, ...]:
    """Who calls whom, as the data know it: what they were given, or the relations of their settings."""
    if data.source.config is None or data.source.calls is not None:
        return named_calls(data.source.calls)
    settings = data.opened.settings
    calls = [name for name in settings.relations if {"client", "server"} <= settings.ends(name).keys()]
    return tuple(NamedCall(rule.cause, rule.effect) for name in calls for rule in settings.relations[name].pairs)


def score(
    data: Asked,
    baseline: Asked | None = None,
    *,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
) -> ScoresByTime:
    """Causal and marginal anomaly scores of every variable at every point, and when the service would have alarmed.

    What is usual is learnt from `baseline`, else from the data themselves. Raises CsvError, SettingsError and
    GraphError.
    """
    here = open_whole(_given(data, graph, calls, config).source)
    there = here if baseline is None else open_whole(_given(baseline, graph, calls, config).source)
    if here.data.has_time != there.data.has_time:
        raise CsvError("one of data and baseline has a time column and the other has none; give both or neither")
    settings, fitted = there.settings, there.data.matrix
    usual = fitted.between(fitted.end - (settings.recent_points - 1) * fitted.step, fitted.end)
    notices = (*cannot_be(here), *there.data.notices, *here.data.notices)
    learnt = None if baseline is None else usual
    if usual.values.shape[1] < fitted.values.shape[1]:
        span = format_duration(settings.recent_points * fitted.step)
        notices += (f"what is usual is learnt from the newest {span}, as the settings' baseline says",)
        learnt = usual
    return ScoresByTime(score_matrix(settings, here.data.matrix, learnt, notices), here.data.has_time)


def evaluate(
    data: Asked,
    *,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
    at: Any = None,
) -> Evaluation:
    """What the service would say at the end of the data, or at a time: anomalies, root causes, effects.

    `graph` are rules, `calls` says who calls whom, `config` is a causal.yaml, whose queries are ignored. Raises
    CsvError, SettingsError and GraphError.
    """
    given = _given(data, graph, calls, config)
    opened = given.opened if at is None else given.until(at)
    snapshot = evaluate_matrix(opened.loaded, opened.data.matrix, (*cannot_be(opened), *opened.data.notices))
    if snapshot.mechanisms is None:
        raise SettingsError(
            f"{snapshot.points} points are too few to judge: {snapshot.points_needed} are needed (evaluation.warm_up)"
        )
    return Evaluation(snapshot, opened.data.has_time)


def _given(data: Asked, graph: str | Graph | None, calls: Calls | None, config: str | None) -> Data:
    """The data, and what the caller knows better about them."""
    read = as_data(data)
    own = read.source
    graph = own.graph if graph is None else graph
    calls = own.calls if calls is None else calls
    return replace(read, source=own._replace(graph=graph, calls=calls, config=config or own.config))
