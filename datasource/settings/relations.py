"""Relations: how entities are tied, and the sources that say so."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from datasource.settings.block import Block
from datasource.settings.duration import Duration
from datasource.settings.http import HttpConfig, Url
from datasource.settings.name import Name
from datasource.settings.pattern import compile_pattern
from datasource.settings.rules import RuleText

if TYPE_CHECKING:
    import re2

Kind = Literal[
    "service_graph",
    "istio",
    "linkerd",
    "hubble",
    "span_metrics",
    "kube_pod_info",
    "metric",
    "jaeger",
    "zipkin",
    "list",
    "relation",
    "part_of",
]

_METRICS = ("service_graph", "istio", "linkerd", "hubble", "span_metrics", "kube_pod_info")
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "metric": _METRICS,
    "query": (*_METRICS, "metric"),
    "labels": (*_METRICS, "metric"),
    "reporter": ("istio",),
    "peers": ("span_metrics",),
    **dict.fromkeys(("url", "timeout", *HttpConfig.model_fields), ("jaeger", "zipkin")),
    "pairs": ("list",),
    "relation": ("relation",),
}
"""Keys that mean something to some sources only."""

_NEEDED = {
    "list": ("pairs", "pairs, as ['web -> checkout', ...]"),
    "metric": ("query", "a query that returns one series per pair"),
    "jaeger": ("url", "a url, as http://jaeger:16686"),
    "zipkin": ("url", "a url, as http://zipkin:9411"),
}

_ENDS = {"kube_pod_info": ("guest", "host"), "relation": ("user", "resource"), "part_of": ("part", "whole")}

_GROUP = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class NameRule(Block):
    """A rewrite of names, as Prometheus relabels: `match` is a regular expression (RE2) for the whole name."""

    match: str
    replace: str = "$1"

    @model_validator(mode="after")
    def _possible(self) -> "NameRule":
        groups = {*map(str, range(self.expression.groups + 1)), *self.expression.groupindex}
        for found in _GROUP.finditer(self.replace):
            group = found[1] or found[2]
            if group not in groups:
                raise ValueError(f"{self.replace!r} names a group '{group}' that {self.match!r} does not have")
        return self

    @property
    def expression(self) -> "re2._Regexp":
        """The compiled `match`. Raises PatternError."""
        return compile_pattern(self.match)

    def rewrite(self, name: str) -> str:
        """The new name; the same where the rule does not match.

        >>> NameRule(match="(.+)-v[0-9]+").rewrite("cart-v2")
        'cart'
        """
        found = self.expression.fullmatch(name)
        if not found:
            return name
        groups = {str(place): text for place, text in enumerate((found[0], *found.groups()))} | found.groupdict()
        return _GROUP.sub(lambda group: groups[group[1] or group[2]] or "", self.replace)


class Source(HttpConfig):
    """Who says which entities are tied.

    A metric names the entity at an end by labels that depend on the source; `labels` overrides them, per end:
    label of the entity -> label of the metric. `names` rewrites names before an entity is looked up. `url` and the
    keys of Prometheus' http_config say how to reach a server of traces.
    """

    source: Kind = "service_graph"
    metric: str = ""
    query: str = ""
    labels: dict[str, dict[str, str]] = Field(default={})
    names: tuple[NameRule, ...] = ()
    reporter: str = "destination"
    peers: tuple[Name, ...] = ("peer_service", "server_address", "messaging_destination_name", "db_system")
    url: Url = ""
    timeout: Duration = 10.0
    pairs: tuple[RuleText, ...] = ()
    relation: Name = "calls"

    @model_validator(mode="after")
    def _complete(self) -> "Source":
        if "sources" in self.model_fields_set:
            return self
        for key, sources in _ONLY_FOR.items():
            if key in self.model_fields_set and self.source not in sources:
                raise ValueError(f"'{key}' means nothing to the source '{self.source}'; it is for {_either(sources)}")
        key, text = _NEEDED.get(self.source, ("", ""))
        if key and not getattr(self, key):
            raise ValueError(f"a relation from a {self.source} needs {text}")
        if self.metric and self.query:
            raise ValueError("'query' takes the place of 'metric'; leave one out")
        return self

    def rename(self, name: str) -> str:
        """A name after all rules, one after the other."""
        for rule in self.names:
            name = rule.rewrite(name)
        return name


def _as_source(value: Any) -> Any:
    """A source by its name alone, or a list of pairs."""
    if isinstance(value, str):
        return {"source": value}
    return {"source": "list", "pairs": value} if isinstance(value, list) else value


class Relation(Source):
    """How entities are tied: one source, or several under `sources`.

    `ends` names the roles and their entity types. `asynchronous` lists pairs that do not wait, for sources that
    cannot tell.
    """

    sources: tuple[Annotated[Source, BeforeValidator(_as_source)], ...] = Field(default=(), min_length=1)
    ends: dict[Name, str] = Field(default={})
    asynchronous: tuple[RuleText, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return _as_source(value)

    @model_validator(mode="after")
    def _one_or_several(self) -> "Relation":
        beside = self.model_fields_set & set(Source.model_fields)
        if self.sources and beside:
            raise ValueError(f"'{min(beside)}' stands beside 'sources'; write it into one of them")
        return self

    @property
    def named_sources(self) -> dict[str, Source]:
        """The sources by the name they are told by: their kind, numbered where one comes several times."""
        sources = self.sources or (self,)
        kinds = [source.source for source in sources]
        names = [
            f"{kind} {kinds[: place + 1].count(kind)}" if kinds.count(kind) > 1 else kind
            for place, kind in enumerate(kinds)
        ]
        return dict(zip(names, sources, strict=True))

    @property
    def usual_ends(self) -> tuple[str, str]:
        """The ends where the settings name none."""
        return _ENDS.get(next(iter(self.named_sources.values())).source, ("client", "server"))

    @property
    def usual_types(self) -> dict[str, str]:
        """Entity types of ends that are not the first type declared."""
        return {"host": "node"}


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
