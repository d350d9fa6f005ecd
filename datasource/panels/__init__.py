"""One file per thing a panel can ask for; the registry lists them."""

from datasource.panels import (
    anomalies,
    anomaly_score,
    associations,
    causal_effect,
    causal_graph,
    difference_in_differences,
    discovered_edges,
    effects_table,
    episodes,
    expected_value,
    explain,
    graph_contradictions,
    graph_edges,
    graph_versions,
    heterogeneity,
    incident_regions,
    incidents,
    intervention_impact,
    interventions,
    lag_response,
    mechanism_shifts,
    metric,
    next_experiment,
    root_causes,
    simpson,
    what_if,
)
from datasource.panels.frame import Field, Frame
from datasource.panels.query import ALL, Filter, Query, QueryError
from datasource.panels.registry import Panel, Parameter, Registry

REGISTRY = Registry(
    {
        panel.name: panel
        for panel in (
            anomaly_score.PANEL,
            expected_value.PANEL,
            causal_effect.PANEL,
            effects_table.PANEL,
            lag_response.PANEL,
            heterogeneity.PANEL,
            difference_in_differences.PANEL,
            simpson.PANEL,
            what_if.PANEL,
            incidents.PANEL,
            root_causes.PANEL,
            causal_graph.PANEL,
            graph_edges.PANEL,
            discovered_edges.PANEL,
            graph_contradictions.PANEL,
            graph_versions.PANEL,
            associations.PANEL,
            mechanism_shifts.PANEL,
            anomalies.PANEL,
            metric.PANEL,
            episodes.PANEL,
            incident_regions.PANEL,
            interventions.PANEL,
            intervention_impact.PANEL,
            interventions.REGIONS,
            intervention_impact.VERDICTS,
            next_experiment.PANEL,
            explain.PANEL,
        )
    }
)

__all__ = ["ALL", "REGISTRY", "Field", "Filter", "Frame", "Panel", "Parameter", "Query", "QueryError", "Registry"]
