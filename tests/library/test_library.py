"""`import datasource as cd`: one answer, whatever it is asked of and however it is shown."""

import builtins
import doctest
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main
from datasource.demo.faults import PAST
from datasource.demo.live import LiveShop, last_grid_time
from datasource.demo.shop import Shop
from datasource.demo.standin_server import start_standin
from datasource.graph import written
from datasource.library import ask, data, moments, text
from datasource.settings import Loaded

CALLS = [("web", "db")]
FAULT = 8


@pytest.fixture(scope="module")
def shop():
    """Ten hours of web, which calls db, which is slow in the last minutes."""
    rng = np.random.default_rng(7)
    load = 50 + 10 * np.sin(np.arange(600) / 60) + rng.normal(size=600)
    db = 0.01 + 0.0002 * load + rng.normal(0, 0.0005, 600)
    db[-FAULT:] += 0.05
    web = 0.02 + 2 * db + rng.normal(0, 0.001, 600)
    times = pd.date_range("2026-01-01", periods=600, freq="1min", tz="UTC", name="time")
    columns = {"web.requests": load, "db.requests": 2 * load, "web.latency": web, "db.latency": db}
    return pd.DataFrame(columns, index=times)


@pytest.fixture(scope="module")
def files(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    shop.to_csv(folder / "shop.csv")
    shop.iloc[:-FAULT].to_csv(folder / "before.csv")
    shop.iloc[-FAULT:].to_csv(folder / "now.csv")
    (folder / "calls.csv").write_text("caller,callee\nweb,db\n")
    return folder


@pytest.fixture(scope="module")
def answers(shop):
    return {
        "effect": cd.effect(shop, "db.latency", "web.latency", adjust=["db.requests"]),
        "evaluate": cd.evaluate(shop, calls=CALLS),
        "rank": cd.rank(shop.iloc[:-FAULT], shop.iloc[-FAULT:], calls=CALLS),
        "score": cd.score(shop, calls=CALLS),
        "what_if": cd.what_if(shop, "web.requests", 60, calls=CALLS),
    }


def asked(files, command):
    """What the command line is asked for the same."""
    path = {name: str(files / f"{name}.csv") for name in ("shop", "before", "now", "calls")}
    of = {
        "effect": [
            "--data",
            path["shop"],
            *["--treatment", "db.latency", "--outcome", "web.latency", "--adjust", "db.requests"],
        ],
        "evaluate": ["--data", path["shop"], "--calls", path["calls"]],
        "rank": ["--baseline", path["before"], "--incident", path["now"], "--calls", path["calls"]],
        "score": ["--data", path["shop"], "--calls", path["calls"]],
    }
    return [command, *of[command]]


def test_the_door_opens_nothing_until_it_is_used():
    code = "import sys, datasource as cd; dir(cd); print({'numpy', 'pandas', 'dowhy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert {"effect", "what_if", "rank", "score", "evaluate", "graph", "read_csv"} <= set(dir(cd))
    with pytest.raises(AttributeError, match="nothing"):
        cd.nothing  # noqa: B018


@pytest.mark.parametrize("module", [ask, data, moments, text, written])
def test_the_examples_in_help_run(module):
    module = sys.modules[module.__module__] if callable(module) else module
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize("command", ["effect", "evaluate", "rank", "score"])
def test_the_command_line_prints_what_the_library_answers(answers, files, command):
    done = CliRunner().invoke(main, [*asked(files, command), "--json"])
    assert done.exit_code == 0, done.output
    assert equal(orjson.loads(done.stdout), answers[command].to_dict())


def equal(one, other):
    """Nested answers, but for what the file is called and the last digits of what was read from text."""
    if isinstance(one, dict):
        left_out = {"notices", "key", "settings"}
        return all(equal(one[key], other[key]) for key in one.keys() | other.keys() if key not in left_out)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-6, abs=1e-12)
    return one == other


