"""Do relations and the causal graph hold on what is measured?"""

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from datasource.cli.finding import Finding
from datasource.data import Entity, Variable
from datasource.graph import CausalGraph, GraphError, build_graph, find_variable
from datasource.library.text import count
from datasource.settings import Rule, Settings
from datasource.topology import Topology

_SHOWN = 5


def check_relations(settings: Settings, topology: Topology, entities: Collection[Entity]) -> Iterator[Finding]:
    """How many ties each relation has from each of its sources, and which names are no measured entity."""
    for name, relation in settings.relations.items():
        ties = topology.along(name)
        amount = count(len(ties), "tie")
        said = [notice for notice in topology.notices if notice.startswith(f"relation '{name}'")]
        sources = relation.named_sources
        if not ties:
            text = f"none from {', '.join(sources)}; " + ("; ".join(said) or "nobody called anybody")
            yield Finding("relations", name, amount, "wrong", text)
            continue
        strangers = sorted({str(end) for tie in ties for _, end in tie.ends[:2] if end not in entities})
        yield Finding("relations", name, amount, "ok", f"from {_by_source(topology, name, tuple(sources))}")
        if strangers:
            yield Finding("relations", "", count(len(strangers), "name"), "note", f"not measured: {_some(strangers)}")
        for notice in said:
            yield Finding("relations", "", "", "note", notice)


def _by_source(topology: Topology, relation: str, sources: Sequence[str]) -> str:
    """The source alone, or of several how many ties each saw."""
    counts = topology.by_source(relation)
    return sources[0] if len(sources) == 1 else ", ".join(f"{name} {counts.get(name, 0)}" for name in sources)


def check_graph(
    settings: Settings, variables: Sequence[Variable], topology: Topology
) -> tuple[CausalGraph | None, list[Finding]]:
    """The graph, None when it cannot be built; a finding for each edge and template that stays without effect."""
    bare = settings.graph.model_copy(update={"edges": (), "templates": ()})
    known = build_graph(settings.model_copy(update={"graph": bare}), variables, topology).graph.variables
    names = {str(variable): variable for variable in known}
    findings, measured = [], []
    for rule in settings.graph.edges:
        unknown = [name for name in (rule.cause, rule.effect) if find_variable(name, names) is None]
        if unknown:
            text = f"{rule.cause} -> {rule.effect} waits: '{unknown[0]}' is not measured{like(unknown[0], names)}"
            findings.append(Finding("graph", "edges", "", "wrong", text))
        else:
            measured.append(rule)
    graph = settings.graph.model_copy(update={"edges": tuple(measured)})
    try:
        built = build_graph(settings.model_copy(update={"graph": graph}), variables, topology)
    except GraphError as error:
        return None, [*findings, Finding("graph", "edges", "", "wrong", str(error))]
    total = count(len(built.graph.edges), "edge")
    findings.insert(0, Finding("graph", "edges", f"{total}, {count(len(variables), 'variable')}", "ok"))
    findings += [Finding("graph", "", "", "note", notice) for notice in built.notices]
    used = {evidence.by for edge in built.graph.edges for evidence in edge.evidence if evidence.kind == "template"}
    there = {variable.signal for variable in variables} | settings.graph.unmeasured.keys()
    for rule in settings.graph.templates:
        if {rule.cause, rule.effect} <= there and str(rule) not in used:
            findings.append(Finding("graph", "", "", "note", f"{_text(rule)} applies nowhere"))
    return built.graph, findings


def like(name: str, names: Collection[str]) -> str:
    """What it may have been meant to be."""
    close = get_close_matches(name, names, 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _text(rule: Rule) -> str:
    along = f" along {rule.relation} from {rule.from_end} to {rule.to_end}" if rule.relation else ""
    return f"{rule.cause} {'<->' if rule.common_cause else '->'} {rule.effect}{along}"
