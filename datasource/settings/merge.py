"""What the packs bring, under what the operator wrote himself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from datasource.settings.consistency import Finding, Place, known
from datasource.settings.packs import Pack, pack_names, read_pack
from datasource.settings.rules import Rule, parse_rule

_NAMED = ("entities", "signals", "relations", "remedies")


class Merged(NamedTuple):
    """Settings without placeholders; which pack brought what stands at a place; what is wrong with `packs`.

    `chosen` says where each pack is named.
    """

    data: dict[str, Any]
    origins: dict[Place, str]
    findings: list[Finding]
    chosen: dict[str, Place]

    def origin(self, place: Place, own: Mapping[Place, int]) -> str:
        """The pack that brought what stands at a place; empty where the operator did, who wrote the `own` places."""
        while place and place not in own:
            if place in self.origins:
                return self.origins[place]
            place = place[:-1]
        return ""


class _Chosen(NamedTuple):
    pack: Pack
    parameters: dict[str, Any]
    place: Place


def merge_packs(data: Mapping[str, Any]) -> Merged:
    """Fill in the packs that `data` chooses, and lay the operator's own keys over them.

    Entities, signals, relations and remedies are merged key by key, and null takes one out that a pack brought.
    Templates and effects are added to the operator's own; a pack's are left out where their signals or relations are
    not there, and its remedies where none of their signals is. Of a name that several packs bring, the first one's is
    taken.
    """
    findings: list[Finding] = []
    # those that take whatever labels the others have come after them
    chosen = sorted(_choose(data.get("packs"), findings), key=lambda one: one.pack.takes_any_labels)
    merged: dict[str, Any] = {name: {} for name in _NAMED}
    origins: dict[Place, str] = {}
    templates: list[tuple[str, str]] = []
    effects: list[tuple[dict[str, Any], str]] = []
    for one in chosen:
        name = one.pack.name
        labels = _labels(one, data, merged, origins, findings)
        brought = one.pack.settings({**one.parameters, "labels": labels}, data.get("step", "30s"))
        for block in _NAMED:
            for key, value in brought.get(block, {}).items():
                if key not in merged[block]:
                    merged[block][key] = value
                    origins |= {place: name for place in _places(value, (block, key))}
        templates += [(text, name) for text in brought.get("graph", {}).get("templates", ())]
        effects += [(effect, name) for effect in brought.get("effects", ())]
    if not chosen:
        return Merged(dict(data), {}, findings, {})
    result = {**data, "packs": {one.pack.name: one.parameters for one in chosen}}
    for block in _NAMED:
        own = data.get(block)
        result[block] = _over(merged[block], own, block) if own is None or isinstance(own, dict) else own
    if not all(isinstance(result[block], dict) for block in _NAMED):
        return Merged(result, origins, findings, {one.pack.name: one.place for one in chosen})
    _leave_out(result, origins)
    _add_templates(result, templates, origins)
    _add_effects(result, effects, origins)
    return Merged(result, origins, findings, {one.pack.name: one.place for one in chosen})


def _choose(packs: Any, findings: list[Finding]) -> Iterator[_Chosen]:
    """The packs by name, from a list or a block."""
    named: list[tuple[Any, Any, Place]] = []
    if isinstance(packs, list):
        for index, item in enumerate(packs):
            pairs = item.items() if isinstance(item, dict) else [(item, None)]
            named += [(name, parameters, ("packs", index)) for name, parameters in pairs]
    elif isinstance(packs, dict):
        named = [(name, parameters, ("packs", name)) for name, parameters in packs.items()]
    elif packs is not None:
        findings.append((("packs",), f"{packs!r} should be a list, as [{packs}], or a block of packs and parameters"))
    for name, given, place in named:
        if name not in pack_names():
            findings.append((place, f"no pack '{name}'; {known(str(name), pack_names())}"))
            continue
        pack, parameters = read_pack(name), {} if given is None else given
        if not isinstance(parameters, dict):
            keys = ", ".join(pack.parameters)
            findings.append((place, f"{parameters!r} should be a block of parameters; known are: {keys}"))
            continue
        inside = (*place, name) if isinstance(place[-1], int) else place
        wrong = [((*inside, key), text) for key, text in pack.problems(parameters)]
        findings += wrong
        if not wrong:
            yield _Chosen(pack, parameters, place)


def _labels(
    one: _Chosen, data: Mapping[str, Any], merged: Mapping[str, Any], origins: Mapping[Place, str], out: list[Finding]
) -> list[str]:
    """The labels by which a pack tells its entities apart: as given, or as whoever measures them already says."""
    entity, given = one.pack.entity, one.parameters.get("labels")
    own = data.get("entities")
    declared = own.get(entity) if isinstance(own, dict) else None
    there, who = (declared or {}).get("labels") if isinstance(declared, dict) else None, f"entities.{entity}"
    if there is None and entity in merged["entities"]:
        there, who = merged["entities"][entity]["labels"], f"pack '{origins['entities', entity]}'"
    usual: list[str] = given or one.pack.parameters["labels"]
    if not isinstance(there, list) or not there or list(one.pack.problems({"labels": there})):
        return usual
    if (given and given != there) or not (given or _may_take(one.pack, there)):
        text = f"tells {entity} apart by {_list(usual)}, but {who} by {_list(there)}; give both the same labels"
        out.append((one.place, text))
    return there


def _may_take(pack: Pack, labels: Sequence[str]) -> bool:
    """Whether a pack's metrics can be brought under other labels than their own."""
    return pack.takes_any_labels or "named_by" in pack.parameters or labels[-1] in pack.names


