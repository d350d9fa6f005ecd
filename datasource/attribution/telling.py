"""Which label values carry a change, in words and as a document."""

from typing import Any

import numpy as np

from datasource.attribution.explanation import Explanation, Part

_CANCELS = 4
"""Parts so many times as large as the change itself are told in the query's unit."""


def sentence(found: Explanation) -> str:
    """The answer in one sentence."""
    if not found.change:
        return "Nothing changed"
    if not found.parts:
        if not found.is_clear:
            return "No more changed than usual, and no label value carries it"
        return "All label values alike: none changed otherwise than the rest" + _told_replaced(found)
    told = " and ".join(f"{story_name(found, part)} ({share(found, part.effect)})" for part in found.parts[:2])
    many = len(found.parts)
    only = "It is only " if many <= 2 and not found.rest_moved else "It is mostly "
    if not in_shares(found):
        only = "Little changed in all, but of its parts "
    more = f" and {many - 2} more" if many > 2 else ""
    rest = share(found, found.rest.effect)
    told_rest = f"; all others {'changed, too' if found.rest_moved else 'changed no more than usual'} ({rest})"
    return only + told + more + told_rest


def notices(found: Explanation) -> list[str]:
    """What else there is to know: labels whose values were replaced, and what was left out or moved."""
    replaced = [
        f"{label}: {_some(went)} went and {_some(came)} came; not told apart, as most values are new"
        for label, (went, came) in found.replaced.items()
    ]
    return [*replaced, *found.notices]


def part_name(part: Part) -> str:
    """Its label values; of the rest, "all others"."""
    return ", ".join(f"{label}={value}" if value else f"no {label}" for label, value in part.labels) or "all others"


def story_name(found: Explanation, part: Part) -> str:
    """The label values; "other" where a part of them is told by itself."""
    inside = any(set(part.labels) < set(one.labels) for one in found.parts)
    return f"other {part_name(part)}" if inside and part.labels else part_name(part)


def share(found: Explanation, effect: float) -> str:
    """An effect as a share of the change, or in the query's unit where shares say nothing."""
    return f"{effect / found.change:.0%}".replace("-0%", "0%") if in_shares(found) else signed(effect)


def in_shares(found: Explanation) -> bool:
    """Whether parts are told as shares of the change; not where they cancel out and little is left of them."""
    largest = max(abs(part.effect) for part in (*found.parts, found.rest))
    return bool(_CANCELS * abs(found.change) >= largest > 0)


def signed(value: float) -> str:
    """A difference, to three digits."""
    return f"{value:+.3g}"


def document(found: Explanation) -> dict[str, Any]:
    """Everything that was found, as it stands in JSON; times are seconds since 1970."""
    return {
        "query": found.question.query,
        "sentence": sentence(found),
        "start": found.start,
        "end": found.end,
        "over": found.over,
        "before": found.before,
        "after": found.after,
        "change": found.change,
        "usual": found.usual,
        "is_clear": found.is_clear,
        "parts": [_entry(found, part) for part in found.parts],
        "rest": _entry(found, found.rest),
        "rest_moved": found.rest_moved,
        "by_label": {label: [_entry(found, part) for part in parts] for label, parts in found.by_label.items()},
        "counted": {label: [_entry(found, part) for part in parts] for label, parts in found.counted.items()},
        "same": {label: list(same) for label, same in found.same.items()},
        "replaced": {label: {"went": list(w), "came": list(c)} for label, (w, c) in found.replaced.items()},
        "series": found.series,
        "notices": list(found.notices),
    }


def _entry(found: Explanation, part: Part) -> dict[str, Any]:
    return {
        "labels": dict(part.labels),
        "effect": part.effect,
        "share": part.effect / found.change if found.change else np.nan,
        "rate": part.rate,
        "mix": part.mix,
        "before": part.before,
        "after": part.after,
        "weight_before": part.weight_before,
        "weight_after": part.weight_after,
    }


def _told_replaced(found: Explanation) -> str:
    said = [
        f"{label} {', '.join(went)} gave way to {', '.join(came)}"
        for label, (went, came) in found.replaced.items()
        if len(went) <= 2 and len(came) <= 2
    ]
    return f"; {'; '.join(said)}" if said else ""


def _some(values: tuple[str, ...]) -> str:
    return ", ".join(values) if len(values) <= 3 else f"{len(values):,} values"
