"""Pictures of results, by matplotlib (the extra `plot`)."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "pictures need matplotlib: pip install 'causal-datasource[plot]'", name="matplotlib"
    ) from None

from datasource.data import Floats

RIGHT, WRONG, PLAIN, FAINT = "#1f6feb", "#d1242f", "#57606a", "#c9d1d9"
_ROW = 0.36


class Picture(Figure):
    """A matplotlib figure that notebooks show."""

    def svg(self) -> str:
        """The picture as an <svg> element; text stays text."""
        import matplotlib

        written = io.StringIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "1"}):
            self.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
        return written.getvalue().partition("<svg")[1] + written.getvalue().partition("<svg")[2]

    def _repr_svg_(self) -> str:
        return self.svg()


class Bar(NamedTuple):
    """A named number, with its interval where there is one."""

    name: str
    value: float
    lower: float = np.nan
    upper: float = np.nan
    color: str = RIGHT


def intervals(title: str, unit: str, bars: Sequence[Bar]) -> Picture:
    """Numbers with their intervals, a row each, beside a line at 0."""
    picture, axes = _rows(title, len(bars))
    axes.axvline(0, color=FAINT, linewidth=1)
    for row, bar in enumerate(bars):
        if np.isfinite(bar.lower) and np.isfinite(bar.upper):
            axes.plot([bar.lower, bar.upper], [row, row], color=bar.color, linewidth=2)
        axes.plot([bar.value], [row], "o", color=bar.color)
    _name_rows(axes, [bar.name for bar in bars])
    axes.set_xlabel(unit)
    return picture


def bars(title: str, unit: str, rows: Sequence[Bar]) -> Picture:
    """Numbers as bars, a row each."""
    picture, axes = _rows(title, len(rows))
    drawn = axes.barh(range(len(rows)), [bar.value for bar in rows], color=[bar.color for bar in rows], height=0.6)
    axes.bar_label(drawn, [f"{bar.value:.3g}" for bar in rows], padding=4, fontsize=9)
    axes.axvline(0, color=FAINT, linewidth=1)
    _name_rows(axes, [bar.name for bar in rows])
    axes.set_xlabel(unit)
    return picture


class Band(NamedTuple):
    """What was observed, what was expected, and its interval, by time."""

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats


def band(title: str, unit: str, times: Any, shown: Band, interval: str, began: Any = None) -> Picture:
    """Observed against expected values with an `interval`; a line where something `began`."""
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    axes = picture.subplots()
    axes.fill_between(times, shown.lower, shown.upper, color=FAINT, label=interval, linewidth=0)
    axes.plot(times, shown.expected, color=PLAIN, linewidth=1, label="expected")
    axes.plot(times, shown.observed, color=RIGHT, linewidth=1.4, label="observed")
    if began is not None:
        axes.axvline(began, color=WRONG, linewidth=1, linestyle="--", label="began")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(unit)
    axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=4)
    _tidy(axes)
    return picture


def lines(
    title: str, unit: str, times: Any, series: Iterable[tuple[str, Floats]], marked: Sequence[tuple[Any, Any]] = ()
) -> Picture:
    """Scores by time on a scale that is even up to 1 and logarithmic above; a line at 1, and times that are marked."""
    picture = Picture(figsize=(9, 3.6), layout="constrained")
    axes = picture.subplots()
    for number, (start, end) in enumerate(marked):
        axes.axvspan(start, end, color=WRONG, alpha=0.12, linewidth=0, label="alarm" if number == 0 else None)
    for name, values in series:
        axes.plot(times, values, linewidth=1.2, label=name)
    axes.set_yscale("symlog", linthresh=1)
    axes.axhline(1, color=WRONG, linewidth=1, linestyle="--")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(unit)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    _tidy(axes)
    return picture


class Stretch(NamedTuple):
    """A recorded incident, from `start` to `end`; whether it was `found`."""

    start: Any
    end: Any
    found: bool


def timeline(title: str, unit: str, stems: Sequence[tuple[Any, float]], stretches: Sequence[Stretch]) -> Picture:
    """False alarms by time and height, beside the recorded incidents, found or missed."""
    picture = Picture(figsize=(9, 3.2), layout="constrained")
    axes = picture.subplots()
    for found, color, name in ((True, RIGHT, "recorded incident, found"), (False, WRONG, "recorded incident, missed")):
        own = [one for one in stretches if one.found is found]
        for number, one in enumerate(own):
            axes.axvspan(one.start, one.end, color=color, alpha=0.25, label=name if number == 0 else None)
    for number, (time, height) in enumerate(stems):
        label = "false alarm" if number == 0 else None
        axes.plot([time, time], [0, height], color=PLAIN, linewidth=1)
        axes.plot([time], [height], "o", color=PLAIN, markersize=4, label=label)
    axes.set_yscale("symlog", linthresh=1)
    axes.axhline(1, color=FAINT, linewidth=1)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(unit)
    if stems or stretches:
        axes.legend(loc="upper left", frameon=False, fontsize=8)
    _tidy(axes)
    return picture


def chain(title: str, places: Sequence[tuple[str, str]]) -> Picture:
    """A way from a cause to a symptom: names, each with what it suffers in."""
    picture = Picture(figsize=(9, 1.5), layout="constrained")
    axes = picture.subplots()
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(-1, 1)
    for number, (name, told) in enumerate(places):
        color = WRONG if number == 0 else PLAIN
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": color}
        axes.text(number, 0.25, name, ha="center", va="center", bbox=box, fontsize=9)
        axes.text(number, -0.6, told, ha="center", va="center", fontsize=8, color=PLAIN)
        if number:
            axes.annotate("", (number - 0.35, 0.25), (number - 0.65, 0.25), arrowprops={"arrowstyle": "->"})
    return picture


class Arrow(NamedTuple):
    """An edge of a graph; one without `head` has no direction."""

    cause: str
    effect: str
    color: str = PLAIN
    head: bool = True


def network(title: str, arrows: Sequence[Arrow]) -> Picture:
    """A graph, causes to the left of their effects."""
    import networkx as nx

    graph = nx.DiGraph([(arrow.cause, arrow.effect) for arrow in arrows])
    folded = nx.condensation(graph)
    place: dict[str, tuple[int, float]] = {}
    for column, layer in enumerate(nx.topological_generations(folded)):
        names = sorted(name for number in layer for name in folded.nodes[number]["members"])
        place |= {name: (column, -(row - (len(names) - 1) / 2)) for row, name in enumerate(names)}
    width = 1 + max((x for x, _ in place.values()), default=0)
    height = 1 + 2 * max((y for _, y in place.values()), default=0)
    picture = Picture(figsize=(max(6, 2.2 * width), max(2, 0.9 * height)), layout="constrained")
    axes = picture.subplots()
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=11)
    for arrow in arrows:
        style = {"arrowstyle": "->" if arrow.head else "-", "color": arrow.color, "shrinkA": 22, "shrinkB": 22}
        axes.annotate("", place[arrow.effect], place[arrow.cause], arrowprops=style)
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": FAINT}
        axes.text(x, y, name, ha="center", va="center", fontsize=8, bbox=box)
    axes.set_xlim(-0.6, width - 0.4)
    axes.set_ylim(-height / 2 - 0.3, height / 2 + 0.3)
    return picture


def _rows(title: str, count: int) -> tuple[Picture, Any]:
    picture = Picture(figsize=(9, 1.2 + _ROW * count), layout="constrained")
    axes = picture.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    _tidy(axes)
    return picture, axes


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
