"""Causal effects, anomaly scores and root causes for Grafana, computed from Prometheus.

`import datasource as cd` is the library: `cd.effect`, `cd.impact`, `cd.what_if`, `cd.rank`, `cd.score`, `cd.evaluate`,
`cd.discover`, `cd.associations`, `cd.falsify`, `cd.compare`, of what `cd.read_csv`, `cd.from_frame` and
`cd.from_prometheus` bring, with a causal graph by `cd.graph`; and `cd.federate`, of what several running services know
together. See `datasource.library`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasource.library import (
        CsvError,
        Data,
        GraphError,
        PrometheusError,
        QueryError,
        SettingsError,
        StudyError,
        associations,
        compare,
        discover,
        effect,
        evaluate,
        explain,
        falsify,
        federate,
        from_frame,
        from_prometheus,
        impact,
        invariant_parents,
        rank,
        read_csv,
        score,
        what_if,
    )

__all__ = [
    "CsvError",
    "Data",
    "GraphError",
    "PrometheusError",
    "QueryError",
    "SettingsError",
    "StudyError",
    "associations",
    "compare",
    "discover",
    "effect",
    "evaluate",
    "explain",
    "falsify",
    "federate",
    "from_frame",
    "from_prometheus",
    "graph",
    "impact",
    "invariant_parents",
    "rank",
    "read_csv",
    "score",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """The library is loaded when it is used."""
    if name == "graph":
        from importlib import import_module

        return import_module("datasource.graph")
    if name in __all__:
        from datasource import library

        return getattr(library, name)
    raise AttributeError(f"module 'datasource' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
