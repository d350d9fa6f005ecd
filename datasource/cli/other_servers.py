"""Servers of logs and traces beside a Prometheus: where it scrapes them, and what they say of the same services."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from datasource.cli.labels import CLUSTER, NAMESPACE, Identity
from datasource.cli.scalars import flow, quoted
from datasource.cli.survey import Survey
from datasource.cli.timing import Timing
from datasource.prometheus import PrometheusError, Reader
from datasource.prometheus.loki import LokiClient
from datasource.settings import SettingsError, format_duration, parse_settings
from datasource.settings.packs import read_pack
from datasource.settings.prometheus import Prometheus

_BY_METRIC = {
    "loki": ("loki_build_info", "loki_distributor_lines_received_total"),
    "victorialogs": ("vl_rows_ingested_total", "vl_streams_created_total"),
    "tempo": ("tempo_build_info", "tempo_distributor_spans_received_total"),
}
"""What each server says about itself, by the block of the settings that describes it; its pack is called the same."""
_TITLES = {"loki": "Loki", "victorialogs": "VictoriaLogs", "tempo": "Tempo"}
_ASKED = ("gateway", "query-frontend", "frontend", "read", "querier", "select")
"""Which of a server's many parts answers questions, the best first."""
_PATIENCE = 3
_LOOKS_BACK = 3600
"""Seconds within which somebody has logged something."""


class OtherServer(NamedTuple):
    """A server that was found: its block, its address, its pack's parameters and signals, and those of which it says
    nothing; `why` it is only proposed, empty where it answers about the services that are measured."""

    block: str
    url: str
    parameters: Mapping[str, Any]
    signals: tuple[str, ...]
    off: Mapping[str, str] = MappingProxyType({})
    why: str = ""

    @property
    def title(self) -> str:
        """As people call it."""
        return _TITLES[self.block]

    @property
    def untied(self) -> tuple[str, ...]:
        """The relations of its pack that tie nothing, since nobody is at their ends."""
        pack = read_pack(self.block).settings(self.parameters)
        kinds = {pack["signals"][name]["entity"] for name in self.signals}
        relations: Mapping[str, Any] = pack.get("relations", {})
        return tuple(name for name, one in relations.items() if not kinds >= set(one.get("ends", {}).values()))

    def findings(self) -> list[str]:
        """What is told of it."""
        if self.why:
            return [f"found {self.title} at {self.url}, proposed in the file and not used yet: it {self.why}"]
        left_out = [f"signal {name} left out: {why}" for name, why in self.off.items()]
        return [f"found {self.title} at {self.url}: {', '.join(self.signals)}", *left_out]

    def lines(self) -> Iterator[str]:
        """The block of the settings that says where it is; as a comment, with its pack, where it is only proposed."""
        if not self.why:
            yield f"{self.block}: {{url: {quoted(self.url, always=True)}}}"
            return
        yield (
            f"# {self.title} is scraped by this Prometheus; it {self.why}. Its {', '.join(self.signals)} are signals "
            "once the first of these lines stands here, and the second under packs:"
        )
        yield f"#{self.block}: {{url: {quoted(self.url, always=True)}}}"
        yield f"#  {self.block}: {flow(self.parameters)}"


def find_other_servers(
    survey: Survey, identity: Identity, timing: Timing, taken: Collection[str]
) -> Iterator[OtherServer]:
    """The servers of logs and traces that a Prometheus scrapes, each asked whether it knows the services; of those
    whose signals are all `taken`, nothing is asked. Raises PrometheusError where the Prometheus fails."""
    for block, metrics in _BY_METRIC.items():
        metric = survey.first(*metrics)
        if metric:
            url = _address([series.labels for series in survey.query(metric)], block)
            yield _asked(block, url, identity, timing, taken, survey.now)


