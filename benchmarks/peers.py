"""Published rankings of root causes, as simple as their papers describe them, to print beside ours.

Each takes an incident and gives a score to every measured service; equal scores are a tie.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.incident import Incident, Method, Scores
from datasource.data import Floats, Matrix, Variable

_ANOMALOUS = 3.0
_FLOOR = 0.02
"""No scale is smaller than this share of the level: a column that hardly ever moves would come first for a hair."""
_FROM_NOTHING = 10.0
"""The deviation of what was always 0 and is no more."""


def n_sigma(incident: Incident) -> Scores:
    """The largest deviation from the baseline's mean in its standard deviations, over a service's variables."""
    return _largest(incident, _deviations(incident, _mean_and_deviation))


def robust_iqr(incident: Incident) -> Scores:
    """The same in interquartile ranges from the median (BARO's scorer, Pham et al. 2024)."""
    return _largest(incident, _deviations(incident, _median_and_iqr))


def internal_first(incident: Incident) -> Scores:
    """N-sigma over what is inside a service (cpu, memory, network, disk) only: who is abnormal inside is a cause.

    After PRISM (2025). Services without any such variable are scored by what is outside, below all others.
    """
    deviations = _deviations(incident, _mean_and_deviation)
    inside = {v: d for v, d in deviations.items() if incident.signals[v.signal].role == "saturation"}
    outside = {v: d for v, d in deviations.items() if v not in inside}
    first, second = _largest(incident, inside), _largest(incident, outside)
    return {service: first[service] + 1e-6 * np.tanh(second[service] / 1e3) for service in incident.services}


def ranked_correlation(incident: Incident) -> Scores:
    """The largest rank correlation with the symptom over baseline and incident, of a service's variables.

    With a symptom, of the variables of the same signal (as in PetShop's evaluation, Hardt et al. 2024); without one,
    the variable that deviates most stands for it, and all are compared.
    """
    deviations = _deviations(incident, _mean_and_deviation)
    known = incident.symptom is not None and incident.symptom in deviations
    symptom = incident.symptom if known else max(deviations, key=lambda v: deviations[v], default=None)
    if symptom is None:
        return dict.fromkeys(incident.services, 0.0)
    same = [v for v in deviations if v != symptom and (v.signal == symptom.signal or not known)]
    rows = {v: _ranks(_around(incident, v)) for v in [symptom, *same]}
    return _largest(incident, {v: abs(_correlation(rows[v], rows[symptom])) for v in same})


def call_graph_traversal(incident: Incident) -> Scores:
    """From the symptom down the calls, as long as services are anomalous as it is: where the trail ends is the cause.

    Ends of a trail come first, by their deviation, then the rest of the trail, then everybody else.
    """
    deviations = _deviations(incident, _mean_and_deviation)
    outside = {v: d for v, d in deviations.items() if incident.signals[v.signal].role in ("latency", "failure", "work")}
    if incident.symptom is not None:
        outside = {v: d for v, d in deviations.items() if v.signal == incident.symptom.signal}
    worst = _largest(incident, outside or deviations)
    anomalous = {service for service in incident.services if worst[service] > _ANOMALOUS}
    callees: dict[str, list[str]] = {}
    for caller, callee in incident.calls:
        callees.setdefault(str(caller), []).append(str(callee))
    called = {callee for those in callees.values() for callee in those}
    start = [str(incident.symptom.entity)] if incident.symptom else [s for s in incident.services if s not in called]
    trail, waiting = set(start), list(start)
    while waiting:
        for callee in callees.get(waiting.pop(), []):
            if callee in anomalous and callee not in trail:
                trail.add(callee)
                waiting.append(callee)
    ends = {service for service in trail if not any(callee in trail for callee in callees.get(service, []))}
    return {
        service: (2.0 * (service in ends) + (service in trail) + np.tanh(worst[service] / 1e3))
        for service in incident.services
    }


def chance(incident: Incident) -> Scores:
    """Everybody is the same."""
    return dict.fromkeys(incident.services, 0.0)


PEERS: dict[str, Method] = {
    "N-sigma": n_sigma,
    "robust-IQR": robust_iqr,
    "internal first": internal_first,
    "ranked correlation": ranked_correlation,
    "call-graph traversal": call_graph_traversal,
    "chance": chance,
}


def _mean_and_deviation(row: Floats) -> tuple[float, float]:
    return float(np.mean(row)), float(np.std(row))


def _median_and_iqr(row: Floats) -> tuple[float, float]:
    low, middle, high = np.quantile(row, [0.25, 0.5, 0.75])
    return float(middle), float(high - low)


def _deviations(incident: Incident, centre: Callable[[Floats], tuple[float, float]]) -> dict[Variable, float]:
    found: dict[Variable, float] = {}
    for variable in incident.incident.variables:
        before, now = _finite(_row(incident.baseline, variable)), _finite(_row(incident.incident, variable))
        if before.size < 2 or not now.size:
            continue
        middle, scale = centre(before)
        gap = float(np.abs(now - middle).max())
        scale = max(scale, _FLOOR * abs(middle))
        # What was always 0 has no scale but its own change.
        found[variable] = gap / scale if scale > 0 else _FROM_NOTHING * (gap > 0)
    return found


def _around(incident: Incident, variable: Variable) -> Floats:
    """As many points before the incident as it has, but at least ten, and the incident."""
    before, now = _row(incident.baseline, variable), _row(incident.incident, variable)
    return np.concatenate([before[-max(10, now.size) :], now])


def _row(matrix: Matrix, variable: Variable) -> Floats:
    return matrix.row(variable) if variable in matrix else np.full(matrix.values.shape[1], np.nan)


def _finite(row: Floats) -> Floats:
    return row[np.isfinite(row)]


def _largest(incident: Incident, scores: dict[Variable, float]) -> dict[str, float]:
    found = dict.fromkeys(incident.services, 0.0)
    for variable, score in scores.items():
        service = str(variable.entity)
        found[service] = max(found[service], score)
    return found


def _ranks(row: Floats) -> Floats:
    from scipy.stats import rankdata

    known = np.isfinite(row)
    ranks = np.full(row.size, np.nan)
    ranks[known] = rankdata(row[known])
    return ranks


def _correlation(a: Floats, b: Floats) -> float:
    known: NDArray[np.bool_] = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return 0.0
    x, y = a[known] - a[known].mean(), b[known] - b[known].mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0
