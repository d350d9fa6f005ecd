"""Panel: Simpson's view: the association in aggregate, within each stratum, and the effect."""

from collections.abc import Iterator
from typing import NamedTuple

from datasource.effects import EffectResult, Estimate
from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import chosen, common_unit, name_of, waiting
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot

_NONE = "no effect has strata; name a signal or a label under 'strata' of an effect in causal.yaml"


class _Row(NamedTuple):
    result: EffectResult
    strata: str
    stratum: str
    slope: Estimate
    n: int


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: the slope of the outcome on the treatment over everything, within each stratum, averaged over the
    strata, and the effect itself; a notice where the strata turn the sign around."""
    if missing := waiting(snapshot):
        return missing
    results = chosen(query, snapshot)
    stratified = [result for result in results if result.stratified]
    rows = [row for result in stratified or results for row in _rows(result)]
    if not rows:
        return []
    shared = common_unit(snapshot, [row.result for row in rows])
    fields = (
        Field("effect of", "string", [name_of(row.result) for row in rows]),
        Field("strata", "string", [row.strata for row in rows]),
        Field("stratum", "string", [row.stratum for row in rows]),
        Field("slope", "number", [row.slope.value for row in rows], config=_ABOUT | shared),
        Field("lower", "number", [row.slope.lower for row in rows], config=shared),
        Field("upper", "number", [row.slope.upper for row in rows], config=shared),
        Field("n", "number", [row.n for row in rows]),
    )
    reversals = tuple(_reversal(result) for result in stratified if result.stratified and result.stratified.reversed)
    notices = reversals if stratified else (_NONE,)
    return [Frame("simpson", fields, notices, {"preferredVisualisationType": "table"})]


def _rows(result: EffectResult) -> Iterator[_Row]:
    found = result.stratified
    yield _Row(result, "", "all together", found.aggregate if found else result.association, result.n)
    if found:
        for group in found.within:
            yield _Row(result, found.strata, group.level, group.effect, group.n)
        yield _Row(result, found.strata, "mean within strata", found.average, sum(group.n for group in found.within))
    adjusted = ", ".join(result.adjustment_set) or "nothing"
    yield _Row(result, "", f"effect, adjusted for {adjusted}", result.effect, result.n)


def _reversal(result: EffectResult) -> str:
    assert result.stratified
    found = result.stratified
    return (
        f"{name_of(result)}: {found.aggregate.value:.4g} over everything, {found.average.value:.4g} within "
        f"{found.strata}: what mixes the strata turns the sign around"
    )


_ABOUT = {"description": "Outcome units per treatment unit; only the last row is adjusted."}

PANEL = Panel("simpson", "Simpson's view", frames, (EFFECT,), table=True)
