"""Checks beside every estimate: what was tried to shake it, one file each."""

from datasource.effects.checks.run import judge, run_checks
from datasource.effects.checks.traffic_light import INVALIDATING, Colour, summary, traffic_light
from datasource.effects.checks.window_mismatch import window_check

__all__ = ["INVALIDATING", "Colour", "judge", "run_checks", "summary", "traffic_light", "window_check"]
