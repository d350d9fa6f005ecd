"""Panel: for whom an effect is larger: by the levels of its modifiers."""

from datasource.effects import EffectResult
from datasource.effects.result import Group
from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import chosen, common_unit, name_of, waiting
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot

_NONE = "no effect has modifiers; name signals or labels under 'modifiers' of an effect in causal.yaml"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: a row for each level of each modifier, below the row of the effect over all."""
    if missing := waiting(snapshot):
        return missing
    results = chosen(query, snapshot)
    grouped = [result for result in results if result.groups]
    rows = [(result, group) for result in grouped or results for group in (_all(result), *result.groups)]
    if not rows:
        return []
    shared = common_unit(snapshot, [result for result, _ in rows])
    fields = (
        Field("effect of", "string", [name_of(result) for result, _ in rows]),
        Field("modifier", "string", [group.modifier for _, group in rows]),
        Field("level", "string", [group.level for _, group in rows]),
        Field("effect", "number", [group.effect.value for _, group in rows], config=_ABOUT | shared),
        Field("lower", "number", [group.effect.lower for _, group in rows], config=shared),
        Field("upper", "number", [group.effect.upper for _, group in rows], config=shared),
        Field("p-value", "number", [group.effect.p_value for _, group in rows]),
        Field("n", "number", [group.n for _, group in rows]),
    )
    notices = () if grouped else (_NONE,)
    return [Frame("heterogeneity", fields, notices, {"preferredVisualisationType": "table"})]


def _all(result: EffectResult) -> Group:
    return Group("", "all", result.effect, result.n)


_ABOUT = {"description": "Outcome units per treatment unit, among the rows of this level."}

PANEL = Panel("heterogeneity", "Heterogeneous effects", frames, (EFFECT,), table=True)
