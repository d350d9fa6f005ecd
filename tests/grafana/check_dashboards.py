"""Every dashboard in Grafana's own front end, in a real browser, before a real Prometheus: `make dashboards-test`.

Scenes, variables, transformations, data links, table, lines, numbers and the Prometheus data source are Grafana's. What
no package has is stood in for, in src/: the server, the loading of a dashboard's JSON, and the panels state timeline,
trend and node graph. GRAFANA_SHOTS names a folder for pictures.
"""

import json
import os
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import Page, open_chromium
from grafana import create_grafana
from history import MINUTES, Times, history, prometheus_of, shop_with_two_fits

from datasource.demo.serving import BackgroundServer
from datasource.web.app import create_app

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUNDLE = ROOT / "build/grafana"
ICONS = HERE / "node_modules/@grafana/ui/dist/public"
UIDS = sorted(path.stem for path in (ROOT / "dashboards").glob("*/*.json"))
CUT = """(() => {
  const text = (cell) => { const range = document.createRange(); range.selectNodeContents(cell); return range; };
  const cut = (cell) => {
    const [inner, outer] = [text(cell).getBoundingClientRect(), cell.getBoundingClientRect()];
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
  };
  const first = [...document.querySelectorAll("[role=grid]")]
    .filter((grid) => grid.getBoundingClientRect().bottom < window.innerHeight);
  const wide = first.filter((grid) => grid.scrollWidth > grid.clientWidth + 1);
  const cells = first.flatMap((grid) => [...grid.querySelectorAll("[role=gridcell], [role=columnheader]")]);
  return [...wide, ...cells.filter((one) => one.innerText.trim() && cut(one))].map((one) => one.innerText);
})()"""
"""The tables on the first screen that have to be scrolled sideways, and the cells whose text does not fit into them."""


class Grafana(NamedTuple):
    """A tab, where Grafana is, and at which times there is what to see."""

    page: Page
    url: str
    times: Times

    def open(self, uid: str, at: int, query: str = "", width: int = 1440, height: int = 900) -> list[dict[str, Any]]:
        """Show a dashboard of the ninety minutes up to a time. Gives the state of every panel, once all have theirs."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.page.call("Emulation.setDeviceMetricsOverride", **size)
        span = f"from={(at - 60 * MINUTES) * 1000}&to={at * 1000}"
        self.page.open(f"{self.url}/d/{uid}?{span}{query}")
        end = time.monotonic() + 60
        while not (states := self.page.run("window.harness?.states() ?? []")) or any(
            one["state"] not in ("Done", "Error") for one in states
        ):
            assert not self.page.run("window.harness?.problems ?? []"), self.page.run("window.harness.problems")
            assert time.monotonic() < end, [one for one in states if one["state"] != "Done"] or self.page.errors
            time.sleep(0.2)
        time.sleep(1)  # until what came last is drawn
        return states

    def text(self, title: str) -> str:
        """What a panel shows."""
        section = f"""[...document.querySelectorAll("section")].find((one) =>
            one.dataset.testid?.endsWith("Panel header {title}"))"""
        return " ".join(self.page.run(f"{section}?.innerText ?? 'there is no such panel'").split())

    def shot(self, name: str) -> None:
        """A picture, where pictures are wanted."""
        if folder := os.environ.get("GRAFANA_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            picture = self.page.call("Page.captureScreenshot")["data"]
            (Path(folder) / f"{name}.png").write_bytes(b64decode(picture))


@pytest.fixture(scope="module")
def grafana(server_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grafana]:
    assert (BUNDLE / "main.js").exists(), "there is no bundle; run make dashboards-test"
    directory = tmp_path_factory.mktemp("grafana")
    world = shop_with_two_fits()
    samples, times = history(world)
    prometheus = prometheus_of(samples, server_binary("prometheus"), directory)
    service = BackgroundServer(create_app(world.clock))
    app = create_grafana(BUNDLE, ICONS, ROOT / "dashboards", prometheus.url, service.url)
    server = BackgroundServer(app)
    try:
        with open_chromium(directory / "chromium") as page:
            yield Grafana(page, server.url, times)
    finally:
        server.stop()
        service.stop()
        prometheus.stop()


def errors(page: Page) -> list[str]:
    """What went wrong in the browser, but for icons that only Grafana's server has."""
    return [one for one in page.errors if "/img/icons/" not in one] + page.run("window.harness.problems")


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_has_data_and_none_has_an_error(grafana: Grafana, uid: str) -> None:
    states = grafana.open(uid, grafana.times.incident)
    grafana.shot(uid)
    assert [one for one in states if one["state"] != "Done" or one["errors"] or one["broken"]] == []
    assert errors(grafana.page) == []
    said = "[...document.querySelectorAll('.nothing')].map((one) => one.innerText)"
    assert grafana.page.run(said) == []
    assert "No data" not in grafana.page.run("document.body.innerText")


