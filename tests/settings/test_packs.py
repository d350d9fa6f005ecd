"""Packs: ready-made settings, which the operator changes key by key."""

from pathlib import Path

import pytest

from datasource.settings import SettingsError, parse_settings
from datasource.settings.packs import pack_names, read_pack
from datasource.settings.promql import range_seconds

HEAD = "prometheus: {url: 'http://prometheus:9090'}\n"
BESIDE = "".join(f"{block}: {{url: 'http://{block}'}}\n" for block in ("loki", "victorialogs", "tempo"))
"""Servers of logs and traces, which some packs need."""
ONLY_BESIDE = {"loki_patterns"}
"""What says more about log lines that something else counts."""
LABELS = {
    "opentelemetry": (["service_name"], ["namespace", "service_name"], ["cluster", "service_namespace", "service"]),
    "istio": (
        ["destination_workload"],
        ["destination_workload_namespace", "destination_workload"],
        ["destination_cluster", "destination_workload_namespace", "destination_canonical_service"],
    ),
    "linkerd": (["deployment"], ["namespace", "deployment"], ["cluster", "namespace", "deployment"]),
    "kubernetes": (["workload"], ["namespace", "workload"], ["cluster", "service_namespace", "service_name"]),
    "node_exporter": (["instance"], ["node"], ["cluster", "instance"]),
    **dict.fromkeys(
        ("postgresql", "mysql", "redis", "rabbitmq", "nginx"), (["server"], ["cluster", "server"], ["service.name"])
    ),
    **dict.fromkeys(("jvm", "go_runtime", "python_runtime"), (["job"], ["namespace", "service"], ["service.name"])),
    "container_pressure": (["workload"], ["namespace", "workload"], ["cluster", "service_namespace", "service_name"]),
    "coredns": (["dns"], ["cluster", "dns"]),
    **dict.fromkeys(
        ("loki", "loki_events", "loki_patterns", "victorialogs", "tempo", "operations"),
        (["service_name"], ["namespace", "service"], ["cluster", "service_namespace", "workload"]),
    ),
    "envoy": (["envoy_cluster_name"], ["namespace", "envoy_cluster_name"]),
    "ingress_nginx": (["ingress"], ["exported_namespace", "ingress"]),
    "kafka": (["consumergroup"], ["topic", "consumergroup"], ["cluster", "topic", "consumergroup"]),
}
REFERENCE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as error:
        parse_settings(HEAD + text)
    return str(error.value)


@pytest.mark.parametrize(("name", "labels"), [(name, labels) for name in pack_names() for labels in LABELS[name]])
def test_a_pack_is_valid_whatever_its_labels(name: str, labels: list[str]) -> None:
    settings = parse_settings(f"{HEAD}{BESIDE}step: 15s\npacks:\n  {name}: {{labels: {labels}, window: 90s}}\n")
    entity = read_pack(name).entity
    assert settings.entities[entity].labels == tuple(labels)
    for signal in settings.signals.values():
        assert "$" not in signal.query.replace("$1$2$3", "").replace('"$1"', "").replace(')?$" .name', "")
        assert signal.window == 90 or not range_seconds(signal.query)
        assert signal.description


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_alone_is_a_whole_file(name: str) -> None:
    settings = parse_settings(f"{HEAD}{BESIDE}packs: [{name}]\n")
    assert settings.graph.templates or name in ONLY_BESIDE
    assert settings.effects or name in ONLY_BESIDE
    assert {signal.window for signal in settings.signals.values()} <= {120, 60, 30}


def test_packs_share_the_entity_and_explain_each_others_signals() -> None:
    settings = parse_settings(HEAD + "packs: [kubernetes, node_exporter, istio]\n")
    assert settings.entities["service"].labels == ("destination_workload_namespace", "destination_workload")
    rules = {(rule.cause, rule.effect, rule.relation) for rule in settings.graph.templates}
    assert {("restarts", "latency", ""), ("node_io_waiting", "latency", "runs_on")} <= rules
    assert set(settings.relations) == {"calls", "runs_on"}


def test_the_operator_changes_a_key_takes_out_and_adds() -> None:
    settings = parse_settings(
        HEAD
        + """
packs: [istio]
signals:
  latency: {query: 'my_latency'}
  errors: null
  queue: {entity: service, query: 'queue_length', window: 30s}
relations:
  calls: {labels: {client: {destination_workload: client}}}
graph:
  templates: [queue -> latency, requests -> latency]
effects: [{treatment: queue, outcome: latency}]
"""
    )
    assert settings.signals["latency"].query == "my_latency"
    assert settings.signals["latency"].role == "latency"
    assert "errors" not in settings.signals
    assert "queue" in settings.signals
    assert settings.relations["calls"].source == "istio"
    assert settings.relations["calls"].labels["client"] == {"destination_workload": "client"}
    rules = [(rule.cause, rule.effect) for rule in settings.graph.templates]
    assert rules[0] == ("queue", "latency")
    assert rules.count(("requests", "latency")) == 1
    assert not any("errors" in rule for rule in rules)
    assert len(settings.effects) == 2


