"""Scores of every variable at every point of a matrix: what the service would have said, point by point."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from datasource.anomaly import Mechanisms, Persistence, Prediction
from datasource.causes import QuietTimes
from datasource.causes.watch import silence_of, watch
from datasource.data import Matrix, Roles, Variable, absence_notices, encode_events
from datasource.graph import CausalGraph, build_graph
from datasource.replay.alarms import Alarm, Episode, Flags, alarms_of, joined
from datasource.service.jobs import fit_job
from datasource.service.silence import silence_notices
from datasource.service.unjudged import short_lived, unjudged
from datasource.settings import Settings, SettingsError, format_duration
from datasource.topology import read_topology

_SHOWN = 8


class Scored(NamedTuple):
    """A variable's predictions by time, given its parents and given only its own season and level, and the alarms of
    those of its scores that alarm."""

    variable: Variable
    causal: Prediction
    marginal: Prediction
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True)
class FileScores:
    """Mechanisms fitted on a baseline, and the matrix that they are asked about."""

    settings: Settings
    matrix: Matrix
    graph: CausalGraph
    mechanisms: Mechanisms
    notices: tuple[str, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What is scored, in the matrix' order."""
        return tuple(variable for variable in self.matrix.variables if variable in self.mechanisms.causal)

    def __iter__(self) -> Iterator[Scored]:
        """One variable after the other, entity by entity, predicted when it is asked for."""
        roles, asked = Roles(self.settings.signals), self.settings.anomaly.persistence
        persistence = Persistence(asked.points, asked.of)
        start, step = self.matrix.start, self.matrix.step
        quiet_times = QuietTimes(self.settings.quiet_times, roles, self.graph)
        silence = silence_of(quiet_times, self.mechanisms, self.matrix, roles, persistence)
        for one in watch(self.mechanisms, self.matrix, roles, persistence, silence):
            alarms = (
                alarms_of(one.variable, kind, height, start, step, persistence.apart)
                for kind, height in one.heights.items()
            )
            yield Scored(one.variable, one.causal, one.marginal, tuple(chain.from_iterable(alarms)))

    def episodes(self, alarms: Iterable[Alarm]) -> tuple[Episode, ...]:
        """The episodes that alarms form, as the service would page them: those of one variable when they are its own,
        of the whole installation when they are everybody's."""
        asked = self.settings.anomaly.persistence
        return joined(alarms, Persistence(asked.points, asked.of).apart * self.matrix.step)

    def during(self, alarms: Iterable[Alarm]) -> Flags:
        """At which times an episode of these alarms goes on."""
        start, step = self.matrix.start, self.matrix.step
        flags = np.zeros(self.matrix.values.shape[1], dtype=np.bool_)
        for episode in self.episodes(alarms):
            flags[(episode.start - start) // step : (episode.end - start) // step + 1] = True
        return flags


def score_matrix(
    settings: Settings, matrix: Matrix, baseline: Matrix | None = None, notices: tuple[str, ...] = ()
) -> FileScores:
    """Fit mechanisms on `baseline`, else on the matrix itself, and score the matrix; effects are not computed.

    In a baseline of their own, incidents are found and left out as far as they are shorter than half of it. Raises
    GraphError, and SettingsError when there are too few points to fit or the two matrices have nothing in common.
    """
    measured = matrix.variables
    matrix = matrix.select([variable for variable in measured if variable.signal in settings.signals])
    if baseline is not None:
        matrix = _in_step(matrix, baseline.step)
    notices += absence_notices(matrix if baseline is None else baseline, settings.signals)
    notices += silence_notices(settings, matrix)
    matrix = encode_events(matrix, settings.signals)
    usual = matrix if baseline is None else _alike(encode_events(baseline, settings.signals), matrix)
    entities = {variable.entity for variable in usual.variables}
    topology = read_topology(settings, None, entities, usual.start, usual.end)
    built = build_graph(settings, usual.variables, topology)
    needed, where = settings.evaluation.warm_up, "" if baseline is None else "of the baseline "
    points = int(np.isfinite(usual.values).any(axis=0).sum())
    if points < needed:
        few = f"{points} point {where}is" if points == 1 else f"{points} points {where}are"
        raise SettingsError(f"{few} too few to fit: {needed} are needed (evaluation.warm_up)")
    quiet_times = QuietTimes(settings.quiet_times, Roles(settings.signals), built.graph)
    mechanisms = fit_job(settings, usual, built.graph, left_out=quiet_times.left_out(entities, usual.start, usual.end))
    silent = unjudged(usual, Roles(settings.signals), mechanisms.causal)
    lives = tuple(text for _, text in short_lived(silent, mechanisms.causal, needed))
    if not mechanisms.causal:
        most = int(np.isfinite(usual.values).sum(axis=1).max(initial=0))
        raise SettingsError(
            f"no variable has enough samples {where}to fit: the fullest has {most}, {needed} are needed "
            f"(evaluation.warm_up){''.join(f'; {text}' for text in lives)}"
        )
    left_out = [str(variable) for variable in measured if variable not in mechanisms.causal]
    said = [f"fewer than {needed} samples {where}to fit on, and not scored: {_some(left_out)}"] if left_out else []
    if away := [str(variable) for variable in mechanisms.causal if variable not in matrix]:
        said.append(f"in the baseline and not in the data, and so not scored: {_some(away)}")
    if not set(mechanisms.causal) & set(matrix.variables):
        raise SettingsError(f"nothing can be scored: {said[0]}; the baseline has {_some([*map(str, usual.variables)])}")
    return FileScores(
        settings,
        matrix,
        built.graph,
        mechanisms,
        (
            *dict.fromkeys((*notices, *topology.notices, *built.notices)),
            *quiet_times.notices(entities),
            *said,
            *lives,
        ),
    )


def _in_step(matrix: Matrix, step: int) -> Matrix:
    """A single point has any step."""
    if matrix.values.shape[1] == 1:
        return Matrix(matrix.variables, matrix.start, step, matrix.values)
    if matrix.step != step:
        ours, theirs = format_duration(matrix.step), format_duration(step)
        longest = format_duration(max(matrix.step, step))
        raise SettingsError(
            f"the baseline has a step of {theirs}, the data of {ours}; bring them to the same step, as "
            f"--step {longest} does"
        )
    return matrix


def _alike(baseline: Matrix, matrix: Matrix) -> Matrix:
    """The baseline under the matrix' names: files of one entity each may be named after their files."""
    here, there = ({variable.entity for variable in one.variables} for one in (matrix, baseline))
    if len(here) != 1 or len(there) != 1 or here == there:
        return baseline
    (entity,) = here
    named = tuple(Variable(entity, variable.signal) for variable in baseline.variables)
    return Matrix(named, baseline.start, baseline.step, baseline.values)


def _some(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