@pytest.mark.parametrize("width", [1440, 1920])
@pytest.mark.parametrize("uid", UIDS)
def test_no_column_of_the_first_screen_is_cut(grafana: Grafana, uid: str, width: int) -> None:
    height = 900 if width == 1440 else 1080
    grafana.open(uid, grafana.times.incident, width=width, height=height)
    grafana.shot(f"{uid}-{width}")
    assert grafana.page.run(CUT) == []


@pytest.mark.parametrize("uid", UIDS)
def test_no_column_at_all_is_cut_on_a_wide_screen(grafana: Grafana, uid: str) -> None:
    grafana.open(uid, grafana.times.incident, width=1920, height=4000)
    grafana.shot(f"{uid}-whole")
    assert grafana.page.run(CUT) == []


@pytest.mark.parametrize(
    ("uid", "who"), [("causal-overview", "Who broke, and how long ago"), ("causal-incident", "Who broke")]
)
def test_on_a_phone_who_broke_what_to_do_and_what_users_feel_are_on_the_first_screen(
    grafana: Grafana, uid: str, who: str
) -> None:
    grafana.open(uid, grafana.times.incident, width=390, height=844)
    below = """[...document.querySelectorAll("section")].slice(0, 3).map((one) => one.getBoundingClientRect().bottom)"""
    assert max(grafana.page.run(below)) <= 844
    assert "platform/inventory" in grafana.text(who)
    assert "roll platform/inventory back" in grafana.text("What to do")
    assert "shop/web.latency" in grafana.text("What users feel")


@pytest.mark.parametrize("uid", UIDS)
def test_on_a_phone_nothing_has_to_be_moved_sideways(grafana: Grafana, uid: str) -> None:
    grafana.open(uid, grafana.times.incident, width=390, height=844)
    grafana.shot(f"{uid}-phone")
    assert grafana.page.run("document.documentElement.scrollWidth") <= 390
    assert errors(grafana.page) == []


def test_the_overview_names_cause_victims_and_advice_those_that_broke_first(grafana: Grafana) -> None:
    grafana.open("causal-overview", grafana.times.incident)
    assert re.search(r"platform/inventory \d+(\.\d+)? mins", grafana.text("Who broke, and how long ago"))
    assert re.search(r"shop/web.latency 1\d\d ms", grafana.text("What users feel"))
    assert re.search(
        r"verdict namespace service root cause broke platform inventory .*suffers", grafana.text("Anomalous now")
    )
    assert "working" in grafana.text("Datasource")


def test_only_what_was_anomalous_is_drawn_of_a_hundred_variables(grafana: Grafana) -> None:
    states = {one["title"]: one for one in grafana.open("causal-overview", grafana.times.incident)}
    legend = grafana.text("Causal anomaly score: who broke")
    assert states["Causal anomaly score: who broke"]["frames"] < 8
    assert "platform inventory latency" in legend
    assert "{" not in legend


@pytest.mark.parametrize("uid", ["causal-overview", "causal-json-overview"])
def test_an_incident_is_one_region(grafana: Grafana, uid: str) -> None:
    grafana.open(uid, grafana.times.incident)
    layers = (
        "JSON.stringify(window.harness.scene.state.$data.state.layers.map((one) => one.state.data.series[0].length))"
    )
    incidents, *others = grafana.page.run(f"JSON.parse({layers})")
    assert incidents == 1
    assert all(others), "alerts, interventions"
    drawn = grafana.page.run("[...document.querySelectorAll('[data-regions]')].map((one) => +one.dataset.regions)")
    assert set(drawn) == {incidents + sum(others)}


