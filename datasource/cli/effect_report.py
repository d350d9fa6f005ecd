"""The answer to a question of effect, as tables and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from datasource.cli.evaluate import table
from datasource.effects.result import Check, Estimate, Group, Stratified
from datasource.evaluation.effect_question import FileAnswer

_MARKS = {True: "pass", False: "FAIL", None: "-"}
_SHOWN = 20


def effect_json(answer: FileAnswer) -> dict[str, Any]:
    """An answer for machines; what is not known is null."""
    found: dict[str, Any] = {"treatment": answer.treatment, "outcome": answer.outcome}
    found |= {"association": answer.association.value}
    found |= {f"association_{key}": value for key, value in _estimate(answer.association).items() if key != "effect"}
    found |= _estimate(answer.effect)
    found |= {
        "method": answer.method,
        "identified_by": answer.identified_by,
        "adjustment_set": answer.adjustment_set,
        "n": answer.n,
        "rows": answer.rows,
        "lags": answer.lags,
        "assumptions": answer.assumptions,
        "per_lag": [{"lag": lag} | _estimate(one) for lag, one in enumerate(answer.per_lag)],
        "groups": [_group(group) for group in answer.groups],
        "strata": _strata(answer.stratified),
        "comparison": _plain(answer.comparison),
        "checks": [check._asdict() for check in answer.checks],
        "notices": answer.notices,
    }
    return found


def _estimate(estimate: Estimate) -> dict[str, float]:
    return {
        "effect": estimate.value,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "p_value": estimate.p_value,
    }


def _group(group: Group) -> dict[str, Any]:
    return {"modifier": group.modifier, "level": group.level, "n": group.n} | _estimate(group.effect)


def _strata(found: Stratified | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "strata": found.strata,
        "aggregate": _estimate(found.aggregate),
        "average": _estimate(found.average),
        "reversed": found.reversed,
        "within": [_group(group) for group in found.within],
    }


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, arrays as they are."""
    if isinstance(value, Estimate):
        return _estimate(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value


def show(answer: FileAnswer) -> Iterator[str]:
    """An answer for people."""
    yield f"{answer.treatment} -> {answer.outcome}: {answer.rows}"
    yield ""
    yield "Change of the outcome for one unit more of the treatment"
    cumulative = f"effect, lags 0 to {answer.lags} summed" if answer.lags else "effect"
    yield from _estimates("", [("association", answer.association), (cumulative, answer.effect)])
    yield ""
    yield from table(
        [
            ("method", answer.method),
            ("identified by", answer.identified_by),
            ("adjusted for", ", ".join(answer.adjustment_set) or "nothing"),
            ("n", f"{answer.n:,}"),
        ]
    )
    yield from _list("This is the effect if", answer.assumptions)
    yield from _per_lag(answer.per_lag)
    yield from _groups(answer.groups)
    yield from _simpson(answer.stratified)
    yield from _checks(answer.checks)
    yield from _list("Notices", answer.notices)


def _estimates(heading: str, rows: Sequence[tuple[str, Estimate]]) -> Iterator[str]:
    cells = [(heading, "value", "95% interval", "p")]
    cells += [(name, _number(one.value), _interval(one), _p_value(one.p_value)) for name, one in rows]
    yield from table(cells)


def _list(heading: str, texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield ""
        yield heading
        yield from (f"  - {text}" for text in texts)


def _per_lag(per_lag: Sequence[Estimate]) -> Iterator[str]:
    if len(per_lag) > 1:
        yield ""
        yield "Effect by lag"
        yield from _estimates("steps later", [(str(lag), one) for lag, one in enumerate(per_lag)])


def _groups(groups: Sequence[Group]) -> Iterator[str]:
    for modifier in dict.fromkeys(group.modifier for group in groups):
        own = [group for group in groups if group.modifier == modifier]
        yield ""
        yield f"Effect by {modifier}"
        yield from _estimates(modifier, [(f"{group.level} (n = {group.n:,})", group.effect) for group in own[:_SHOWN]])
        if len(own) > _SHOWN:
            yield f"  and {len(own) - _SHOWN} more"


def _simpson(found: Stratified | None) -> Iterator[str]:
    if found is None:
        return
    yield ""
    yield f"Association by {found.strata}"
    within = [(f"{group.level} (n = {group.n:,})", group.effect) for group in found.within]
    rows = [("in aggregate", found.aggregate), *within[:_SHOWN], ("within strata, averaged", found.average)]
    yield from _estimates("", rows)
    if len(within) > _SHOWN:
        yield f"  and {len(within) - _SHOWN} more"
    if found.reversed:
        yield f"  Simpson's paradox: within {found.strata} the association is the other way round than in aggregate"


def _checks(checks: Sequence[Check]) -> Iterator[str]:
    if checks:
        yield ""
        yield "Checks"
        yield from table([(_MARKS[check.passed], check.name, check.text) for check in checks])


def _interval(estimate: Estimate) -> str:
    if not (np.isfinite(estimate.lower) or np.isfinite(estimate.upper)):
        return "-"
    return f"[{_number(estimate.lower)}, {_number(estimate.upper)}]"


def _p_value(value: float) -> str:
    return "-" if not np.isfinite(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"
