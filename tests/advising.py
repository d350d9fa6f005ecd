"""A small shop whose database is slow: incidents and judgements made by hand, for tests of what is said of them."""

from collections.abc import Mapping

import numpy as np

from datasource.anomaly import Prediction
from datasource.causes import Contribution, Judgement, RootCauses, Scores
from datasource.data import Entity, Variable
from datasource.incidents import Incident
from datasource.incidents.advice import advise
from datasource.settings import Settings, parse_settings
from datasource.topology import EntityRelation, Topology

STEP = 30
START_AT = 1_700_000_040  # 22:14 UTC
NOW = START_AT + 5 * STEP


def service(name: str) -> Entity:
    return Entity("service", (("namespace", "shop"), ("service", name)))


WEB, DB, CACHE = map(service, ("web", "db", "cache"))
CALL = Entity("call", (("client", "web"), ("server", "db")))
CALLS = Topology((EntityRelation("calls", (("client", WEB), ("server", DB), ("call", CALL))),))


def settings(remedies: str = "") -> Settings:
    return parse_settings(f"""
prometheus: {{url: http://localhost:9090}}
entities:
  service: {{labels: [namespace, service]}}
  call: {{labels: [client, server]}}
signals:
  requests: {{entity: service, query: a, window: 30s, unit: reqps, role: load}}
  latency: {{entity: service, query: b, window: 30s, unit: s, role: latency}}
  errors: {{entity: service, query: c, window: 30s, unit: reqps, role: failure}}
  cpu: {{entity: service, query: d, window: 30s, unit: cores, role: saturation}}
  memory: {{entity: service, query: e, window: 30s, unit: bytes, role: saturation}}
  replicas: {{entity: service, query: f, window: 30s}}
  restarts: {{entity: service, query: g, window: 30s, role: event, kind: event}}
  rollouts: {{entity: service, query: h, window: 30s, role: event, kind: event}}
  waited: {{entity: call, query: i, window: 30s, unit: s, role: work}}
remedies: {{{remedies}}}
""")


def scores(observed: np.ndarray, usual: float, expected: float | None = None, broke: bool = False) -> Scores:
    """Of the newest points: observed, and expected by season, and by its causes."""

    def prediction(level: float) -> Prediction:
        return Prediction(observed, np.full(observed.size, level), *[np.full(observed.size, np.nan)] * 6)

    return Scores(prediction(usual if expected is None else expected), prediction(usual), broke, broke)


def judgement(found: Mapping[Variable, Scores]) -> Judgement:
    return Judgement(found, frozenset(), (), ())


def level(now: float, usual: float, expected: float | None = None, broke: bool = False) -> Scores:
    return scores(np.full(6, now), usual, expected, broke)


SLOW = RootCauses(
    Variable(WEB, "latency"),
    0.18,
    (Contribution(Variable(DB, "latency"), 0.15, 0.83), Contribution(Variable(CACHE, "latency"), 0.02, 0.11)),
    (),
    0.01,
)
LEVELS = {
    Variable(WEB, "latency"): level(0.42, 0.24),
    Variable(DB, "latency"): level(0.2, 0.05),
    Variable(CACHE, "latency"): level(0.03, 0.01),
}


def incident(causes: RootCauses = SLOW, roots: tuple[Entity, ...] = (DB,), **more) -> Incident:
    usual = {"id": "1", "start": START_AT, "end": None, "updated": NOW, "affected": (*roots, WEB)} | more
    return Incident(causes=causes, roots=roots, **{"suffering": usual["affected"]} | usual)


def said(one: Incident, known: Mapping[Variable, Scores] = LEVELS, remedies: str = "", **more) -> Incident:
    given = {"structural": None, "topology": CALLS} | more
    return advise(one, settings(remedies), judgement(known), **given)
