"""A small installation of which one version in one zone begins to fail, on a Prometheus with five hours of history."""

import math
from collections.abc import Callable, Iterator

import histories
from histories import Line

HOURS = 5.0
BROKE = HOURS * 3600 - 1800 - histories.AHEAD
"""Seconds since the start of the history: half an hour before now."""
ZONES, VERSIONS, PATHS = ("a", "b", "c"), ("4.1", "4.2"), ("/", "/cart", "/pay", "/rare")
SHARE = {"4.1": 0.7, "4.2": 0.3, "/": 0.6, "/cart": 0.29, "/pay": 0.1, "/rare": 0.01}


def grows(before: float, after: float, phase: float) -> Callable[[float], float]:
    """A counter whose rate changes where the fault begins, a little up and down all the time."""

    def value(seconds: float) -> float:
        early, late = min(seconds, BROKE), max(0.0, seconds - BROKE)
        return (before * early + after * late) + 20 * before * (1 + math.sin(seconds / 170 + phase))

    return value


def lines() -> Iterator[Line]:
    """Requests by status, their seconds, and memory, of pods behind three zones and two versions.

    In the last half hour 20% of what version 4.2 serves in zone b fails; of /rare a single pod fails all along, now and
    then. Requests for /cart take twice as long in every zone of version 4.1, and zone c has less of them.
    """
    phase = 0.0
    for zone in ZONES:
        for version in VERSIONS:
            for path in PATHS:
                for pod in ("0", "1"):
                    phase += 1.0
                    own = {"zone": zone, "version": version, "path": path, "pod": f"web-{version}-{zone}-{pod}"}
                    own |= {"instance": f"10.0.0.{ZONES.index(zone)}{VERSIONS.index(version)}{pod}:80", "job": "web"}
                    rate = 100 * SHARE[version] * SHARE[path] / 6
                    fails = 0.2 if (version, zone) == ("4.2", "b") else 0.002
                    for code, early, late in (
                        ("200", 0.998, 1 - fails),
                        ("500", 0.0015, fails * 0.75),
                        ("503", 0.0005, fails / 4),
                    ):
                        total = own | {"code": code}
                        yield Line("http_requests_total", total, grows(rate * early, rate * late, phase))
                    slow = 2.0 if (version, path) == ("4.1", "/cart") else 1.0
                    yield Line("http_request_duration_seconds_count", own, grows(rate, rate, phase))
                    yield Line("http_request_duration_seconds_sum", own, grows(rate * 0.1, rate * 0.1 * slow, phase))
            new = {"zone": zone, "version": version, "job": "web", "service": "web"}
            yield Line("memory_bytes", new, lambda seconds, v=version: 1e9 * (1 + (v == "4.2") * (seconds > BROKE)))
