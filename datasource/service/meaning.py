"""Do the numbers mean what their signals say? What `check` calls wrong, for those who never run it."""

from collections.abc import Iterator

import numpy as np

from datasource.data import Matrix
from datasource.data.counters import growing, is_counter_name
from datasource.data.shares import wrong_share
from datasource.settings import Settings
from datasource.settings.promql import range_seconds, read_parts

_FEWEST = 30


def meaning_notices(settings: Settings, matrix: Matrix) -> Iterator[str]:
    """A sentence for each signal whose values only grow, as a counter's do, or are another share than it says."""
    for name, signal in settings.signals.items():
        rows = {v.entity: matrix.row(v) for v in matrix.variables if v.signal == name}
        rows = {entity: row for entity, row in rows.items() if np.isfinite(row).sum() >= _FEWEST}
        if not rows:
            continue
        bare = [one.metric for one in read_parts(signal.query).selectors if not one.range]
        counter = next((metric for metric in bare if is_counter_name(metric)), "")
        rated = signal.source != "prometheus" or bool(range_seconds(signal.query))
        if not rated and (grows := growing(signal, rows, counter)):
            yield (
                f"signal '{name}': it only grows, of {min(map(str, grows))}, as a counter does; take its rate(...), "
                "and see 'causal-datasource check'"
            )
        elif said := wrong_share(settings, name, matrix):
            yield f"signal '{name}': {said}"
