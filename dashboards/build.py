"""Writes the two dashboards beside this file: `python dashboards/build.py`.

causal-json.json asks the service itself, through the plugin simpod-json-datasource. causal-prometheus.json asks a
Prometheus that scrapes the service, through the data source that Grafana brings along.

Both are Classic dashboard JSON with a schemaVersion that every Grafana from 10 on loads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

HERE = Path(__file__).parent
COLUMNS = 24
ALL = {"selected": True, "text": ["All"], "value": ["$__all"]}
SCORE_STEPS = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}]}
ALARM_STEPS = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}]}
NEUTRAL = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
LEGEND_TABLE = {
    "displayMode": "table",
    "placement": "right",
    "showLegend": True,
    "calcs": ["lastNotNull", "max"],
    "sortBy": "Max",
    "sortDesc": True,
}
LEGEND_LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}


# Panels


def panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    width: int = 12,
    height: int = 9,
    options: Json | None = None,
    overrides: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
    **defaults: Any,
) -> Json:
    """A panel; `defaults` are those of its fields. Where it stands is found by `lay_out`."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": targets[0]["datasource"],
        "gridPos": {"w": width, "h": height},
        "targets": [target | {"refId": "ABCDEFGH"[number]} for number, target in enumerate(targets)],
        "fieldConfig": {"defaults": {"unit": "short"} | defaults, "overrides": list(overrides)},
        "options": options or {},
        "transformations": list(transformations),
    }


def series(title: str, description: str, targets: Sequence[Json], *, legend: Json = LEGEND_LIST, **more: Any) -> Json:
    """A time series panel."""
    custom = {"lineWidth": 1, "showPoints": "never"} | more.pop("custom", {})
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, targets, options=options, custom=custom, **more)


def scores(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """A time series panel of anomaly scores, with the line above which they count."""
    custom = {"thresholdsStyle": {"mode": "dashed"}}
    return series(title, description, targets, legend=LEGEND_TABLE, min=0, thresholds=SCORE_STEPS, custom=custom, **more)


def stat(title: str, description: str, targets: Sequence[Json], *, fields: str = "", **more: Any) -> Json:
    """Big numbers."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    }
    return panel("stat", title, description, targets, options=options, **({"thresholds": NEUTRAL} | more))


def table(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """A table."""
    return panel("table", title, description, targets, options={"cellHeight": "sm", "showHeader": True}, **more)


def timeline(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Colours over time, a line a series."""
    legend = LEGEND_LIST | {"showLegend": False}
    options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": legend}
    return panel("state-timeline", title, description, targets, options=options, **more)


def row(title: str) -> Json:
    """A heading."""
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": COLUMNS, "h": 1}, "panels": []}


def lay_out(panels: Sequence[Json]) -> list[Json]:
    """The panels with ids and places: from the left, and below the tallest one when a line is full."""
    x = y = tallest = 0
    placed = []
    for number, one in enumerate(panels, 1):
        width, height = one["gridPos"]["w"], one["gridPos"]["h"]
        if x + width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number} | one | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, tallest = x + width, max(tallest, height)
    return placed


def override(name: str, *, matcher: str = "byName", **properties: Any) -> Json:
    """Another configuration for the fields of a name; `custom__x` stands for custom.x."""
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": name}, "properties": found}


def link(title: str, url: str) -> list[Json]:
    """A drill-down."""
    return [{"title": title, "url": url, "targetBlank": False}]