def test_causes_effects_and_predictions_are_right(answers):
    assert answers["evaluate"].root_causes == {"db": "db", "web": "db"}
    assert answers["evaluate"].anomalous[0] == "db"
    assert next(iter(answers["rank"].confidence)) == "db"
    assert answers["effect"].value == pytest.approx(2, rel=0.05)
    frame = answers["what_if"].to_frame().set_index("outcome")
    assert frame.loc["db.requests", "predicted"] == pytest.approx(120, rel=0.02)
    scores = answers["score"].to_frame()
    alarmed = scores[scores["alarm"] == 1]
    assert set(alarmed["service"]) == {"web", "db"}
    assert alarmed["time"].min() >= pd.Timestamp("2026-01-01 09:52", tz="UTC")


def test_every_answer_becomes_text_frame_picture_and_page(answers):
    for found in answers.values():
        assert str(found) == repr(found) == "\n".join(found.lines())
        assert len(found.to_frame())
        assert found.plot().axes
        assert found._repr_html_().startswith("<div><svg")
        page = found.page()
        assert page.count("<svg") >= 1
        assert "<script" not in page
        assert not re.search(r"(src|href)=.?(http|//)", page)


def test_pages_are_written_by_the_commands(files, tmp_path):
    for command in ("effect", "evaluate", "rank", "score"):
        done = CliRunner().invoke(main, [*asked(files, command), "--report", str(tmp_path / f"{command}.html")])
        assert done.exit_code == 0, done.output
        assert "db" in (tmp_path / f"{command}.html").read_text()
    done = CliRunner().invoke(main, [*asked(files, "rank"), "--report", str(tmp_path / "none" / "page.html")])
    assert done.exit_code == 2
    assert "cannot be written" in done.output


