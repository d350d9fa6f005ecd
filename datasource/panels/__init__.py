"""One file per thing a panel can ask for; the registry lists them."""

from datasource.panels import (
    anomalies,
    anomaly_score,
    causal_effect,
    causal_graph,
    difference_in_differences,
    discovered_edges,
    effects_table,
    episodes,
    expected_value,
    heterogeneity,
    incident_regions,
    incidents,
    lag_response,
    metric,
    root_causes,
    simpson,
    what_if,
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
            effects_table,
            lag_response,
            heterogeneity,
            difference_in_differences,
            simpson,
            what_if,
            incidents,
            root_causes,
            causal_graph,
            discovered_edges,
            anomalies,
            metric,
            episodes,
            incident_regions,
        )
    }
)

__all__ = ["ALL", "REGISTRY", "Field", "Filter", "Frame", "Panel", "Parameter", "Query", "QueryError", "Registry"]