def _address(targets: Sequence[Mapping[str, str]], block: str) -> str:
    """Where a server answers: the part of it that is asked, by its service's name where the target is a pod's IP."""

    def order(labels: Mapping[str, str]) -> tuple[int, int, str]:
        words = " ".join(labels.get(name, "") for name in ("service", "component", "container", "job", "pod"))
        asked = next((place for place, part in enumerate(_ASKED) if part in words), len(_ASKED))
        headless = any(word in labels.get("service", "") for word in ("headless", "memberlist", "member"))
        return int(headless), asked, labels.get("instance", "")

    labels = min(targets, key=order, default={})
    host, _, port = labels.get("instance", "").rpartition(":")
    host, port = (host, port) if port.isdigit() else (labels.get("instance", ""), "")
    if _is_address(host) and labels.get("service") and labels.get("namespace"):
        host = f"{labels['service']}.{labels['namespace']}"
    return f"http://{host or block}" + (f":{port}" if port else "")


def _is_address(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _asked(block: str, url: str, identity: Identity, timing: Timing, taken: Collection[str], now: float) -> OtherServer:
    pack = read_pack(block)
    found = OtherServer(block, url, {"stream": list(pack.parameters["stream"])[-len(identity.labels) :]}, ())
    own = tuple(pack.settings({"labels": list(identity.labels)})["signals"])
    found = found._replace(signals=tuple(name for name in own if name not in taken))
    if not found.signals:
        return found._replace(signals=own, why="would only say again what is measured already")
    try:
        stream = _stream(block, url, identity)
        parameters = {"stream": stream, "window": format_duration(timing.window)}
        found = found._replace(parameters=parameters)
        known, brought = _known(found, identity, timing, now)
    except (PrometheusError, SettingsError, ValueError) as error:  # ValueError: an instance that is no address
        return found._replace(why=f"does not answer from here ({str(error).splitlines()[0]})")
    if not known & identity.values:
        return found._replace(why=f"knows none of these services by {', '.join(stream)}")
    nothing = f"{found.title} had nothing of it in the last {format_duration(_LOOKS_BACK)}"
    off = {name: nothing for name in found.signals if name not in brought}
    return found._replace(signals=tuple(name for name in found.signals if name in brought), off=off)


def _stream(block: str, url: str, identity: Identity) -> list[str]:
    """What log lines or spans call the labels of a service, in their order. Raises PrometheusError."""
    usual = list(read_pack(block).parameters["stream"])
    if block != "loki":
        return usual[-len(identity.labels) :]
    told = LokiClient(Prometheus(url=url, timeout=_PATIENCE, retries=0)).get("labels", {}).data
    there = set(told) if isinstance(told, list) else set()
    names = (identity.labels[-1], *read_pack(block).names)
    found = [next((name for name in names if name in there), usual[-1])]
    for label in reversed(identity.labels[:-1]):
        others = next((kind for kind in (NAMESPACE, CLUSTER) if label in kind), ())
        found.insert(0, next((name for name in (label, *others) if name in there), label))
    return found


def _known(
    server: OtherServer, identity: Identity, timing: Timing, now: float
) -> tuple[frozenset[tuple[str, ...]], frozenset[str]]:
    """The services of which a server says something, and by which signals. Raises PrometheusError, SettingsError."""
    parameters = {"labels": list(identity.labels), **server.parameters}
    where = flow({"url": server.url, "timeout": f"{_PATIENCE}s", "retries": 0})
    settings = parse_settings(
        f"prometheus: {{url: 'http://no.prometheus'}}\n{server.block}: {where}\n"
        f"step: {timing.step}s\npacks: {flow({server.block: parameters})}\n"
    )
    reader = Reader(settings)
    end = reader.newest(now)
    span = end - _LOOKS_BACK // timing.step * timing.step, end
    readings = reader.read_each(dict.fromkeys(server.signals, span), timing.step)
    brought = [one for one in readings if one.block.rows and not one.report.problem]
    entities = {entity for one in brought for entity in one.block.rows if entity.type == "service"}
    values = frozenset(tuple(value for _, value in entity.labels) for entity in entities)
    return values, frozenset(one.report.signal for one in brought)
