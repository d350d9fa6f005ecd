"""Panel: every configured effect in a row, beside what a dashboard would make one believe."""

from collections.abc import Callable

from datasource.effects import EffectResult
from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import LIGHTS, chosen, common_unit, light, ratio_unit, verdict, waiting
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row an effect: association, effect and interval, how it was found, and whether its checks hold."""
    if missing := waiting(snapshot):
        return missing
    results = chosen(query, snapshot)
    if not results:
        return []

    shared = common_unit(snapshot, results)

    def numbers(name: str, value: Callable[[EffectResult], float], description: str) -> Field:
        config = {"description": description} | (shared if name not in ("p-value", "n") else {})
        return Field(name, "number", [value(r) for r in results], config=config)

    def texts(name: str, text: Callable[[EffectResult], str], description: str) -> Field:
        return Field(name, "string", [text(r) for r in results], config={"description": description})

    colours = {"mappings": LIGHTS, "custom": {"cellOptions": {"type": "color-text"}}}
    fields = (
        texts("treatment", lambda r: str(r.treatment), "What acts."),
        texts("outcome", lambda r: str(r.outcome), "What is acted on."),
        numbers("association", lambda r: r.association.value, "Unadjusted slope: what a dashboard shows."),
        numbers("effect", lambda r: r.effect.value, "Change of the outcome caused by one unit more of the treatment."),
        numbers("lower", lambda r: r.effect.lower, "Lower end of the effect's 95% interval."),
        numbers("upper", lambda r: r.effect.upper, "Upper end of the effect's 95% interval."),
        texts("in", lambda r: ratio_unit(snapshot, r), "What association and effect are counted in."),
        numbers("p-value", lambda r: r.effect.p_value, "Of the hypothesis that there is no effect."),
        Field("checks", "string", [light(r) for r in results], config=colours),
        texts("what the checks say", verdict, "Which checks of the estimate hold."),
        texts("method", lambda r: r.method, "How the effect was estimated."),
        texts("identified by", lambda r: r.identified_by, "Why the estimate is causal, by the graph."),
        texts("adjustment set", lambda r: ", ".join(r.adjustment_set), "What was held fixed."),
        numbers("n", lambda r: r.n, "Complete rows."),
        texts("notices", lambda r: "; ".join(r.notices), "What else is to be said."),
    )
    return [Frame("effects_table", fields, meta={"preferredVisualisationType": "table"})]


PANEL = Panel("effects_table", "Effects table", frames, (EFFECT,), table=True)
