"""Window mismatch: rates over different windows give a wrong effect with a narrow interval."""

from datasource.effects.result import Check

NAME = "window mismatch"


def window_check(problem: str) -> Check:
    """Failed with the problem in words; passed without one (""). The caller knows the signals' windows."""
    return Check(NAME, not problem, problem or "treatment, outcome and adjustment set have one window")
