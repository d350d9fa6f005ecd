"""Panel: which label values carry the change of a PromQL query over the panel's time range."""

from collections.abc import Iterator, Sequence

from datasource.attribution.explanation import Explanation, Part
from datasource.attribution.moments import moment
from datasource.attribution.telling import notices, sentence, story_name
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query, QueryError, shortened
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot
from datasource.service.explaining import ChangeQuestion
from datasource.settings import parse_duration

_MOST = 100
"""Values of a label that are listed."""
_GRIDS = (30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
"""Seconds, of which times that move on are multiples; the first is as long as an explanation may take."""
_FAR = 1e11
_STEPS = 50
"""So many at least between the two times, but for the first."""
_QUERY = "a sum, rate, ratio or mean, as sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))"
_TABLE = {"preferredVisualisationType": "table"}


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Two frames: the label values that changed otherwise than the rest, then every label's values; the effects of the
    first add up to the change, and so do those of each label."""
    found = query.explained
    if found is None:
        return [notice_frame(query.unexplained or f"write a query: {_QUERY}")]
    stories = [(story_name(found, part), part) for part in (*found.parts, found.rest)]
    told = tuple(dict.fromkeys((sentence(found), *notices(found))))
    fields = (Field("label values", "string", [name for name, _ in stories]), *_numbers([p for _, p in stories], found))
    return [Frame("explain", fields, told, _TABLE), _by_label(found)]


def change_question(query: Query, newest: float) -> ChangeQuestion | None:
    """What the panel asks, None without a query. Without `from` and `to` its own time range is compared, up to `newest`
    (seconds), until when all samples are there; times that move on with it are rounded down, so that whoever asks again
    while it is computed asks the same. Raises QueryError."""
    text = query.one("query").strip()
    if not text:
        return None
    try:
        start = moment(query.one("from"), newest) if query.one("from") else query.start
        end = moment(query.one("to"), newest) if query.one("to") else query.end
        over = parse_duration(query.one("over")) if query.one("over") else None
        depth = int(query.one("depth", "3"))
    except ValueError as error:
        raise QueryError(f"explain: {shortened(str(error))}") from None
    if not all(abs(time) < _FAR for time in (start, end)):
        raise QueryError("explain: no such time is known; choose times of this century")
    if not 1 <= depth <= 3:
        raise QueryError(f"explain: depth {depth} is not between 1 and 3")
    if end < newest:
        return ChangeQuestion(text, int(start), int(end), over, depth)
    grid = max((one for one in _GRIDS if one <= (newest - start) / _STEPS), default=_GRIDS[0])
    return ChangeQuestion(text, int(start // grid) * grid, int(newest // grid) * grid, over, depth)


def _by_label(found: Explanation) -> Frame:
    rows = [
        (label, part.labels[0][1], part)
        for label, parts in (*found.by_label.items(), *found.counted.items())
        for part in parts[:_MOST]
    ]
    fields = (
        Field("label", "string", [label for label, _, _ in rows]),
        Field("value", "string", [value for _, value, _ in rows]),
        *_numbers([part for _, _, part in rows], found),
    )
    left = [f"{label}: {len(p):,} values, the first {_MOST} are shown" for label, p in _long(found)]
    return Frame("explain_by_label", fields, tuple(left), _TABLE)


def _long(found: Explanation) -> Iterator[tuple[str, Sequence[Part]]]:
    for label, parts in (*found.by_label.items(), *found.counted.items()):
        if len(parts) > _MOST:
            yield label, parts


def _numbers(parts: Sequence[Part], found: Explanation) -> tuple[Field, ...]:
    """What each part adds, as columns. Of a ratio or mean also by its own level, and by its share of the whole."""
    change, ratio = found.change, bool(found.question.below)
    share = {"unit": "percentunit", "decimals": 0}
    carries = [part.effect / change if change else float("nan") for part in parts]
    fields = [
        Field("carries", "number", carries, config=share | {"description": "Its share of the change."}),
        Field("adds", "number", [part.effect for part in parts], config={"description": "In the query's unit."}),
        Field("before", "number", [part.before for part in parts]),
        Field("after", "number", [part.after for part in parts]),
    ]
    if ratio:
        fields += [
            Field("by its level", "number", [part.rate for part in parts], config=_LEVEL),
            Field("by its part", "number", [part.mix for part in parts], config=_PART),
            Field("part before", "number", [part.weight_before for part in parts], config=share),
            Field("part after", "number", [part.weight_after for part in parts], config=share),
        ]
    return tuple(fields)


_LEVEL = {"description": "What its own ratio or mean adds by having changed."}
_PART = {"description": "What it adds by being a larger or smaller part of the whole."}
_OVER = [("", "a quarter of what lies between"), ("1m", "1m"), ("5m", "5m"), ("15m", "15m"), ("1h", "1h")]

PANEL = Panel(
    "explain",
    "Which label values carry a change",
    frames,
    (
        Parameter(
            "query",
            "PromQL",
            lambda snapshot: [(one.query, name) for name, one in snapshot.settings.signals.items()],
            placeholder=_QUERY,
            free=True,
        ),
        Parameter("from", "From", lambda _: [], placeholder="the panel's start; or a time, or -2h", free=True),
        Parameter("to", "To", lambda _: [], placeholder="the panel's end; or a time, or -10m", free=True),
        Parameter("over", "Mean of", lambda _: _OVER),
    ),
    needs_mechanisms=False,
    table=True,
)
