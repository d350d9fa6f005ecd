"""What is far from what is expected and alarms for nobody, since no role is known: said, so that none is missed."""

from collections.abc import Iterator, Mapping

import numpy as np

from datasource.causes import Judgement
from datasource.settings import Signal

_SHOWN = 5


def unheard(judgement: Judgement | None, signals: Mapping[str, Signal]) -> Iterator[str]:
    """A sentence about the variables without a role whose causal score persists above 1, the highest first."""
    scores = judgement.scores if judgement else {}
    far = {
        variable: float(np.nan_to_num(one.causal.score[-1]))
        for variable, one in scores.items()
        if one.causal_persists and signals[variable.signal].role is None and variable.entity.type != "call"
    }
    if far:
        highest = sorted(far, key=lambda variable: -far[variable])
        shown = ", ".join(f"{variable} (score {far[variable]:.3g})" for variable in highest[:_SHOWN])
        more = f" and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        yield (
            f"far from what is expected, and no alarm, since no role is known: {shown}{more}; give one, as --role "
            f"{highest[0].signal}=saturation, or failure or latency"
        )
