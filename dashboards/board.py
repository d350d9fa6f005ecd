"""What stands around the panels of a dashboard: its links, its variables, its annotations."""

from collections.abc import Sequence
from typing import Any

from fields import Json

SET = {
    "overview": "Overview",
    "incident": "Incident",
    "effects": "Effects",
    "graph": "Graph",
    "interventions": "Interventions",
    "anomaly": "Anomaly explained",
    "health": "Datasource health",
}
"""The dashboards, in the order of their links; health is only on Prometheus."""


def dashboard(name: str, kind: str, description: str, **parts: Any) -> Json:
    """A dashboard of the set; `kind` is "" or "json-". Its links to the others keep the time and the variables."""
    ending = " (JSON plugin)" if kind else ""
    others = [one for one in SET if one != name and not (kind and one == "health")]
    return {
        "uid": uid(name, kind),
        "title": f"Causal: {SET[name]}{ending}",
        "description": description,
        "tags": ["causal", "causal-json" if kind else "causal-prometheus"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [_link_to(one, kind) for one in others],
        **parts,
    }


def uid(name: str, kind: str = "") -> str:
    """The uid of a dashboard of the set."""
    return f"causal-{kind}{name}"


def _link_to(name: str, kind: str) -> Json:
    return {
        "type": "link",
        "title": SET[name],
        "url": f"/d/{uid(name, kind)}",
        "icon": "dashboard",
        "tags": [],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
    }


def annotations(*queries: Json) -> Json:
    """Grafana's own annotations, and further ones."""
    own = {
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }
    return {"list": [own, *({"enable": True, "hide": False, "iconColor": "red"} | query for query in queries)]}


def datasource_variable(plugin: str) -> Json:
    """Chooses among the data sources of a plugin."""
    return {
        "name": "datasource",
        "label": "Data source",
        "description": "Where the results of causal-datasource are asked for.",
        "type": "datasource",
        "query": plugin,
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def query_variable(
    name: str, label: str, description: str, datasource: Json, query: Json, *, everything: str = "", sort: int = 1
) -> Json:
    """Values that the data source offers: the first, or all to begin with, which `everything` stands for."""
    several = bool(everything)
    choice = {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {},
        "includeAll": several,
        "allValue": everything or None,
        "multi": several,
        "sort": sort if several else 0,
    }
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": datasource,
        "definition": query["query"],
        "query": query,
        **choice,
        "hide": 0,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
    }


def choice_variable(name: str, label: str, description: str, values: Sequence[str]) -> Json:
    """One of several values that are known beforehand, the first to begin with."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "custom",
        "query": ",".join(values),
        "current": {"selected": True, "text": values[0], "value": values[0]},
        "options": [{"text": one, "value": one, "selected": one == values[0]} for one in values],
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "skipUrlSync": False,
    }


def filters_variable(datasource: Json) -> Json:
    """Filters by any label, for installations whose entities have other ones."""
    return {
        "name": "filters",
        "label": "Filters",
        "description": "Only what has these labels; for entities that are told apart by other labels.",
        "type": "adhoc",
        "datasource": datasource,
        "filters": [],
        "hide": 0,
    }
