"""Overview: who broke, since when, whom it hurts and what to do, without scrolling."""

from board import annotations, dashboard, datasource_variable
from fields import Json, colored_text, fixed, hidden, highest, named_values, override, steps, transform
from parts import NAMES, lay_out, row, scores, stat, table, timeline
from promql import (
    ENTITY,
    NAME,
    OF_VERDICTS,
    SOURCE,
    VERDICTS,
    advice,
    advice_columns,
    alerts,
    anomalous_in_range,
    columns,
    entity_variables,
    explore,
    in_units,
    incident_regions,
    intervention_regions,
    number_now,
    over_time,
    rows_now,
    to,
    to_anomaly,
    told,
    verdicts,
)
from state import SENTENCES, state

SILENT = "not known: the datasource says nothing"
COUNTED = steps("green", "red", 1)


def on_prometheus() -> Json:
    """Needs no plugin."""
    return dashboard(
        "overview",
        "",
        "What is anomalous now, who caused it, whom it hurts, and what to do about it.",
        annotations=annotations(incident_regions(), alerts(), intervention_regions()),
        templating={"list": [datasource_variable(SOURCE["type"]), *entity_variables()]},
        panels=lay_out([*first(), *strip(), *incidents(), *now(), *over_the_range()]),
    )


def first() -> list[Json]:
    """The four answers, readable on a phone."""
    calm, anybody = "max(causal_incidents) == 0", "(causal_service_anomaly == 1)"
    info = told("causal_incident_info", "root_cause", "not known")
    broke = f"(time() - causal_incident_start_timestamp_seconds) * on (incident) group_left (root_cause) {info}"
    nobody = f'label_replace({calm} unless on () {anybody}, "root_cause", "nothing is anomalous", "", "")'
    not_yet = f'label_replace(1 + ({calm} and on () {anybody}), "root_cause", "no incident yet", "", "")'
    nothing = f'label_replace({calm} unless on () {anybody}, "action", "Nothing is anomalous.", "", "")'
    wait = f'label_replace({calm} and on () {anybody}, "action", "Look below who is anomalous.", "", "")'
    unknown = (
        'label_replace(count(causal_incidents > 0) unless on () causal_suggested_action_info, "action", '
        '"No advice is known; ask what changed since then.", "", "")'
    )
    return [
        stat(
            "Who broke, and how long ago",
            "Whose own behaviour changed, beyond what its causes explain, and since when, of each open incident. 'Not "
            "known' where no single one explains enough.",
            [number_now(f"{broke} or {nobody} or {not_yet}", "{{root_cause}}")],
            width=7,
            height=4,
            unit="s",
            decimals=0,
            thresholds=steps("green", "red", 1, unknown="orange"),
            mappings=named_values({0: ("✓", "green")}),
            noValue="not known",
            links=to("incident", "The incident"),
            look=NAMES | {"textMode": "value_and_name"},
        ),
        table(
            "What to do",
            "The first advice for each open incident; remedies in causal.yaml say what can be done about whom.",
            [rows_now(f"{advice('causal_suggested_action_info')} or {unknown} or {nothing} or {wait} or {SENTENCES}")],
            width=9,
            height=4,
            noValue=SILENT,
            **advice_columns(),
        ),
        stat(
            "What users feel",
            "How far each symptom is from usual, in its own unit.",
            [rows_now(f'causal_symptom_gap or label_replace({calm}, "symptom", "nothing", "", "")')],
            width=5,
            height=4,
            thresholds={
                "mode": "absolute",
                "steps": [{"color": "text", "value": None}, {"color": "red", "value": -1e9}],
            },
            mappings=named_values({0: ("✓", "green")}),
            noValue="–",
            transformations=[in_units("symptom")],
            look={"textMode": "value_and_name", "justifyMode": "center"},
        ),
        stat(
            "Affected",
            "How many entities are anomalous in the open incidents, those that broke included.",
            [number_now("max(sum(causal_incident_affected_entities) or causal_incidents)", "affected")],
            width=3,
            height=4,
            thresholds=COUNTED,
            noValue="–",
            look={"textMode": "value", "justifyMode": "center"},
        ),
    ]


def strip() -> list[Json]:
    """Whether all of this can be believed."""
    own = "causal_datasource_"
    plain: Json = {"height": 3, "thresholds": COUNTED, "noValue": "not known"}
    return [
        state(3),
        stat(
            "Last evaluation",
            "How long ago an evaluation succeeded, at the end of the time range.",
            [number_now(f"time() - max(last_over_time({own}last_success_timestamp_seconds[$__range]))", "ago")],
            width=5,
            height=3,
            unit="s",
            decimals=0,
            thresholds=steps("green", "red", 300),
            noValue="never in this range",
        ),
        stat("Incidents", "How many are open.", [number_now("max(causal_incidents)", "open")], width=5, **plain),
        stat(
            "Vanished",
            "Entities that were judged and have no samples any more: nobody says whether they are well.",
            [number_now(f"sum({own}vanished_entities)", "vanished")],
            width=5,
            **plain,
        ),
        stat(
            "Quiet",
            "Entities that do not alarm now: a quiet time, usual at this time of day, or more demand alone.",
            [number_now("sum(causal_quiet)", "quiet")],
            width=4,
            height=3,
            noValue="not known",
        ),
    ]


