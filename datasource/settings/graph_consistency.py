"""Does the graph fit the signals, entities and relations of causal.yaml?"""

from collections.abc import Iterator

from datasource.settings.finding import Finding, Place, known
from datasource.settings.model import EVERYWHERE, Settings
from datasource.settings.rules import Rule


def graph_findings(settings: Settings) -> Iterator[Finding]:
    """Everything in the graph that names what is not there, or can be nobody's meaning."""
    yield from _unmeasured(settings)
    for index, rule in enumerate(settings.graph.templates):
        yield from _template(settings, ("graph", "templates", index), rule)
    for index, rule in enumerate(settings.graph.forbid):
        place: Place = ("graph", "forbid", index)
        if rule.common_cause:
            yield place, "only arrows are forbidden; write it with '->'"
        else:
            yield from (_edge if "." in rule.cause else _template)(settings, place, rule)
    for index, rule in enumerate(settings.graph.edges):
        yield from _edge(settings, ("graph", "edges", index), rule)


def unknown_variable(settings: Settings, place: Place, name: str, unmeasured: bool = False) -> Iterator[Finding]:
    """Says so where `name` is no entity.signal of these settings; with `unmeasured` it may be one nobody measures."""
    beside = settings.graph.unmeasured if unmeasured else {}
    entity, dot, signal = name.rpartition(".")
    if beside.get(signal) == EVERYWHERE:
        if dot:
            yield place, f"'{signal}' is one for the whole installation; name it without an entity"
    elif not (entity and dot):
        yield place, f"'{name}' names no entity; write entity.signal, as shop/web.latency"
    elif signal not in settings.signals and signal not in beside:
        yield place, f"no signal '{signal}' in '{name}'; {known(signal, [*settings.signals, *beside])}"


def _unmeasured(settings: Settings) -> Iterator[Finding]:
    for name, entity in settings.graph.unmeasured.items():
        place: Place = ("graph", "unmeasured", name)
        if name in settings.signals:
            yield place, f"'{name}' is a signal, which is measured; delete it here, or give it another name"
        if entity == EVERYWHERE:
            if EVERYWHERE in settings.entities:
                yield place, f"'{EVERYWHERE}' is also an entity type; give that another name"
        elif entity and entity not in settings.entities:
            yield place, f"no entity type '{entity}'; {known(entity, [*settings.entities, EVERYWHERE])}"


def _template(settings: Settings, place: Place, rule: Rule) -> Iterator[Finding]:
    names = [*settings.signals, *settings.graph.unmeasured]
    missing = [name for name in (rule.cause, rule.effect) if name not in names]
    for name in dict.fromkeys(missing):
        yield place, f"no signal '{name}'; {known(name, names)}"
    if missing:
        return
    cause, effect = settings.entity_type(rule.cause), settings.entity_type(rule.effect)
    if not rule.relation:
        if cause != effect and EVERYWHERE not in (cause, effect):
            yield (
                place,
                f"'{rule.cause}' is measured per {cause}, '{rule.effect}' per {effect}; "
                "say along which relation, as 'along calls from server to client'",
            )
        else:
            yield from _itself(place, rule)
        return
    if rule.relation not in settings.relations:
        yield place, f"no relation '{rule.relation}'; {known(rule.relation, settings.relations)}"
        return
    ends = settings.ends(rule.relation)
    for end, signal, entity in ((rule.from_end, rule.cause, cause), (rule.to_end, rule.effect, effect)):
        if end not in ends:
            yield place, f"relation '{rule.relation}' has no end '{end}'; {known(end, ends)}"
        elif ends[end] != entity:
            per = "one for the whole installation" if entity == EVERYWHERE else f"measured per {entity}"
            yield place, f"'{signal}' is {per}, but '{end}' of {rule.relation} is a {ends[end]}"


def _edge(settings: Settings, place: Place, rule: Rule) -> Iterator[Finding]:
    if rule.relation:
        yield place, "a single edge has no 'along'; name the two variables, or make it a template"
    for name in dict.fromkeys((rule.cause, rule.effect)):
        yield from unknown_variable(settings, place, name, unmeasured=True)
    yield from _itself(place, rule)


def _itself(place: Place, rule: Rule) -> Iterator[Finding]:
    if rule.cause != rule.effect or 0 not in rule.lags:
        return
    if rule.common_cause:
        yield place, f"'{rule.cause}' cannot share a cause with itself; name two variables"
    else:
        yield place, f"'{rule.cause}' cannot cause itself at lag 0; give it a lag, as (lag 1)"
