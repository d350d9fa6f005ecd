"""The dashboard on the JSON datasource: it uses every panel of the service's registry."""

from parts import (
    PLAIN,
    SCORE,
    Json,
    annotations,
    dashboard,
    datasource_variable,
    filters_variable,
    fixed,
    lay_out,
    link,
    node_graph,
    override,
    query_variable,
    row,
    scores,
    series,
    stat,
    table,
    transform,
    trend,
)

SOURCE = {"type": "simpod-json-datasource", "uid": "${datasource}"}
CHOSEN = {"entity": "$entity", "signal": "$signal"}
SCORES = "causal_(marginal_)?anomaly_score|causal_observed_value|causal_expected_(value|lower|upper)"
EXPLAIN = link(
    "Explain ${__data.fields.signal} of ${__value.text}",
    "/d/causal-json?var-entity=${__value.raw}&var-signal=${__data.fields.signal}&${datasource:queryparam}&${__url_time_range}",
)


FOLLOW = link(
    "Root causes of ${__value.text}",
    "/d/causal-json?var-symptom=${__value.raw}&${entity:queryparam}&${signal:queryparam}"
    "&${datasource:queryparam}&${__url_time_range}",
)


def colored(color: str, *names: str) -> Json:
    """The override for the lines of these names, of one variable or of several."""
    return override(f"/({'|'.join(names)})$/", matcher="byRegexp", color=fixed(color))


BAND = [colored("text", "observed"), colored("blue", "expected", "lower", "upper")]


def ask(panel: str, **parameters: str) -> Json:
    """A target. In builder mode the plugin fills the variables in and sends the parameters as they are."""
    return {"datasource": SOURCE, "target": panel, "payload": parameters, "editorMode": "builder"}


def variable(name: str, label: str, *, everything: str = "") -> Json:
    """Asks POST /variable with {"target": name}."""
    query = {"query": name, "format": "string", "refId": name}
    return query_variable(name, label, SOURCE, query, everything=everything)


def minus_expected(field: str, alias: str) -> Json:
    """The transformation that adds how far a line lies above the expected value."""
    return transform(
        "calculateField",
        mode="binary",
        binary={"left": field, "operator": "-", "right": "expected"},
        alias=alias,
    )


def on_json() -> Json:
    """The dashboard for the plugin simpod-json-datasource."""
    return dashboard(
        "causal-json",
        "Causal: effects and root causes (JSON datasource)",
        "What is anomalous, who caused it, and what causes what, asked of causal-datasource itself.",
        annotations=annotations(
            {
                "name": "Incidents",
                "datasource": SOURCE,
                "target": {"refId": "Anno", **ask("incident_regions", entity="$entity")},
            }
        ),
        templating={
            "list": [
                datasource_variable(SOURCE["type"]),
                variable("entity", "Entity", everything="All"),
                variable("signal", "Signal", everything="All"),
                variable("symptom", "Symptom"),
                variable("effect", "Effect"),
                filters_variable(SOURCE),
            ]
        },
        panels=lay_out([*now(), *who(), *why(), *effects(), *effects_in_detail(), *what_if(), *numbers()]),
    )


def now() -> list[Json]:
    """What is wrong, and whose fault it is."""
    return [
        row("What is wrong now, and who caused it"),
        table(
            "Incidents",
            "Anomalies that belong together, by the graph and by time, in the time range above: since when, who broke "
            "and how sure that is, what users feel, who else is affected, and what to do about it.",
            [ask("incidents", entity="$entity")],
            width=24,
            height=8,
            transformations=[transform("organize", excludeByName={"incident": True})],
            overrides=[
                *(override(name, unit="dateTimeAsLocal") for name in ("start", "end")),
                override("symptom", links=FOLLOW),
                override("state", custom__cellOptions={"type": "color-text"}, custom__width=70),
                *(override(name, custom__width=400) for name in ("summary", "suggestion")),
            ],
        ),
        table(
            "Anomalies now",
            "Every anomalous entity, its worst signal, and the entity named as the cause. One that broke is that "
            "cause itself; one that suffers is not.",
            [ask("anomalies")],
            width=14,
            overrides=[override("entity", links=EXPLAIN)],
        ),
        node_graph(
            "Causal graph of entities",
            "Which entity acts on which, and through which signals. The number and the ring are the worst causal "
            "anomaly score of the entity: above 1 its own behaviour changed.",
            [ask("causal_graph", show="entities", entity="$entity")],
            width=10,
        ),
        table(
            "Root causes: ${symptom:text}",
            "Whose changed behaviour the gap of a symptom comes from, and how much of it. Unless you choose one, the "
            "symptoms are those that the users of the system feel.",
            [ask("root_causes", symptom="${symptom:raw}")],
            width=24,
            height=8,
            overrides=[override("root cause", links=EXPLAIN)],
        ),
    ]


