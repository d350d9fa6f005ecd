"""Whether the datasource can be believed: working, starting, warming up, stale or dead."""

from fields import Json, named_values
from parts import stat
from promql import number_now, to

STATE = (
    "4 * absent(causal_datasource_build_info)"
    " or 2 * (absent(causal_datasource_points) unless on () max(causal_datasource_evaluation_failures_total) > 0)"
    " or 3 * (max(causal_datasource_stale) == 1)"
    " or 1 + 0 * max(causal_datasource_points < causal_datasource_points_needed)"
    " or 0 * max(causal_datasource_points)"
)
"""How the datasource is, as STATES name it; before its first evaluation it is stale, too."""

STATES = {
    0: ("working", "green"),
    1: ("warming up", "blue"),
    2: ("starting", "blue"),
    3: ("stale", "orange"),
    4: ("dead", "red"),
}


_SAID = {
    1: "Not known: the baseline warms up, and nobody is judged yet.",
    2: "Not known: the datasource is starting.",
    3: "Not known: evaluations do not succeed, and results are withheld. See Datasource health.",
    4: "Not known: Prometheus has no sample of the datasource. Does it run, and is it scraped?",
}
SENTENCES = " or ".join(
    f'label_replace(({STATE}) == {number}, "action", "{text}", "", "")' for number, text in _SAID.items()
)
"""Why nothing is known of anybody, as the label `action`; empty where the datasource works."""


def state(height: int) -> Json:
    """Whether the datasource can be believed."""
    return stat(
        "Datasource",
        "Whether causal-datasource works. Stale: its evaluations do not succeed, and results are withheld. Dead: "
        "Prometheus has no sample of it. Nobody looks then, and nothing below says that all is well.",
        [number_now(STATE, "state")],
        width=5,
        height=height,
        mappings=named_values(STATES),
        noValue="not known",
        links=to("health", "Datasource health"),
    )
