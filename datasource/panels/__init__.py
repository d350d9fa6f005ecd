"""One file per thing a panel can ask for; the registry lists them."""

from datasource.panels import (
    anomalies,
    anomaly_score,
    causal_effect,
    causal_graph,
    episodes,
    expected_value,
    metric,
    root_causes,
)
from datasource.panels.frame import Field, Frame
from datasource.panels.query import ALL, Filter, Query, QueryError
from datasource.panels.registry import Panel, Parameter, Registry

REGISTRY = Registry(
    {
        one.PANEL.name: one.PANEL
        for one in (
            anomaly_score,
            expected_value,
            causal_effect,
            root_causes,
            causal_graph,
            anomalies,
            metric,
            episodes,
        )
    }
)

__all__ = ["ALL", "REGISTRY", "Field", "Filter", "Frame", "Panel", "Parameter", "Query", "QueryError", "Registry"]