def who() -> list[Json]:
    """The two scores side by side."""
    return [
        row("Who broke, and who suffers"),
        scores(
            "Causal anomaly score: who broke",
            "The gap between the observed value and the one that its causes explain, over the width of the interval. "
            "Above 1 (dashed) a variable does what its causes do not explain.",
            [ask("anomaly_score", score="causal", **CHOSEN)],
        ),
        scores(
            "Marginal anomaly score: who suffers",
            "The same against the variable's own season and level, whatever the causes do: what an ordinary anomaly "
            "detector shows. Victims score above 1 here and below 1 on the left.",
            [ask("anomaly_score", score="marginal", **CHOSEN)],
        ),
    ]


def why() -> list[Json]:
    """How a score comes about."""
    dashed = {"fill": "dash", "dash": [6, 4]}
    widths = override("/width$/", matcher="byRegexp", color=fixed("blue"), custom__lineStyle=dashed)
    return [
        row("How a score comes about, step by step: choose one entity and one signal, or click an entity above"),
        series(
            "1. Observed and expected",
            "The expected value is what the mechanism predicts from the actual values of the causes, never from the "
            "variable's own past. The band is its interval.",
            [ask("expected_value", score="causal", **CHOSEN)],
            overrides=BAND,
        ),
        series(
            "2. The gap, and the widths of the interval",
            "Observed minus expected, between the two ends of the interval minus expected (dashed).",
            [ask("expected_value", score="causal", **CHOSEN)],
            transformations=[
                minus_expected("observed", "gap"),
                minus_expected("lower", "lower width"),
                minus_expected("upper", "upper width"),
                transform("filterFieldsByName", include={"pattern": "/Time|gap|width/"}),
            ],
            overrides=[colored("text", "gap"), widths],
        ),
        scores(
            "3. Gap over width: the score",
            "The gap divided by the width on the side that it crosses. Of signals that hurt only when they rise, such "
            "as errors, a gap downwards scores 0.",
            [ask("anomaly_score", score="causal", **CHOSEN)],
        ),
        table(
            "4. Persistence: what counts",
            "One point above 1 is no anomaly yet; it counts once enough of the latest points are "
            "(anomaly.persistence in causal.yaml). These stretches counted; those that belong together are an "
            "incident, which the panels above mark.",
            [ask("episodes", **CHOSEN)],
            transformations=[
                transform(
                    "organize",
                    excludeByName={"id": True, "tags": True},
                    renameByName={"time": "from", "timeEnd": "to", "title": "what", "text": "how much"},
                )
            ],
            overrides=[override(name, unit="dateTimeAsLocal") for name in ("from", "to")],
        ),
        series(
            "Beside it: expected from season and level alone",
            "What the marginal score compares with: the usual value for the time of day, without a look at the causes.",
            [ask("expected_value", score="marginal", **CHOSEN)],
            overrides=BAND,
        ),
        node_graph(
            "Causal graph of variables",
            "What explains what. Lags are counted in steps; the details of an edge say why it is there.",
            [ask("causal_graph", show="variables", entity="$entity")],
        ),
        table(
            "Edges and their evidence",
            "First what the data propose and the graph lacks, and what they doubt of it, where graph.discover is set; "
            "accept an edge by writing it into the settings. Then the edges of the graph.",
            [ask("discovered_edges", show="all")],
            width=24,
            height=8,
        ),
    ]


