"""Fitting the mechanisms of a baseline, and calibrating them to the promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from datasource.anomaly.mechanisms.calibration import calibrate
from datasource.anomaly.mechanisms.fit_one import Accepted, LeftOut, OneFit
from datasource.anomaly.mechanisms.mechanism import Mechanism
from datasource.anomaly.mechanisms.persistence import USUAL, Persistence, Watched, watch
from datasource.anomaly.roles import Roles
from datasource.graph import CausalGraph
from datasource.telemetry import Matrix, Variable

_MOST_LAGS = 8


@dataclass(frozen=True)
class Mechanisms:
    """Of every variable: given its parents (`causal`), and given only its own season and level (`marginal`).

    `supported` is the smallest number of false alarm episodes a day that the baseline can promise.
    """

    causal: dict[Variable, Mechanism]
    marginal: dict[Variable, Mechanism]
    fitted_at: int
    supported: float = inf


def fit_mechanisms(
    matrix: Matrix,
    graph: CausalGraph,
    roles: Roles,
    *,
    older: Matrix | None = None,
    false_alarms_per_day: float = 0.5,
    persistence: Persistence = USUAL,
    thresholds: Mapping[str, float] | None = None,
    longest_lag: float = 0.0,
    left_out: Sequence[LeftOut] = (),
    accepted: Sequence[Accepted] = (),
    min_points: int = 120,
    environment: tuple[str, ...] = (),
) -> Mechanisms:
    """Fit both mechanisms of every variable that has at least `min_points` samples.

    Robust least squares: rows that deviate far are taken as incidents and left out, as are the times `left_out`. What
    was `accepted` is a level of its own, of which a few points are enough. A parent acts at the lags of the graph, and
    at those up to `longest_lag` (seconds, eight steps at most) that the data adds. The intervals are then made
    as wide as the promise of `false_alarms_per_day` asks for (see `calibration`), times the `thresholds` by signal.

    `older` has single points, without their neighbours, of the time before `matrix`. What is related within one step
    is fitted on both, and so knows the day from two days on and the week from two weeks on; a mechanism with lagged
    parents is fitted on `matrix` alone, and so is one with events, most of which lie between the points of `older`.
    """
    fitted: dict[tuple[str, Variable], Mechanism] = {}
    watched: list[Watched] = []
    smallest: dict[Variable, float] = {}
    longest = min(int(longest_lag // matrix.step), _MOST_LAGS)
    for variable in matrix.variables:
        one = OneFit(matrix, older, roles, variable, longest, left_out, environment, accepted)
        if one.points < min_points:
            continue
        edges = [edge for edge in graph.parents(variable) if edge.cause in matrix]
        alarms = roles.alarms(variable)
        smallest[variable] = one.smallest_width
        fitted["marginal", variable], score = one.given(())
        watched.append(watch((variable.signal, "marginal"), bool(alarms), score, persistence))
        if edges:
            fitted["causal", variable], score = one.given(edges)
            watched.append(watch((variable.signal, "causal"), "causal" in alarms, score, persistence))
    found = calibrate(watched, matrix.values.shape[1], matrix.step, false_alarms_per_day, persistence)
    wider = thresholds or {}
    for (place, mechanism), factor in zip(fitted.items(), found.factors, strict=True):
        variable = mechanism.variable
        least, asked = smallest[variable], wider.get(variable.signal, 1.0)
        below, above = (asked * max(factor * width, least) for width in (mechanism.below, mechanism.above))
        fitted[place] = replace(mechanism, below=below, above=above)
    marginal = {variable: one for (kind, variable), one in fitted.items() if kind == "marginal"}
    causal = {variable: fitted.get(("causal", variable), alone) for variable, alone in marginal.items()}
    return Mechanisms(causal, marginal, matrix.end, found.supported)