def _list(labels: Sequence[str]) -> str:
    return f"[{', '.join(labels)}]"


def _places(value: Any, place: Place) -> Iterator[Place]:
    yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*place, key))


def _over(brought: Mapping[str, Any], own: Any, block: str) -> dict[str, Any]:
    """The operator's blocks over the packs', in the packs' order."""
    result = dict(brought)
    for name, value in (own or {}).items():
        if value is None and name in brought:
            del result[name]
        elif block == "relations" and not (isinstance(value, dict) and not {"source", "sources"} & set(value)):
            result[name] = value
        else:
            result[name] = _deep(brought.get(name), value)
    return result


def _deep(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: _deep(under.get(key), value) for key, value in over.items()}


def _leave_out(result: dict[str, Any], origins: Mapping[Place, str]) -> None:
    """Relations of packs between entities that nobody measures, the call where it has no signal, and remedies against
    what is not measured."""
    for name, relation in list(result["relations"].items()):
        ends = relation.get("ends", {}) if isinstance(relation, dict) else {}
        if ("relations", name) in origins and any(entity not in result["entities"] for entity in ends.values()):
            del result["relations"][name]
    measured = {signal.get("entity") for signal in result["signals"].values() if isinstance(signal, dict)}
    if ("entities", "call") in origins and "call" not in measured:
        result["entities"].pop("call", None)
    for name, remedy in list(result["remedies"].items()):
        if ("remedies", name) in origins and isinstance(remedy, dict) and isinstance(remedy.get("against"), list):
            there = [one for one in remedy["against"] if one in result["signals"]]
            if ("remedies", name, "against") in origins:
                result["remedies"][name] = {**remedy, "against": there}
            if not there:
                del result["remedies"][name]


def _add_templates(result: dict[str, Any], brought: Sequence[tuple[str, str]], origins: dict[Place, str]) -> None:
    graph = result.get("graph") or {}
    own = graph.get("templates") or [] if isinstance(graph, dict) else None
    if not isinstance(own, list):
        return
    there = {rule for rule in map(_rule, own) if rule}
    templates = list(own)
    for text, pack in brought:
        rule = parse_rule(text)
        if rule in there or not {rule.cause, rule.effect} <= set(result["signals"]):
            continue
        if rule.relation and (rule.relation not in result["relations"] or not _has_ends(result, rule)):
            continue
        origins["graph", "templates", len(templates)] = pack
        there.add(rule)
        templates.append(text)
    result["graph"] = {**graph, "templates": templates}


def _has_ends(result: Mapping[str, Any], rule: Rule) -> bool:
    """A call stands between client and server only where it is an entity."""
    return "call" not in (rule.from_end, rule.to_end) or "call" in result["entities"]


def _rule(text: Any) -> Rule | None:
    try:
        return parse_rule(text)
    except (ValueError, AttributeError, TypeError):
        return None


def _add_effects(
    result: dict[str, Any], brought: Sequence[tuple[dict[str, Any], str]], origins: dict[Place, str]
) -> None:
    own = result.get("effects") or []
    if not isinstance(own, list):
        return
    asked = [(one.get("treatment"), one.get("outcome")) for one in own if isinstance(one, dict)]
    effects = list(own)
    for effect, pack in brought:
        pair = (effect["treatment"], effect["outcome"])
        if pair not in asked and set(pair) <= set(result["signals"]):
            origins["effects", len(effects)] = pack
            asked.append(pair)
            effects.append(effect)
    result["effects"] = effects
