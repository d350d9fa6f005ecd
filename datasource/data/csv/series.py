"""Series that are named by Prometheus' labels, as in the legend of a dashboard: `latency{service="cart"}`."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from datasource.data.guess import guess_signal

_WHERE = re.compile(r"cluster|namespace")
_SERIES = re.compile(r"(?P<metric>[^{}]*?)\s*\{(?P<labels>.*)\}", re.DOTALL)
_LABEL = re.compile(r"""\s*(?P<name>"[^"]+"|[\w.:/-]+)\s*[=:]\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|$)""", re.DOTALL)
_TAGGED = re.compile(r"(?:[a-z]+\d*:)(?P<metric>[\w.]+)\{(?P<tags>[^{}\"=]*)\}(?: by \{[^{}]*\})?")
"""As Datadog names a series: `avg:trace.http.request.duration{service:web}`."""
_UNNAMED = "value"


class Series(NamedTuple):
    """A series' metric, empty where it has none, and its other labels."""

    metric: str
    labels: Mapping[str, str]


def read_series(text: str) -> Series | None:
    """A series as Prometheus and Grafana write its name; None for another text.

    >>> read_series('{service="cart", __name__="latency"}')
    Series(metric='latency', labels={'service': 'cart'})
    >>> read_series("avg:trace.http.request.duration{service:cart,env:prod}")
    Series(metric='duration', labels={'service': 'cart', 'env': 'prod'})
    """
    found = _SERIES.fullmatch(text.strip())
    if not found:
        return None
    if tagged := _TAGGED.fullmatch(text.strip()):
        pairs = (one.partition(":") for one in tagged["tags"].split(",") if ":" in one)
        return Series(tagged["metric"].rpartition(".")[2], {name.strip(): value for name, _, value in pairs})
    labels: dict[str, str] = {}
    place = 0
    while place < len(found["labels"].rstrip(", ")):
        label = _LABEL.match(found["labels"], place)
        if not label:
            return None
        value = re.sub(r"\\(.)", lambda escaped: "\n" if escaped[1] == "n" else escaped[1], label["value"])
        labels[label["name"].strip('"')] = value
        place = label.end()
    return Series(labels.pop("__name__", "") or found["metric"], labels)


def telling_labels(series: Sequence[Series], names: Sequence[str]) -> tuple[str, ...]:
    """The labels that tell the series' entities apart, the name last.

    That is the first of `names` (plain ones, the most telling first) that any of them has, before it clusters and
    namespaces of which there are several, and whatever else tells series of the same metric apart. A label that a
    series lacks is empty.
    """
    shared = list(dict.fromkeys(label for one in series for label in one.labels))
    several = [label for label in shared if len({one.labels.get(label, "") for one in series}) > 1]
    named = [label for label in shared if plain(label) in names]
    everywhere = {label for label in named if all(label in one.labels for one in series)}
    named.sort(key=lambda label: (label not in everywhere, names.index(plain(label))))
    name = next((label for label in named if label in several), named[0] if named else "")
    chosen = [label for label in several if _WHERE.search(label) and label != name] + ([name] if name else [])
    for label in (*named, *several):
        if label in several and label not in chosen and not _apart(series, chosen):
            chosen.append(label)
    return tuple(chosen)


def named_signal(metric: str, given: str | None, stem: str) -> str:
    """The signal of a series: what the user says, or its metric, or what the file is called where that means something.

    >>> named_signal("", None, "latency"), named_signal("", None, "export-7")
    ('latency', 'value')
    """
    return given or metric or (stem if guess_signal(stem).role else _UNNAMED)


def plain(name: str) -> str:
    """A name without case and marks.

    >>> plain("Service_ID")
    'serviceid'
    """
    return re.sub(r"[\W_]+", "", re.sub(r"[(\[].*", "", name)).lower()


def _apart(series: Sequence[Series], chosen: Sequence[str]) -> bool:
    return len({(one.metric, *(one.labels.get(label, "") for label in chosen)) for one in series}) == len(series)
