"""What spans and log lines would have counted: calls with the seconds of both ends, and lines by service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasource.data import Floats

_WAY = 1e-3
"""Seconds that a call is on its way, as a rule."""


@dataclass(frozen=True)
class Traces:
    """Sums of each step before and during an incident; who is not measured has no logs, and NaN seconds at its end.

    `calls` has, by (client, server), rows of calls, client seconds and server seconds; `logs` has, by service, rows of
    log lines and error lines.
    """

    calls: Mapping[tuple[str, str], Floats]
    logs: Mapping[str, Floats]


def observe(
    rng: np.random.Generator,
    names: Sequence[str],
    fan: Floats,
    requests: Floats,
    latency: Floats,
    failing: Floats,
    wire: Mapping[tuple[int, int], Floats],
    step: int,
    unmeasured: frozenset[int] = frozenset(),
) -> Traces:
    """Count what flows: `fan` has calls for each request of the caller (row), `requests` are per second, `latency`
    seconds, `failing` a share (services x times); `wire` seconds that calls take longer on their way."""
    asked = fan.T @ requests
    calls = {}
    for i, j in zip(*np.nonzero(fan), strict=True):
        if i in unmeasured:
            continue
        share = fan[i, j] * requests[i] / np.maximum(asked[j], 1e-9)
        count = rng.poisson(np.clip(share * requests[j] * step, 0, 1e9)).astype(float)
        server = count * latency[j] * np.exp(rng.normal(size=count.size) * 1.2 / np.sqrt(np.maximum(count, 1)))
        away = count * (_WAY * np.exp(0.2 * rng.normal(size=count.size)) + wire.get((int(i), int(j)), 0.0))
        calls[names[i], names[j]] = np.array([count, server + away, np.where(j in unmeasured, np.nan, server)])
    lines = np.exp(rng.normal(np.log(3.0), 0.7, len(names)))[:, None]
    answered = np.clip(requests * step, 0, 1e9)
    errors = rng.poisson(answered * np.clip(failing, 0, 1))
    written = rng.poisson(answered * lines) + errors
    logs = {name: np.array([written[i], errors[i]]) for i, name in enumerate(names) if i not in unmeasured}
    return Traces(calls, logs)
