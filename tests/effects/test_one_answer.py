"""One question of effect has one answer, whichever door asks."""

import numpy as np
import orjson
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main
from datasource.data.csv.files import read_csv
from datasource.panels import REGISTRY
from datasource.panels.query import Query
from datasource.replay import evaluate_matrix
from datasource.service import samples, snapshot_json
from datasource.settings import Loaded, parse_settings

SETTINGS = """
prometheus: {url: http://localhost:9090}
step: 1m
baseline: 10h
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: requests, window: 1m, unit: reqps, role: load}
  cpu: {entity: service, query: cpu, window: 1m, role: saturation}
  latency: {entity: service, query: latency, window: 1m, unit: s, role: latency}
graph: {templates: [requests -> cpu, requests -> latency, cpu -> latency]}
effects: [{treatment: cpu, outcome: latency}]
"""
RULES = ["web.requests -> web.cpu", "web.requests -> web.latency", "web.cpu -> web.latency"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    load = 50 + np.cumsum(rng.normal(size=600)) * 0.5
    cpu = 0.02 * load + rng.normal(0, 0.2, 600)
    latency = 0.001 * load + 0.05 * cpu + rng.normal(0, 0.01, 600)
    times = pd.date_range("2026-01-01", periods=600, freq="1min", tz="UTC", name="time")
    return pd.DataFrame({"web.requests": load, "web.cpu": cpu, "web.latency": latency}, index=times)


@pytest.fixture(scope="module")
def snapshot(frame):
    data = read_csv(frame)
    return evaluate_matrix(Loaded(parse_settings(SETTINGS), ""), data.matrix)


@pytest.fixture(scope="module")
def answer(frame):
    return cd.effect(frame, "web.cpu", "web.latency", graph=cd.graph(*RULES)).to_dict()


def same(one, other):
    if isinstance(one, float):
        return one == pytest.approx(other, rel=1e-9, nan_ok=True)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def test_the_service_and_a_file_say_the_same(snapshot, answer):
    (served,) = orjson.loads(orjson.dumps(snapshot_json(snapshot)["effects"], option=orjson.OPT_SERIALIZE_NUMPY))
    assert served.keys() - {"environment"} == answer.keys()
    differ = [key for key in answer.keys() - {"rows", "assumptions", "notices"} if not same(served[key], answer[key])]
    assert differ == []


def test_the_command_line_says_the_same(frame, answer, tmp_path):
    frame.to_csv(tmp_path / "web.csv")
    (tmp_path / "graph.yaml").write_text("".join(f"- {rule}\n" for rule in RULES))
    files = ["--data", str(tmp_path / "web.csv"), "--graph", str(tmp_path / "graph.yaml")]
    done = CliRunner().invoke(main, ["effect", *files, "--treatment", "web.cpu", "--outcome", "web.latency", "--json"])
    assert same(orjson.loads(done.stdout), answer)


def test_metrics_and_panels_say_the_same(snapshot, answer):
    metrics = {sample.name: sample.value for sample in samples(snapshot) if "treatment" in sample.labels}
    (frame,) = REGISTRY.answer(Query("effects_table", 0, snapshot.time, {}), snapshot, "")
    columns = {field.name: next(iter(field.values)) for field in frame.fields}
    for name in ("association", "association_lower", "association_upper", "effect"):
        assert metrics[f"causal_{name}"] == pytest.approx(answer[name])
    assert metrics["causal_effect_lower"] == pytest.approx(answer["lower"])
    assert columns["association"] == pytest.approx(answer["association"])
    assert columns["effect"] == pytest.approx(answer["effect"])
    assert (columns["lower"], columns["upper"]) == pytest.approx((answer["lower"], answer["upper"]))