def test_without_matplotlib_all_but_the_pictures_is_there(answers, files, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("no matplotlib", name=name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "datasource.library.pictures", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("datasource.library.result.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'causal-datasource\[plot\]'"):
        answers["rank"].plot()
    assert answers["rank"]._repr_html_().startswith("<div><pre>")
    done = CliRunner().invoke(main, [*asked(files, "rank"), "--report", str(tmp_path / "page.html")])
    assert (done.exit_code, done.output.count("Traceback")) == (2, 0)
    assert "pip install" in done.output


@pytest.mark.parametrize(
    "shape",
    [
        lambda f: f,
        lambda f: f.rename_axis(None),
        lambda f: f.tz_convert("Europe/Berlin"),
        lambda f: f.reset_index(),
        lambda f: f.reset_index().assign(time=f.index.as_unit("s").astype("int64")),
        lambda f: f.set_axis(pd.MultiIndex.from_tuples([tuple(c.split(".")) for c in f.columns]), axis=1),
        lambda f: f.astype("Float64"),
    ],
)
def test_frames_of_every_shape_are_the_same_data(shop, shape):
    frame = shop.set_axis(shop.index.as_unit("s"))
    found = cd.from_frame(shape(frame)).to_frame()
    pd.testing.assert_frame_equal(found, cd.from_frame(shop).to_frame(), check_freq=False)


def test_a_long_frame_with_a_category_is_understood():
    times = pd.date_range("2026-01-01", periods=3, freq="1min")
    frame = pd.DataFrame(
        {"time": [*times, *times], "service": pd.Categorical(["a"] * 3 + ["b"] * 3), "latency": range(6)}
    )
    assert list(cd.from_frame(frame).to_frame().columns) == ["a.latency", "b.latency"]


def test_what_cannot_be_used_says_what_to_change(shop):
    with pytest.raises(cd.CsvError, match="cannot be read"):
        cd.evaluate("nowhere.csv")
    with pytest.raises(cd.CsvError, match=r"'web\.latency' is there twice"):
        cd.evaluate(pd.concat([shop, shop[["web.latency"]]], axis=1))
    with pytest.raises(cd.CsvError, match="has no rows"):
        cd.score(shop.iloc[:0])
    with pytest.raises(cd.StudyError, match=r"did you mean 'web\.latency'"):
        cd.effect(shop, "db.latency", "web.latenc")
    with pytest.raises(cd.StudyError, match=r"did you mean 'web\.requests'"):
        cd.what_if(shop, "web.request", 1)
    with pytest.raises(cd.StudyError, match="group and post belong together"):
        cd.effect(shop, "db.latency", "web.latency", group="x")
    with pytest.raises(cd.SettingsError, match="too few"):
        cd.evaluate(shop.iloc[:20])
    with pytest.raises(cd.SettingsError, match="write it as 'cause -> effect'"):
        cd.graph("a -> ")
    with pytest.raises(cd.CsvError, match="no file is given"):
        cd.read_csv()
    with pytest.raises(cd.CsvError, match="roles are"):
        cd.from_frame(shop, roles={"latency": "bogus"})
    with pytest.raises(cd.SettingsError, match="step"):
        cd.from_frame(shop, step="often")
    with pytest.raises(cd.CsvError, match="is no pair of a caller and a callee"):
        cd.evaluate(shop, calls=[("web", "db", "cache")])
    with pytest.raises(cd.CsvError, match="give pairs"):
        cd.evaluate(shop, calls={"web": "db"})
    with pytest.raises(cd.StudyError, match="0 or more"):
        cd.effect(shop, "db.latency", "web.latency", lags=-1)
    with pytest.raises(cd.StudyError, match="step says nothing here"):
        cd.effect(cd.from_frame(shop, step="5m"), "db.latency", "web.latency")
    with pytest.raises(cd.CsvError, match="the index and a column are both called 'time'"):
        cd.evaluate(shop.assign(time=1))


def test_one_name_is_not_cut_into_letters(shop):
    asked = {"adjust": ["db.requests"], "strata": [], "modifiers": []}
    whole = cd.effect(shop, "db.latency", "web.latency", **asked).to_dict()
    assert cd.effect(shop, "db.latency", "web.latency", adjust="db.requests").to_dict() == whole
    one = cd.what_if(shop, "web.requests", 60, "db.requests", calls=CALLS)
    assert [str(found.outcome) for found in one.predictions] == ["db.requests"]


@pytest.mark.parametrize("kind", [object, "string", "category"])
def test_who_has_no_name_in_a_frame_is_nobody(kind, tmp_path):
    rng = np.random.default_rng(3)
    times = np.repeat(pd.date_range("2026-01-01", periods=40, freq="1min"), 2)
    names = pd.Series(["a", "b"] * 40)
    frame = pd.DataFrame({"time": times, "service": names, "latency": rng.random(80)})
    frame.loc[frame.index[:4], "service"] = None
    frame["service"] = frame["service"].astype(kind)
    frame.to_csv(tmp_path / "some.csv", index=False)
    for read in (cd.from_frame(frame, accept_loss=True), cd.read_csv(tmp_path / "some.csv", accept_loss=True)):
        assert list(read.to_frame().columns) == ["a.latency", "b.latency"]
    with pytest.raises(cd.CsvError, match="accept"):
        cd.from_frame(frame).to_frame()


def test_numbers_that_name_entities_stay_whole_beside_missing_ones():
    times = np.repeat(pd.date_range("2026-01-01", periods=40, freq="1min"), 2)
    frame = pd.DataFrame({"time": times, "service": [1.0, 2.0] * 40, "latency": np.arange(80.0)})
    for column in (frame["service"], frame["service"].astype("Int64")):
        found = cd.from_frame(frame.assign(service=column)).to_frame()
        assert list(found.columns) == ["1.latency", "2.latency"]


def test_a_time_without_offset_is_where_the_data_are(shop):
    at = pd.Timestamp("2026-01-01 09:58")
    local = shop.set_axis(shop.index.tz_localize(None))
    for given in (at, at.to_pydatetime(), at.to_datetime64(), "2026-01-01 09:58", "2026-01-01T09:58:00Z"):
        assert cd.evaluate(local, calls=CALLS, at=given).snapshot.time == at.timestamp()
    berlin = cd.from_frame(local, timezone="Europe/Berlin")
    for given in (at, "2026-01-01 09:58", at.tz_localize("Europe/Berlin")):
        assert cd.evaluate(berlin, calls=CALLS, at=given).snapshot.time == at.timestamp() - 3600
    whole = cd.impact(local, "web.latency", start=shop.index[-FAULT].tz_localize(None), controls="causes")
    moved = cd.impact(berlin, "web.latency", start=local.index[-FAULT], controls="causes")
    assert moved.value == pytest.approx(whole.value)


def test_ranking_knows_the_calls_that_its_data_know(shop):
    before, now = (cd.from_frame(part) for part in (shop.iloc[:-FAULT], shop.iloc[-FAULT:]))
    settings = cd.evaluate(shop, calls=CALLS).snapshot.settings
    knowing = replace(before, source=before.source._replace(config=Loaded(settings, "")))
    found = cd.rank(knowing, now)
    assert not [notice for notice in found.found.notices if "nobody is known to call" in notice]
    assert found.confidence == cd.rank(before, now, calls=CALLS).confidence


def test_what_is_not_scored_is_said(shop):
    both = shop.assign(**{"cache.latency": shop["db.latency"]})
    found = cd.score(both, shop, calls=CALLS)
    assert "not scored: cache.latency" in str(found)
    assert any("cache.latency" in notice for notice in found.to_dict()["notices"])


def test_no_page_is_written_over_what_is_read(files, tmp_path):
    own = tmp_path / "own.csv"
    own.write_bytes((files / "shop.csv").read_bytes())
    done = CliRunner().invoke(main, ["evaluate", "--data", str(own), "--report", str(own)])
    assert done.exit_code == 2
    assert "is an input; choose another --report" in done.output
    assert own.read_bytes() == (files / "shop.csv").read_bytes()


def test_a_graph_is_written_down_or_read(tmp_path):
    (tmp_path / "graph.yaml").write_text("- x -> y\n- z -> y (lag 1)\n")
    rules = cd.graph("x -> y", "z -> y (lag 1)")
    assert cd.graph(str(tmp_path / "graph.yaml")) == rules
    assert str(rules) == "x -> y\nz -> y (lag 1..1)"


SERVED = """
prometheus: {{url: {url}, retries: 0}}
step: 30s
baseline: 1d
entities: {{service: {{labels: [namespace, service]}}}}
signals:
  requests: {{entity: service, query: 'service:requests:rate30s', window: 30s, unit: reqps, role: load}}
  latency: {{entity: service, query: 'service:latency_seconds:mean30s', window: 30s, unit: s, role: latency}}
graph: {{templates: [requests -> latency]}}
"""


def test_a_prometheus_is_asked_with_settings_or_with_queries(tmp_path):
    live = LiveShop(Shop(), last_grid_time(time.time()), PAST[0].start_step + 120)
    server = start_standin(live)
    try:
        (tmp_path / "causal.yaml").write_text(SERVED.format(url=server.url))
        read = cd.from_prometheus(str(tmp_path / "causal.yaml"))
        queries = {"requests": "service:requests:rate30s", "latency": "service:latency_seconds:mean30s"}
        end = read.to_frame().index[-1]
        named = {"queries": queries, "labels": ["namespace", "service"], "step": "30s"}
        few = cd.from_prometheus(server.url, **named, start=end - pd.Timedelta("2h"), end=end)
        with pytest.raises(cd.SettingsError, match="is not before end"):
            cd.from_prometheus(server.url, queries=queries, start=end, end=end)
    finally:
        server.stop()
    assert len(few.to_frame()) == 241
    assert cd.evaluate(read).to_frame().size
    service = read.to_frame().columns[0].rpartition(".")[0]
    found = cd.effect(read, f"{service}.requests", f"{service}.latency")
    assert found.answer.identified_by in ("adjustment", "randomisation")
    with pytest.raises(cd.PrometheusError):
        cd.from_prometheus("http://127.0.0.1:9", queries=queries)