def values(colors: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Texts and colours for values."""
    shown = {value: {"text": text, "color": color, "index": i} for i, (value, (text, color)) in enumerate(colors.items())}
    return [{"type": "value", "options": shown}]


def transform(name: str, **options: Any) -> Json:
    """One of Grafana's transformations."""
    return {"id": name, "options": options}


def minus(left: str, right: str, alias: str) -> Json:
    """The transformation that adds the difference of two fields to every frame."""
    binary = {"left": left, "operator": "-", "right": right}
    return transform("calculateField", mode="binary", alias=alias, binary=binary)


def band(lower: str, upper: str, *shown: str) -> list[Json]:
    """Overrides that fill the space between two series and let others stand out, the second of these dashed."""
    hidden = {"legend": True, "tooltip": False, "viz": False}
    edge = {"custom__lineWidth": 0, "custom__hideFrom": hidden, "color": {"mode": "fixed", "fixedColor": "blue"}}
    styles = ({"color": {"mode": "fixed", "fixedColor": "text"}}, {"color": {"mode": "fixed", "fixedColor": "blue"}})
    dashed = {"custom__lineStyle": {"fill": "dash", "dash": [6, 4]}}
    return [
        override(lower, **edge),
        override(upper, **edge, custom__fillBelowTo=lower, custom__fillOpacity=15),
        *(override(name, **style, **(dashed if i else {})) for i, (name, style) in enumerate(zip(shown, styles, strict=False))),
    ]


# Dashboards


def dashboard(uid: str, title: str, description: str, **parts: Any) -> Json:
    """A dashboard, with links to its siblings that keep the time and the variables."""
    siblings = {
        "type": "dashboards",
        "title": "Causal",
        "tags": ["causal"],
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["causal"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "links": [siblings],
        **parts,
    }


def datasource_variable(plugin: str) -> Json:
    """Chooses among the data sources of a plugin."""
    return {
        "name": "datasource",
        "label": "Data source",
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


def query_variable(name: str, label: str, source: Json, query: Json, *, several: bool = True) -> Json:
    """Values to choose from, asked of the data source; all of them to begin with where several may be chosen."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": source,
        "definition": query["query"],
        "query": query,
        "current": ALL if several else {},
        "includeAll": several,
        "allValue": ".*" if several else None,
        "multi": several,
        "hide": 0,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1 if several else 0,
    }


def filters_variable(source: Json) -> Json:
    """Filters by any label, for installations that tell entities apart by other ones."""
    return {"name": "filters", "label": "Filters", "type": "adhoc", "datasource": source, "filters": [], "hide": 0}


# On the JSON datasource

JSON = {"type": "simpod-json-datasource", "uid": "${datasource}"}
CHOSEN = {"entity": "$entity", "signal": "$signal"}


def ask(name: str, **payload: str) -> Json:
    """A target: a panel of the service's registry with its parameters."""
    return {"datasource": JSON, "target": name, "payload": payload, "editorMode": "builder"}


def json_variable(name: str, label: str, *, several: bool = True) -> Json:
    """Asks POST /variable with {"target": name}."""
    return query_variable(name, label, JSON, {"query": name, "format": "string", "refId": name}, several=several)


def on_json() -> Json:
    """The dashboard for simpod-json-datasource: every panel of the registry."""
    this = "/d/causal-json?${__url_time_range}&${datasource:queryparam}&${signal:queryparam}&var-entity=${__value.raw}"
    drill = {"links": link("Only ${__value.text}", this)}
    episodes = {
        "name": "Anomaly episodes",
        "datasource": JSON,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "target": ask("episodes", **CHOSEN) | {"refId": "Anno"},
    }
    default = {
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }
    exported = "causal_(marginal_)?anomaly_score|causal_observed_value|causal_expected_(value|lower|upper)"
    estimates = "causal_(effect|association)(_lower|_upper)?"
    panels = [
        row("What is wrong now, and who caused it"),
        table(
            "Anomalies now",
            "Every anomalous entity, its worst signal, and the entity that is named as the cause. "
            "It broke when it is that cause itself; it suffers when it is not.",
            [ask("anomalies")],
            width=14,
            overrides=[override("entity", **drill), override("root cause", **drill)],
        ),
        panel(
            "nodeGraph",
            "Causal graph of entities",
            "Which entity acts on which, and through which signals. The number and the ring are the entity's worst "
            "causal anomaly score: above 1 its own behaviour changed.",
            [ask("causal_graph", show="entities", entity="$entity")],
            width=10,
            height=17,
        ),
        table(
            "Root causes of ${symptom}",
            "Whose changed behaviour the gap of the symptom comes from, and how much of it. "
            "On 'whatever is anomalous now', the symptoms are those that users of the system feel.",
            [ask("root_causes", symptom="${symptom:raw}")],
            width=14,
            height=8,
            overrides=[override("root cause", **drill)],
        ),
        row("Who broke, and who suffers"),
        scores(
            "Causal anomaly score: who broke",
            "The gap between the observed value and the one its causes explain, over the width of the interval. "
            "Above 1 (dashed) the variable does what its causes do not explain.",
            [ask("anomaly_score", score="causal", **CHOSEN)],
            links=link("Only this entity", this.replace("${__value.raw}", "${__field.labels.namespace}/${__field.labels.service}"))
            if False
            else [],
        ),
        scores(
            "Marginal anomaly score: who suffers",
            "The same against the variable's own season and level, whatever the cause: what an ordinary anomaly "
            "detector shows. Victims score above 1 here and below 1 on the left.",
            [ask("anomaly_score", score="marginal", **CHOSEN)],
        ),
        row("How a score comes about, step by step (choose one entity and one signal)"),
        series(
            "1. Observed beside expected",
            "The expected value is what the mechanism predicts from the actual values of the causes, never from the "
            "variable's own past. The band is its interval.",
            [ask("expected_value", score="causal", **CHOSEN)],
        ),
        series(
            "2. The gap and its interval",
            "Observed minus expected, and the two ends of the interval minus expected: the gap counts once it leaves "
            "the space between the dashed lines.",
            [ask("expected_value", score="causal", **CHOSEN)],
            transformations=[
                minus("causal_observed_value", "causal_expected_value", "gap"),
                minus("causal_expected_lower", "causal_expected_value", "lower width"),
                minus("causal_expected_upper", "causal_expected_value", "upper width"),
                transform("filterFieldsByName", include={"pattern": "^(Time|.*gap|.*width)$"}),
            ],
            overrides=[
                override(
                    ".*width",
                    matcher="byRegexp",
                    custom__lineStyle={"fill": "dash", "dash": [6, 4]},
                    color={"mode": "fixed", "fixedColor": "blue"},
                )
            ],
        ),
        scores(
            "3. Gap over width: the score",
            "The gap divided by the width of the interval on the side that it crosses. Of signals that only hurt when "
            "they rise, such as errors, a gap downwards scores 0.",
            [ask("anomaly_score", score="causal", **CHOSEN)],
        ),
        table(
            "4. Persistence: what counts",
            "One point above 1 is not an anomaly yet: it counts once enough of the latest points are "
            "(anomaly.persistence in causal.yaml). These are the stretches that counted; the dashboard marks them, too.",
            [ask("episodes", **CHOSEN)],
            overrides=[
                override("time", displayName="from", unit="dateTimeAsIso"),
                override("timeEnd", displayName="to", unit="dateTimeAsIso"),
                override("id", custom__hideFrom={"viz": True}),
                override("tags", custom__hideFrom={"viz": True}),
            ],
        ),
        series(
            "For comparison: expected from season and level alone",
            "What the marginal score compares with: the same hour's usual value, without a look at the causes.",
            [ask("expected_value", score="marginal", **CHOSEN)],
        ),
        panel(
            "nodeGraph",
            "Causal graph of variables",
            "What each variable is explained by. Lags are counted in steps; an edge's details say why it is there.",
            [ask("causal_graph", show="variables", entity="$entity")],
        ),
        row("What causes what, and how much"),
        stat(
            "Effect beside association: ${effect}",
            "The change of the outcome by one unit more of the treatment: as caused (effect), and as a dashboard "
            "shows it (association), over the whole baseline.",
            [ask("causal_effect", view="estimate", effect="$effect")],
            width=6,
            fields="/^(effect|association)$/",
        ),
        series(
            "Over rolling windows: ${effect}",
            "Each point is the estimate of the window that ends there, with its 95% interval; dashed the association. "
            "The description of the series names the method and the adjustment set.",
            [ask("causal_effect", view="rolling", effect="$effect")],
            width=18,
        ),
        table(
            "All effects beside their associations",
            "The numbers that are exported: effects and associations with their 95% intervals.",
            [ask("metric", name=estimates)],
            width=24,
            transformations=[transform("merge")],
        ),
        row("Every number"),
        table(
            "Every variable now",
            "The numbers that are exported: both scores, the observed value, and the expected one with its interval.",
            [ask("metric", name=exported)],
            width=24,
            height=12,
            transformations=[transform("merge")],
            overrides=[
                override(name, thresholds=SCORE_STEPS, custom__cellOptions={"type": "color-text"})
                for name in ("causal_anomaly_score", "causal_marginal_anomaly_score")
            ],
        ),
    ]
    return dashboard(
        "causal-json",
        "Causal: effects and root causes (JSON datasource)",
        "What is anomalous, who caused it, and what causes what, asked of causal-datasource itself.",
        annotations={"list": [default, episodes]},
        templating={
            "list": [
                datasource_variable(JSON["type"]),
                json_variable("entity", "Entity"),
                json_variable("signal", "Signal"),
                json_variable("symptom", "Symptom", several=False),
                json_variable("effect", "Effect", several=False),
                filters_variable(JSON),
            ]
        },
        panels=lay_out(panels),
    )
