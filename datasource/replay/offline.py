"""One evaluation of a matrix: what the service would say at its end, with no server, clock or worker."""

from collections.abc import Iterable

import numpy as np

from datasource.causes import QuietTimes, judge
from datasource.data import Matrix, Roles, absence_notices, encode_events
from datasource.graph import build_graph
from datasource.identification import effect_questions
from datasource.incidents import Incident
from datasource.incidents.advice import advise
from datasource.incidents.connected import neighbours
from datasource.incidents.episodes import Past
from datasource.incidents.grouping import group
from datasource.incidents.log import grouping
from datasource.prometheus import SignalReport
from datasource.service.jobs import effects_job, fit_job
from datasource.service.rates import promise_notices
from datasource.service.silence import silence_notices
from datasource.service.snapshot import Snapshot
from datasource.service.unheard import unheard
from datasource.service.unjudged import unjudged, unjudged_notices
from datasource.settings import Loaded
from datasource.topology import read_topology


def evaluate_matrix(loaded: Loaded, matrix: Matrix, notices: tuple[str, ...] = ()) -> Snapshot:
    """Fit, judge and estimate on a matrix as the clock does; `notices` come before those of the analyses.

    Relations are taken from lists in the settings. While there are fewer points than the warm-up asks for,
    mechanisms and judgement are None. Raises GraphError.
    """
    settings, read = loaded.settings, matrix
    absent = absence_notices(read, settings.signals)
    matrix = encode_events(read, settings.signals)
    entities = {variable.entity for variable in matrix.variables}
    topology = read_topology(settings, None, entities, matrix.start, matrix.end)
    built = build_graph(settings, matrix.variables, topology)
    points = int(np.isfinite(matrix.values).any(axis=0).sum())
    quiet_times = QuietTimes(settings.quiet_times, Roles(settings.signals), built.graph)
    mechanisms = judgement = None
    if points >= settings.evaluation.warm_up:
        left_out = quiet_times.left_out(entities, matrix.start, matrix.end)
        mechanisms = fit_job(settings, matrix, built.graph, left_out=left_out)
        persistence = settings.anomaly.persistence
        judgement = judge(
            matrix,
            mechanisms,
            Roles(settings.signals),
            topology,
            points=persistence.points,
            of=persistence.of,
            quiet_times=quiet_times,
        )
    fitted = mechanisms.causal if mechanisms else {}
    silent = unjudged(matrix, Roles(settings.signals), fitted)
    said = unjudged_notices(silent, fitted, settings.evaluation.warm_up) if mechanisms else ()
    new = any(one.age < settings.evaluation.warm_up and Roles(settings.signals).alarms(one.variable) for one in silent)
    missed = (*silence_notices(settings, read), *unheard(judgement, settings.signals), *(said if new else ()))
    supported = mechanisms.supported if mechanisms else np.nan
    incidents: tuple[Incident, ...] = ()
    questions, unasked = effect_questions(settings, matrix.variables)
    found = effects_job(settings, matrix, built.graph, questions)
    if mechanisms is not None and judgement is not None:
        near, past = neighbours(built.graph, topology), Past(matrix, mechanisms, Roles(settings.signals))
        incidents = tuple(
            advise(incident, settings, judgement, found.structural, topology, matrix)
            for incident in group((), judgement, near, time=matrix.end, past=past, **grouping(settings))
        )
    return Snapshot(
        time=matrix.end,
        settings=settings,
        fingerprint=loaded.fingerprint,
        matrix=matrix,
        topology=topology,
        graph=built.graph,
        mechanisms=mechanisms,
        judgement=judgement,
        effects=found.effects,
        impacts=found.impacts,
        structural=found.structural,
        reports=_reports(settings.signals, read),
        notices=(
            *notices,
            *absent,
            *missed,
            *topology.notices,
            *built.notices,
            *unasked,
            *promise_notices(supported, settings.anomaly.false_alarms_per_day),
            *(() if new else said),
            *quiet_times.notices(entities),
            *(judgement.silenced.told(matrix.end) if judgement else ()),
        ),
        points=points,
        points_needed=settings.evaluation.warm_up,
        incidents=incidents,
        unjudged=silent,
        missed=missed,
    )


def _reports(signals: Iterable[str], matrix: Matrix) -> tuple[SignalReport, ...]:
    counts = np.isfinite(matrix.values).sum(axis=1).tolist()
    found: dict[str, list[int]] = {name: [] for name in signals}
    for variable, count in zip(matrix.variables, counts, strict=True):
        found[variable.signal].append(count)
    return tuple(
        SignalReport(name, len(own), sum(own), "" if own else "no column of this name") for name, own in found.items()
    )