def incidents() -> list[Json]:
    """Every open incident in one row."""
    named = "* on (incident) group_left (symptom, root_cause) causal_incident_info"
    sure = "causal_incident_info * on (root_cause) group_left () max by (root_cause) (causal_root_cause_confidence)"
    calm, anybody = "max(causal_incidents) == 0", "(causal_service_anomaly == 1)"
    none = (
        f'label_replace({calm} unless on () {anybody}, "root_cause", "nothing is anomalous", "", "")'
        f' or label_replace({calm} and on () {anybody}, "root_cause", "anomalous, no incident yet", "", "")'
    )
    texts = {
        "": {"text": "not known", "color": "orange", "index": 0},
        "nothing is anomalous": {"color": "green", "index": 1},
        "anomalous, no incident yet": {"color": "orange", "index": 2},
    }
    return [
        table(
            "Open incidents",
            "Anomalies that belong together: who broke and how sure that is, since when, what users feel, how many "
            "entities are affected. Click who broke for everything that is known about it.",
            [
                rows_now(f"causal_incident_affected_entities {named}"),
                rows_now(f"(time() - causal_incident_start_timestamp_seconds) {named}"),
                rows_now(f"1000 * causal_incident_start_timestamp_seconds {named}"),
                rows_now(sure),
                rows_now(none),
            ],
            width=24,
            height=4,
            noValue=SILENT,
            transformations=[
                transform("merge"),
                columns(
                    "job",
                    "instance",
                    "Value #E",
                    order=("root_cause", "Value #D", "Value #C", "Value #B", "symptom", "Value #A"),
                    root_cause="who broke",
                    symptom="users feel",
                    **{
                        "Value #A": "affected",
                        "Value #B": "for",
                        "Value #C": "since",
                        "Value #D": "sure",
                    },
                ),
            ],
            overrides=[
                override(
                    "who broke",
                    **colored_text(
                        color=fixed("red"),
                        mappings=[{"type": "value", "options": texts}],
                        links=to("incident", "The incident", incident="${__data.fields.incident}"),
                    ),
                ),
                override("sure", unit="percentunit", decimals=0, custom__width=80),
                override("since", unit="dateTimeAsLocal", custom__width=210),
                override("for", unit="s", decimals=0, custom__width=110),
                override("affected", decimals=0, custom__width=100),
                *hidden("incident"),
            ],
        ),
    ]


def now() -> list[Json]:
    """Everybody who is anomalous, and when they were."""
    ever = f"max without ({OF_VERDICTS}) (max_over_time(causal_service_anomaly{{{ENTITY}}}[$__range] @ end())) == 1"
    fine = f"0 * causal_service_anomaly{{{ENTITY}}}"
    drawn = f"max without ({OF_VERDICTS}) ({verdicts(ENTITY)} or {fine})"
    nobody = (
        f'label_replace(max(causal_service_anomaly{{{ENTITY}}}) == 0, "root_cause", "nothing is anomalous", "", "")'
    )
    return [
        table(
            "Anomalous now",
            "Every anomalous entity, those that broke first, and the one named as its cause. Click an entity to see "
            "how its scores come about.",
            [rows_now(f"{verdicts(ENTITY)} or 0 * ({nobody})")],
            width=12,
            height=8,
            noValue=SILENT,
            transformations=[
                columns(
                    "is_root_cause",
                    "measured",
                    "job",
                    "instance",
                    order=("Value", "namespace", "service"),
                    Value="verdict",
                    root_cause="root cause",
                ),
                transform("sortBy", sort=[{"field": "verdict", "desc": True}]),
            ],
            overrides=[
                override(
                    "verdict",
                    **colored_text(mappings=named_values({0: ("fine", "green"), **VERDICTS})),
                    custom__width=110,
                ),
                to_anomaly("service"),
            ],
        ),
        timeline(
            "Verdicts over time",
            "When each entity that was anomalous in this time range was so, and whether it broke itself.",
            [
                over_time(f"{drawn} and ({ever})"),
                over_time("0 * (max(max_over_time(causal_incidents[$__range] @ end())) == 0)", "everybody"),
            ],
            width=12,
            height=8,
            mappings=named_values({0: ("fine", "green"), **VERDICTS}),
            noValue="No verdicts: the datasource said nothing in this range",
        ),
    ]


def over_the_range() -> list[Json]:
    """The two scores side by side, of those that were anomalous."""
    selected = "namespace=~'${namespace:pipe}',service=~'${service:pipe}',signal='${__field.labels.signal}'"
    links = explore("Observed value in Explore", expr=f"causal_observed_value{{{selected}}}")
    causal, marginal, joint = (f"causal_{kind}anomaly_score{{{ENTITY}}}" for kind in ("", "marginal_", "joint_"))

    def drawn(score: str, legend: str) -> list[Json]:
        return [over_time(anomalous_in_range(score), legend), over_time(f"max({score})", "highest of all")]

    silent = "No scores: the datasource said nothing in this range"
    legend = f"{NAME} {{{{signal}}}}"
    return [
        row("Who broke, and who suffers: scores of those that were above 1"),
        scores(
            "Causal anomaly score: who broke",
            "The gap between the observed value and the one that its causes explain, over the width of the interval. "
            "Above 1 (dashed) a variable does what its causes do not explain. Beyond 1 the axis goes in powers of ten.",
            drawn(causal, legend),
            links=links,
            overrides=[highest()],
            noValue=silent,
        ),
        scores(
            "Marginal anomaly score: who suffers",
            "The same against the variable's own season and level, whatever the causes do: what an ordinary anomaly "
            "detector shows. Victims score above 1 here and below 1 on the left.",
            drawn(marginal, legend),
            links=links,
            overrides=[highest()],
            noValue=silent,
        ),
        scores(
            "Joint anomaly score: many small gaps at once",
            "All causal scores of an entity together, the highest of the newest points. Above 1 (dashed) several "
            "signals are a little off at once, which none of them has to show alone.",
            drawn(joint, NAME),
            width=24,
            height=7,
            overrides=[highest()],
            noValue=silent,
        ),
    ]