def test_interventions_have_their_course_verdicts_and_what_to_try_next(grafana: Grafana) -> None:
    grafana.open("causal-interventions", grafana.times.incident, height=2000)
    assert "deploy platform/inventory" in grafana.text("What is under way, or was done last")
    assert re.search(r"2 inventory platform latency ms 2\d\d", grafana.text("What they changed"))
    assert "inventory observed would have been" in grafana.text("Course: intervention 2, latency")
    assert "confirmed platform/inventory.latency shop/catalog.latency" in grafana.text("What that says of the graph")
    question, *_ = re.findall(r"who caused|is the graph true", grafana.text("Which experiment next"))
    assert question == "who caused"


def test_what_speaks_against_the_graph_stands_there(grafana: Grafana) -> None:
    grafana.open("causal-graph", grafana.times.incident, height=2000)
    edges = grafana.text("Why each edge is there")
    assert edges.index("shop/catalog.latency shop/web.latency") < edges.index("platform/accounts")
    assert re.search(r"explained .*\d+\.\d%", grafana.text("What data say against the graph"))
    assert "web shop cluster=us slopes" in grafana.text("Mechanisms that are other ones")


def test_a_choice_narrows_what_is_asked(grafana: Grafana) -> None:
    grafana.open("causal-overview", grafana.times.incident, "&var-namespace=shop&var-service=web")
    shown = grafana.text("Anomalous now")
    assert "web" in shown
    assert "catalog" not in shown
    grafana.open("causal-json-anomaly", grafana.times.incident, "&var-entity=platform%2Finventory&var-signal=latency")
    assert "platform/inventory.latency" in grafana.text("3. Gap over width: the score")


@pytest.mark.parametrize("uid", UIDS)
def test_links_lead_to_a_dashboard_or_to_explore_at_that_time(grafana: Grafana, uid: str) -> None:
    grafana.open(uid, grafana.times.incident)
    hrefs = grafana.page.run("[...document.querySelectorAll('section a[href]')].map((one) => one.getAttribute('href'))")
    for href in hrefs:
        path, query = urlsplit(href).path, parse_qs(urlsplit(href).query)
        assert "${" not in href
        if path.startswith("/d/"):
            assert path.removeprefix("/d/") in UIDS
            assert datetime.fromisoformat(query["to"][0]).timestamp() == grafana.times.incident
            assert query["var-datasource"]
        elif path == "/explore":
            pane = json.loads(query["panes"][0])["a"]
            assert float(pane["range"]["to"]) == grafana.times.incident * 1000
            assert "${" not in query["panes"][0]
        else:
            assert href.startswith("https://runbooks.example.com/")


def test_where_nothing_is_anomalous_it_says_so(grafana: Grafana) -> None:
    grafana.open("causal-overview", grafana.times.calm)
    grafana.shot("causal-overview-calm")
    assert "nothing is anomalous" in grafana.text("Who broke, and how long ago")
    assert "Nothing is anomalous." in grafana.text("What to do")
    assert "nothing is anomalous" in grafana.text("Open incidents")
    assert "nothing is anomalous" in grafana.text("Anomalous now")
    assert "No data" not in grafana.page.run("document.body.innerText")


@pytest.mark.parametrize("when", ["starting", "stale", "warming_up", "dead"])
@pytest.mark.parametrize("uid", ["causal-overview", "causal-health"])
def test_silence_looks_like_what_it_is(grafana: Grafana, uid: str, when: str) -> None:
    grafana.open(uid, getattr(grafana.times, when))
    grafana.shot(f"{uid}-{when}")
    assert grafana.text("Datasource").endswith(when.replace("_", " "))
    everything = grafana.page.run("document.body.innerText")
    assert "nothing is anomalous" not in everything.lower()
    if uid == "causal-overview":
        assert grafana.text("What to do").startswith("What to do Not known: ")
    green = "[...document.querySelectorAll('section')].filter((one) => one.innerText.includes('not known'))"
    styles = f"{green}.map((one) => one.innerHTML).filter((one) => one.includes('rgb(115, 191, 105)'))"
    assert grafana.page.run(styles) == []
    assert "No data" not in everything
    assert errors(grafana.page) == []