def effects() -> list[Json]:
    """What causes what, beside what a dashboard would make one believe."""
    return [
        row("What causes what, and how much"),
        stat(
            "${effect}",
            "By how much the outcome changes with one unit more of the treatment: caused by it (effect), and as a "
            "dashboard shows it (association). Over the whole baseline. The effect has the colour of its checks.",
            [ask("causal_effect", view="estimate", effect="$effect")],
            width=6,
            fields="/^(effect|association|checks)$/",
            overrides=[colored("orange", "association")],
            thresholds=PLAIN,
        ),
        series(
            "Over rolling windows: ${effect}",
            "Each point is the estimate of the window that ends there, with its 95% interval; dashed, the association.",
            [ask("causal_effect", view="rolling", effect="$effect")],
            width=18,
            overrides=[colored("blue", "effect", "lower", "upper"), colored("orange", "association")],
        ),
    ]


def effects_in_detail() -> list[Json]:
    """Every effect, when it arrives, for whom, and what an intervention did."""
    band = [colored("blue", "effect at this lag", "effect", "lower", "upper"), colored("text", "effect so far")]
    return [
        row("Effects: can they be believed, when do they arrive, for whom do they hold"),
        table(
            "All effects",
            "Every configured effect beside its association, with its 95% interval, how it was found, and whether the "
            "checks of it hold. Outcome units per treatment unit.",
            [ask("effects_table")],
            width=24,
            height=11,
        ),
        table(
            "Checks: ${effect}",
            "What was tried to shake the estimate, what failed first. Each says what it found.",
            [ask("causal_effect", view="checks", effect="$effect")],
            width=24,
            height=8,
            transformations=[transform("organize", excludeByName={"effect of": True})],
        ),
        trend(
            "Lag response: ${effect}",
            "How much of the effect arrives after so many steps, with 95% intervals; dashed, all of it so far.",
            [ask("lag_response", effect="$effect")],
            x="lag",
            overrides=band,
        ),
        table(
            "Heterogeneity",
            "The effect by level of its modifiers, below the effect over all. Outcome units per treatment unit.",
            [ask("heterogeneity")],
        ),
        series(
            "Difference in differences",
            "The treated, the controls, and what the treated would have been without the intervention (dashed, with "
            "its 95% interval). The mark is where the intervention began.",
            [ask("difference_in_differences", view="comparison")],
            overrides=[
                colored("red", "treated"),
                colored("text", "control"),
                colored("blue", "counterfactual", "lower", "upper"),
            ],
        ),
        trend(
            "Event study",
            "The effect by steps since the intervention. Those before it are placebos: away from 0, the groups were "
            "not parallel and the comparison is not to be trusted.",
            [ask("difference_in_differences", view="event_study")],
            x="steps since",
            width=8,
            overrides=band,
        ),
        stat(
            "Impact",
            "What the intervention changed: on average while it lasts, and summed over the points, in the unit of the "
            "outcome. The text of the mark beside it gives the interval.",
            [ask("difference_in_differences", view="estimate")],
            width=4,
            fields="/impact$/",
            thresholds=PLAIN,
        ),
        table(
            "Simpson's view",
            "The slope over everything, within each stratum, averaged over the strata, and the effect. Where signs "
            "differ, what mixes the strata misleads. Outcome units per treatment unit.",
            [ask("simpson")],
            width=24,
        ),
    ]


def what_if() -> list[Json]:
    """Interventions that nobody has made."""

    def held(at: str, value: str) -> Json:
        return table(
            f"What if the treatment of ${{effect}} stayed at its {at}?",
            f"do(treatment = its {at} value of the baseline), for good, pushed through the fitted causal graph: where "
            "everything that it reaches would settle, with 95% intervals. For another variable or value, edit the "
            "query in Explore.",
            [ask("what_if", effect="$effect", value=value)],
        )

    return [
        row("What if: an intervention pushed through the causal graph"),
        held("highest", "highest"),
        held("lowest", "lowest"),
    ]


def numbers() -> list[Json]:
    """Every variable as exported."""
    return [
        row("Every number"),
        table(
            "Every variable now",
            "Both scores, the observed value, and the expected one with its interval, as exported.",
            [ask("metric", name=SCORES)],
            width=24,
            height=12,
            transformations=[transform("merge")],
            overrides=[
                override(name, thresholds=SCORE, custom__cellOptions={"type": "color-text"}, decimals=2)
                for name in ("causal_anomaly_score", "causal_marginal_anomaly_score")
            ],
        ),
    ]
