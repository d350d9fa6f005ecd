"""What the dashboards on the JSON plugin are made of: the source, targets, variables, links."""

from board import datasource_variable, filters_variable, query_variable, uid
from fields import Json, fixed, link, override

SOURCE = {"type": "simpod-json-datasource", "uid": "${datasource}"}
CHOSEN = {"entity": "$entity", "signal": "$signal"}
NO_SCORES = "No scores: the baseline warms up, or nobody of those chosen has any in this time range"

_DESCRIPTIONS = {
    "entity": ("Entity", "Which entities are shown; an incident belongs to all that it touches."),
    "signal": ("Signal", "Which signals are shown."),
    "symptom": ("Symptom", "Whose gap is taken apart; to begin with, what users feel."),
    "effect": ("Effect", "Which configured effect is shown."),
    "intervention": ("Intervention", "Which intervention of the log is shown; to begin with, the newest."),
}


def ask(panel: str, **parameters: str) -> Json:
    """A target. In builder mode the plugin fills the variables in and sends the parameters as they are."""
    return {"datasource": SOURCE, "target": panel, "payload": parameters, "editorMode": "builder"}


def variable(name: str, *, single: bool = False) -> Json:
    """Asks POST /variable with {"target": name}; entities and signals are all to begin with, unless one is wanted."""
    label, description = _DESCRIPTIONS[name]
    query = {"query": name, "format": "string", "refId": name}
    everything = "All" if name in ("entity", "signal") and not single else ""
    return query_variable(name, label, description, SOURCE, query, everything=everything)


def variables(*names: str, single: bool = False) -> Json:
    """The data source, what is offered by these names, and filters."""
    chosen = [variable(name, single=single) for name in names]
    return {"list": [datasource_variable(SOURCE["type"]), *chosen, filters_variable(SOURCE)]}


def incident_annotation() -> Json:
    """Incidents as regions."""
    return {
        "name": "Incidents",
        "datasource": SOURCE,
        "target": {"refId": "Anno", **ask("incident_regions", entity="$entity")},
    }


def intervention_annotation() -> Json:
    """What was done to the system, as regions."""
    return {
        "name": "Interventions",
        "datasource": SOURCE,
        "iconColor": "blue",
        "target": {"refId": "Anno", **ask("intervention_regions")},
    }


def explain() -> list[Json]:
    """The link that explains the entity and the signal of a row."""
    return link(
        "Explain ${__data.fields.signal} of ${__value.text}",
        f"/d/{uid('anomaly', 'json-')}?var-entity=${{__value.raw}}&var-signal=${{__data.fields.signal}}"
        "&${datasource:queryparam}&${__url_time_range}",
    )


def follow() -> list[Json]:
    """The link to what a symptom's gap comes from."""
    return link(
        "Root causes of ${__value.text}",
        f"/d/{uid('incident', 'json-')}?var-symptom=${{__value.raw}}&${{datasource:queryparam}}&${{__url_time_range}}",
    )


def colored(color: str, *names: str) -> Json:
    """The override for the lines of these names, of one variable or of several."""
    return override(f"/({'|'.join(names)})$/", matcher="byRegexp", color=fixed(color))


BAND = [colored("text", "observed"), colored("blue", "expected", "lower", "upper")]