def test_a_relation_of_the_operators_takes_the_place_of_the_packs() -> None:
    settings = parse_settings(HEAD + "packs: [linkerd]\nrelations: {calls: [web -> cart]}\n")
    assert settings.relations["calls"].source == "list"
    settings = parse_settings(HEAD + "packs: [linkerd]\nrelations: {calls: null}\n")
    assert not settings.relations
    assert not any(rule.relation for rule in settings.graph.templates)


def test_labels_are_taken_from_the_entities_of_the_file() -> None:
    text = "entities: {service: {labels: [team, app]}}\npacks: [kubernetes]\n"
    assert parse_settings(HEAD + text).entities["service"].labels == ("team", "app")
    assert "sum by (team, app)" in parse_settings(HEAD + text).signals["cpu"].query


def test_of_two_signals_with_one_name_the_first_packs_is_taken() -> None:
    text = "packs:\n  linkerd: {labels: [namespace, deployment]}\n"
    text += "  opentelemetry: {labels: [namespace, deployment]}\n"
    assert "response_total" in parse_settings(HEAD + text).signals["requests"].query


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("packs: [isto]", 2, "no pack 'isto'; did you mean 'istio'?"),
        ("packs:\n  istio: {label: [x]}", 3, "no such parameter; did you mean 'labels'?"),
        ("packs:\n  istio:\n    labels: [x y]", 4, "'x y' is not a label"),
        ("packs:\n  istio:\n    labels: []", 4, "should be a list, as [destination_workload_namespace"),
        ("packs:\n  istio: {labels: [a, a]}", 3, "the same label stands here twice"),
        ("packs:\n  istio: {window: 2 minutes}", 3, "write it as 30s, 2m"),
        ("packs:\n  istio: {reporter: 'a\"} or up{'}", 3, "is not a name"),
        ("packs:\n  opentelemetry: {per_second: 0}", 3, "is not a positive number"),
        ("packs:\n  istio: 2m", 3, "'2m' should be a block of parameters"),
        ("packs: istio", 2, "should be a list, as [istio]"),
        ("packs:\n  - opentelemetry\n  - istio", 4, "but pack 'opentelemetry' by [service_name]; give both the same"),
        ("packs: [istio]\nsignals:\n  latency: {query: 'rate(x[5m])'}", 4, "write window: 5m"),
        ("packs: [istio]\nsignals:\n  latency: {role: slow}", 4, "'slow' is none of"),
        ("packs: [istio]\nsignals: {foo: null}", 3, "signals.foo"),
        ("packs:\n  - kubernetes\n  - istio\nentities: {service: null}", 4, "(from pack 'istio')"),
        ("packs: [istio]\ngraph: {templates: [cpu -> latency]}", 3, "no signal 'cpu'"),
        ("packs: [istio]\nrelations: []", 3, "should be a block"),
        ("packs: [istio]\nstep: 1x", 3, "is not a duration"),
    ],
)
def test_an_error_names_the_operators_line(text: str, line: int, says: str) -> None:
    told = refused(text).splitlines()
    assert any(one.startswith(f"causal.yaml:{line}: ") and says in one for one in told), told


def test_an_error_says_when_a_pack_brought_what_is_wrong() -> None:
    told = refused("packs: [istio]\nsignals:\n  latency: {query: 'rate(x[5m])'}\n")
    assert told.endswith("(from pack 'istio')")
    assert "from pack" not in refused("packs: [istio]\nsignals:\n  latency: {role: slow}\n")


@pytest.mark.parametrize("name", pack_names())
def test_the_reference_lists_a_packs_parameters_and_signals(name: str) -> None:
    pack = read_pack(name)
    (row,) = [line for line in REFERENCE.splitlines() if line.startswith(f"| `{name}` | {pack.title} |")]
    for key, value in pack.parameters.items():
        shown = f"[{', '.join(value)}]" if isinstance(value, list) else value
        assert f"`{key}: {shown}`" in row
    table = REFERENCE.split(f"\n### {name}\n", 1)[1].split("\n#", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{signal}` | {block['entity']} | {block.get('role', '')} | {block['description']} |"
        for signal, block in pack.settings({})["signals"].items()
    ]
