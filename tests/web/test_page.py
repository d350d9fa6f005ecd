"""The page at `/`, opened in a real browser."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import Page, open_chromium
from explained_service import PlantedClient
from flask import Flask
from shop_incidents import ended, going_on, seen_by_then, with_incidents
from werkzeug.serving import make_server
from worlds import SETTINGS, STEP, World, showing, with_interventions

from datasource.demo.faults import PRESENT
from datasource.prometheus import PrometheusError
from datasource.service import Clock, Snapshot, snapshot_json
from datasource.service.explaining import Explaining
from datasource.settings import Loaded, load_settings
from datasource.settings.web import Web, Writes
from datasource.web.app import create_app

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@contextmanager
def served(clock: Clock) -> Iterator[str]:
    """The address of an application serving a clock."""
    with served_app(create_app(clock)) as url:
        yield url


@contextmanager
def served_app(app: Flask) -> Iterator[str]:
    """The address of an application."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with served(with_incidents(world.clock)) as url:
        yield url


@pytest.fixture
def incident(page: Page, url: str) -> Page:
    """The page during the shop's incident, of which the parts are known to the millisecond."""
    page.open(url)
    page.wait_for("#state", "working")
    return page


def without_effects() -> Loaded:
    settings, fingerprint = load_settings(SETTINGS)
    return Loaded(settings.model_copy(update={"effects": ()}), fingerprint)


def snapshot_of(world: World) -> Snapshot:
    assert world.clock.snapshot is not None
    return world.clock.snapshot


def test_the_headline_names_who_broke_and_gives_the_summary(incident: Page):
    assert incident.text("h1") == "platform/inventory broke"
    assert incident.text("#headline p") == "shop/web is 180 ms slower: 150 ms from platform/inventory."


def test_an_open_incident_is_told_with_parts_that_add_up(incident: Page):
    story = incident.text("#stories article")
    assert re.match(r"Since \d\d:\d\d:\d\d, for 12 min\. Incident shop-web-1\.", story)
    assert incident.text("#stories thead") == "shop/web.latency is 180 ms slower than usual"
    rows = incident.run("[...document.querySelectorAll('#stories tbody tr')].map((row) => row.innerText)")
    assert [" ".join(row.split()) for row in rows] == [
        "150 ms 83% platform/inventory.latency broke 90% sure",
        "20 ms 11% shop/cart.latency",
        "6 ms 3% whom platform/inventory calls",
        "4 ms 2% unexplained",
    ]
    filled = "parseFloat(document.querySelector('#stories tr.named .filled').getAttribute('width'))"
    assert incident.run(filled) == pytest.approx(100 * 150 / 180)


def test_an_open_incident_says_whom_it_reaches_and_what_to_do(incident: Page):
    story = incident.text("#stories article")
    assert "Affected: 3 entities platform/inventory, shop/cart, shop/web" in story
    assert "What to do roll platform/inventory back runbook: https://wiki/slow" in story
    assert incident.run("document.querySelector('#stories li a').href") == "https://wiki/slow"


def test_an_open_incident_says_when_the_like_was_seen_before_and_what_ended_it(page: Page, world: World):
    clock = with_incidents(world.clock)
    assert clock.snapshot is not None
    clock.snapshot = replace(clock.snapshot, seen={"shop-web-1": seen_by_then(clock.snapshot.time)})
    with served(clock) as url:
        page.open(url)
        page.wait_for("#stories", "Seen before")
        assert "ended by rollback of platform/inventory (ann), 34m after it began" in page.text("#stories article")
        page.open("about:blank")


def test_what_was_done_stands_there_with_what_it_changed_and_its_course(page: Page, world: World, tmp_path: Path):
    with served(showing(world, with_interventions(snapshot_of(world)))) as url:
        page.open(url)
        page.wait_for("#interventions", "Done to the system: 1 under way")
        first, second = page.run(
            "[...document.querySelectorAll('#interventions tbody tr')].map((row) => row.innerText)"
        )
        assert "deploy of platform/inventory (version=v2) added " in first
        assert "placebo dates" in first
        assert "restart of shop/web" in second
        assert "Nothing that users feel was seen to change by it." in second
        page.wait_for("#interventions .readout", "observed")
        assert page.run("document.querySelector('#interventions .observed').getAttribute('d').length") > 100
        options = page.run("[...document.querySelectorAll('#interventions option')].map((one) => one.value)")
        page.run(f"""(() => {{ const one = document.querySelector('#interventions select');
            one.value = {json.dumps(options[1])}; one.dispatchEvent(new Event('change')); }})()""")
        page.wait_for("#interventions .drawing", "")
        page.screenshot(tmp_path / "page.png", 420, 900)
        assert page.run("document.documentElement.scrollWidth") <= 420
        page.screenshot(tmp_path / "page.png", 1440, 900)
        assert page.errors == []
        page.open("about:blank")


def test_the_page_says_which_experiment_would_tell_when_asked(page: Page, url: str):
    page.open(url)
    page.wait_for("#state", "working")
    page.run("document.querySelector('#next').open = true")
    assert "who caused shop/web.latency?" in page.wait_for("#next", "bits")
    assert "is the graph true?" in page.text("#next")
    assert page.errors == []


def test_where_nothing_was_done_nothing_is_shown_of_it(incident: Page):
    assert incident.run("document.querySelector('#interventions').hidden")


def test_a_cause_in_a_story_can_be_drawn(incident: Page):
    incident.run(
        "[...document.querySelectorAll('#stories button')].find((b) => b.textContent.includes('cart')).click()"
    )
    assert incident.wait_for("#series .readout", "observed")
    assert incident.run("document.querySelector('#series select').value") == "shop/cart.latency"


def test_incidents_that_ended_are_rows(incident: Page):
    row = incident.text("#ended tbody tr")
    assert re.match(r"\d\d:\d\d:\d\d 10 min platform/payment.errors was anomalous, the cause is not known", row)
    assert row.endswith("platform/payment.errors was 3.2 req/s above usual.")


def test_several_open_incidents_are_told_side_by_side(page: Page, world: World):
    now = snapshot_of(world).time
    old = replace(ended(now), start=now - 90_000, end=None)
    named = replace(going_on(now), suggestions=(f"{HOSTILE} javascript:alert(1)",))
    with served(with_incidents(world.clock, named, old)) as url:
        page.open(url)
        page.wait_for("h1", "2 incidents: platform/inventory broke")
        stories = page.run("[...document.querySelectorAll('#stories h2')].map((story) => story.innerText)")
        assert stories == ["platform/inventory broke", "platform/payment.errors is anomalous, the cause is not known"]
        assert re.search(r"Since \d+ \w+, \d\d:\d\d:\d\d, for 25 h\.", page.text("#stories"))
        assert HOSTILE in page.text("#stories")
        assert page.run("document.querySelectorAll('#stories :is(img, a)').length") == 0
        assert page.errors == []


def test_the_map_shows_who_acts_on_whom_and_lights_the_path(page: Page, world: World):
    (going,) = (one for one in snapshot_of(world).incidents if one.open)
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("#map", "platform/inventory")
        named = page.run("[...document.querySelectorAll('#map .node')].map((one) => one.getAttribute('aria-label'))")
        assert len(named) == len({v.entity for v in snapshot_of(world).matrix.variables if v.entity.type == "service"})
        assert {one for one in named if not one.endswith("fine")} >= {"platform/inventory: broke", "shop/web: suffers"}
        assert page.run("document.querySelectorAll('#map .lit').length") == len(going.causes.path) > 0
        page.run("document.querySelector('#map .suffers').focus()")
        key = "new KeyboardEvent('keydown', {key: 'Enter'})"
        drawn = page.run(f"(document.activeElement.dispatchEvent({key}), document.activeElement.dataset.key)")
        entity = drawn.removeprefix("map ")
        page.wait_for("#series .readout", "observed")
        assert page.run("document.querySelector('#series select').value").startswith(f"{entity}.")
        assert page.errors == []


def test_a_map_of_hundreds_shows_those_that_matter(incident: Page):
    names = [f"s{number}" for number in range(200)]
    graph = {"nodes": names, "edges": [[one, "s0"] for one in names]}
    step = {"cause": "s7", "effect": "s3"}
    snapshot = {
        "anomalies": [{"entity": "s3", "root_cause": "s7", "is_root_cause": False}],
        "incidents": [{"state": "open", "path": [step], "symptom": "s3.latency"}],
        "signals": [],
    }
    found = "new Map([['s3.latency', {entity: 's3'}]])"
    shown = in_page(incident, "map", f"layout({json.dumps(graph)}, {json.dumps(snapshot)}, {found})")
    assert {one["name"] for layer in shown["layers"] for one in layer} == {"s0", "s3", "s7"}
    assert shown["left"] == 197
    assert shown["lit"] == [["s7", "s3"]]


def test_the_map_shows_what_interventions_and_data_say_of_edges(incident: Page):
    edges = [("a", "b", "template"), ("b", "a", "doubtful"), ("b", "c", "refuted"), ("c", "d", "confirmed")]
    graph = {"nodes": ["a", "b", "c", "d"], "edges": [*edges, ("d", "a", "expert")]}
    quiet = {"anomalies": [], "incidents": [], "signals": []}
    shown = in_page(incident, "map", f"layout({json.dumps(graph)}, {json.dumps(quiet)}, new Map())")
    assert [pair[2] for pair in shown["pairs"]] == ["doubtful", "refuted", "confirmed", ""]


def with_web(tmp_path: Path) -> Loaded:
    """Settings that know a Grafana and a token for writing."""
    settings, fingerprint = load_settings(SETTINGS)
    (tmp_path / "token").write_text("open sesame\n")
    said = {
        "web": Web(grafana_url="https://grafana.example.com/g/"),
        "writes": Writes(token_file=tmp_path / "token"),
        "effects": (),
    }
    return Loaded(settings.model_copy(update=said), fingerprint)


def test_incidents_lead_to_grafana_at_their_time_and_can_be_marked(page: Page, tmp_path: Path):
    world = World(settings=with_web(tmp_path))
    snapshot = world.tick()
    (going,) = (one for one in snapshot.incidents if one.open)
    look = "document.dispatchEvent(new Event('visibilitychange'))"

    def press(action: str, token: str = "") -> None:
        page.run(f"document.querySelector('[data-key^=token]').value = {json.dumps(token)}")
        page.run(f"document.querySelector('[data-key^={action}]').click()")

    with served(world.clock) as url:
        page.open(url)
        page.wait_for("#stories", "In Grafana")
        link = urlsplit(page.run("document.querySelector('#stories article a').href"))
        asked = parse_qs(link.query)
        assert link.geturl().startswith("https://grafana.example.com/g/d/causal-incident?")
        assert asked["var-incident"] == [going.id]
        assert int(asked["from"][0]) <= going.start * 1000 < int(asked["to"][0])
        page.run("document.querySelector('.marks').open = true")
        press("dismiss")
        page.wait_for("[data-key^=said]", "This needs the token for writing")
        press("dismiss", "open barley")
        page.wait_for("[data-key^=said]", "This is not the token")
        press("dismiss", "open sesame")
        page.wait_for("[data-key^=said]", "It will be dismissed with the next evaluation.")
        world.now += STEP
        world.clock.tick()
        page.run(look)
        page.wait_for("#ended", "No incident")
        assert "401" in " ".join(page.errors)


def test_focus_and_what_was_typed_outlive_a_refresh(incident: Page):
    drawn = """(word) => { const one = (tag, key) => { const made = document.createElement(tag);
      made.dataset.key = key; return made; };
      const folded = one("details", "d"); folded.append(one("input", "i")); return [word, folded]; }"""
    shown = incident.run(f"""import('/page/dom.js').then(({{ replace }}) => {{
      const place = document.querySelector('#map .drawing'), drawn = {drawn};
      replace(place, ...drawn("before"));
      const [details, input] = [place.querySelector("details"), place.querySelector("input")];
      details.open = true; input.value = "half a w"; input.focus(); input.setSelectionRange(4, 4);
      replace(place, ...drawn("after"));
      const now = place.querySelector("input");
      return [place.firstChild.data, place.querySelector("details").open, now.value, now === document.activeElement,
        now.selectionStart]; }})""")
    assert shown == ["after", True, "half a w", True, 4]


def test_everything_anomalous_is_listed_with_its_verdict(incident: Page, world: World):
    rows = incident.run("[...document.querySelectorAll('#anomalies tbody tr')].map((row) => row.innerText)")
    judgement = snapshot_of(world).judgement
    assert judgement is not None
    assert len(rows) == len(judgement.verdicts)
    assert rows[0].split()[:3] == ["platform/inventory", "latency", "broke"]
    assert any(row.split()[:3] == ["shop/web", "latency", "suffers"] for row in rows)


def test_the_series_of_the_root_cause_is_drawn_with_its_band(incident: Page):
    incident.wait_for("#series .readout", "observed")
    assert incident.run("document.querySelector('#series select').value") == "platform/inventory.latency"
    for line in ("band", "observed", "expected"):
        path = incident.run(f"document.querySelector('#series .drawing path.{line}').getAttribute('d')")
        assert path.count("L") > 300, line
    outside = incident.run("document.querySelector('#series .drawing path.beyond').getAttribute('d')")
    assert outside.count("M") >= 20
    shown = re.search(r"causal score ([\d.]+)", incident.text("#series .scores"))
    assert shown
    assert float(shown[1]) > 10
    assert "n/a" not in incident.text("#series")


def test_another_variable_can_be_drawn(incident: Page):
    incident.run(
        "(() => { const select = document.querySelector('#series select'); select.value = 'shop/web.requests';"
        "select.dispatchEvent(new Event('change')); })()"
    )
    assert "outside" not in incident.wait_for("#series .readout", "req/s")
    assert incident.run("document.querySelector('#series svg[role=img]').getAttribute('aria-label')").startswith(
        "shop/web.requests"
    )


def test_the_effect_stands_beside_the_association_in_words_and_drawn(incident: Page, world: World):
    words = incident.text("#effect .body")
    assert "A dashboard shows 2." in words
    assert "the causal effect is 0.49" in words
    assert "Adjusted for" in words
    worst = effect_rows(world)["shop/web.latency", "platform/inventory.latency"]["worst_check"]
    light = incident.run("document.querySelector('#effect .light').textContent")
    assert light.startswith("? doubtful" if worst else "✓")
    assert worst is None or worst["text"][1:] in words
    assert incident.run("document.querySelectorAll('#effect .drawing .point').length") == 2
    assert incident.run("document.querySelectorAll('#effect option').length") == len(snapshot_of(world).effects or ())


def test_the_newest_impact_is_told_with_its_checks(incident: Page):
    words = incident.text("#effect .impact")
    assert "platform/inventory.latency is changed by 25" in words
    assert " ms [" in words
    assert incident.run("document.querySelectorAll('#effect .light').length") == 2


def test_a_pooled_effect_is_drawn_in_its_unit(incident: Page):
    pick = "const select = document.querySelector('#effect select'); select.value = '{}';"
    pick += "select.dispatchEvent(new Event('change'));"
    before = incident.run("document.querySelector('#effect select').value")
    incident.run(f"(() => {{ {pick.format('restarts → latency')} }})()")
    assert "ms per restart" in incident.wait_for("#effect .body", "per restart")
    incident.run(f"(() => {{ {pick.format(before)} }})()")


def effect_rows(world: World):
    assert world.clock.snapshot is not None
    return {(one["outcome"], one["treatment"]): one for one in snapshot_json(world.clock.snapshot)["effects"]}


def test_health_tells_how_the_numbers_were_made(incident: Page, world: World):
    shown, snapshot = incident.text("#health"), snapshot_of(world)
    assert "Prometheus answers" in shown
    assert "all 9 bring samples" in shown
    assert f"points {snapshot.points:,}" in shown
    assert snapshot.graph.version in shown
    assert snapshot.fingerprint in shown


def test_which_label_values_carry_a_change_is_one_click(page: Page, world: World):
    app = create_app(with_incidents(world.clock))
    app.extensions["explaining"] = Explaining(lambda _: PlantedClient(world.now - 900))  # type: ignore[arg-type, return-value]
    with served_app(app) as url:
        page.open(url)
        page.wait_for("#state", "working")
        page.run("document.querySelector('#explain').open = true")
        page.wait_for("#explain select", "errors")
        assert page.run("document.querySelector('#explain [name=from]').value").endswith("Z"), "as the incident began"
        page.run(
            "(() => { const select = document.querySelector('#explain select');"
            "select.selectedIndex = [...select.options].findIndex((one) => one.text === 'errors');"
            "select.dispatchEvent(new Event('change')); })()"
        )
        said = page.wait_for("#explain .body", "version=4.2")
        assert "It is only version=4.2, zone=b (10" in said
        assert "all others" in said
        assert page.errors == []


def test_why_a_change_cannot_be_explained_is_told_on_the_page(page: Page, url: str):
    page.open(url)
    page.wait_for("#state", "working")
    page.run(
        "(() => { const row = document.querySelector('#explain'); row.open = true;"
        f"row.querySelector('[name=query]').value = 'max(x)\"{HOSTILE}\"'; row.querySelector('button').click(); }})()"
    )
    assert HOSTILE in page.wait_for("#explain .body", "cannot be read")
    assert page.run("document.querySelectorAll('#explain img').length") == 0


def test_no_request_leaves_the_host_and_nothing_goes_wrong(incident: Page, url: str):
    incident.wait_for("#series .readout", "observed")
    hosts = {urlsplit(one).netloc for one in incident.requests}
    assert hosts == {urlsplit(url).netloc}
    assert {urlsplit(one).path for one in incident.requests} >= {"/", "/page/page.js", "/api/v1/snapshot", "/query"}
    assert incident.errors == []


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_it_fits_the_window(incident: Page, width: int, tmp_path: Path):
    incident.screenshot(tmp_path / "page.png", width, 900)
    over = "document.documentElement.scroll{0} - document.documentElement.client{0}"
    assert incident.run(over.format("Width")) == 0
    if width == 1440:
        below = incident.run("document.querySelector('#stories').getBoundingClientRect().bottom")
        assert below < 450, "an incident is told in the upper half of the window"


def test_names_from_data_are_text(page: Page):
    world = World(settings=without_effects())
    ask = world.client.query_range

    def renamed(query: str, start: int, end: int, step: int):
        for window in ask(query, start, end, step):
            yield [
                one._replace(labels={k: HOSTILE if v == "inventory" else v for k, v in one.labels.items()})
                for one in window
            ]

    world.client.query_range = renamed  # type: ignore[method-assign]
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("#series .readout", "observed")
        assert page.text("h1") == f"platform/{HOSTILE} broke"
        for place in ("#stories", "#anomalies", "#series select"):
            assert HOSTILE in page.text(place)
        assert page.run("document.querySelectorAll('main img').length") == 0
        assert page.errors == []


def test_when_nothing_is_anomalous_it_says_so_in_one_window(page: Page, tmp_path: Path):
    world = World(steps=PRESENT.start_step, settings=without_effects())
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Nothing is anomalous now")
        assert page.text("#stories") == ""
        assert "No incident has ended lately." in page.text("#ended")
        page.wait_for("#series .readout", "observed")
        assert page.run("document.querySelector('#series select').value").endswith(".latency")
        assert "no effects are configured" in page.text("#effect")
        page.screenshot(tmp_path / "page.png", 1440, 900)
        assert page.run("document.documentElement.scrollHeight") == 900
        assert page.run("document.querySelector('#ended').clientHeight") < 100, "a card is as high as what is in it"
        world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
        world.now += STEP
        world.clock.tick()
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for("h1", "Nothing was anomalous at ")
        world.now += 20 * STEP
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for("h1", "Not known since ")


def test_warming_up_says_how_far_it_is(page: Page):
    world = World(steps=37)
    world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Warming up: 37 of 120 points")
        page.wait_for("#state", "warming up")
        assert "37 of 120 needed" in page.text("#health")
        assert page.run("document.querySelector('progress').value") == pytest.approx(37 / 120)
        assert page.errors == []


def test_on_ten_minutes_of_history_it_shows_what_is_measured_and_when_scores_begin(page: Page, tmp_path: Path):
    world = World(steps=21)
    snapshot = world.tick()
    with served(world.clock) as url:
        page.open(url)
        page.wait_for("h1", "Warming up: 21 of 120 points")
        begin = snapshot.time + (120 - 21) * STEP
        clock = page.run(f"new Date({begin} * 1000).toLocaleTimeString('en-GB').slice(0, 5)")
        assert f"scores begin about {clock}; " in page.text("#headline p")
        rows = page.run("[...document.querySelectorAll('#anomalies tbody tr')].map((row) => row.innerText)")
        told = [" ".join(row.split()) for row in rows]
        assert len(told) == len(snapshot.settings.signals)
        row = next(row for row in told if row.startswith("requests "))
        services, lowest, highest = re.fullmatch(r"requests (\d+) services ([\d.]+) to ([\d.]+) req/s", row).groups()
        newest = [snapshot.matrix.row(one)[-1] for one in snapshot.matrix.variables if one.signal == "requests"]
        assert int(services) == len(newest)
        assert (float(lowest), float(highest)) == pytest.approx((min(newest), max(newest)), rel=0.01)
        assert "normal" not in page.text("#anomalies")
        page.run("document.querySelector('#anomalies button').click()")
        page.wait_for("#series .readout", "what is expected is not known yet")
        assert page.run("document.querySelector('#series .observed').getAttribute('d').length") > 100
        page.screenshot(tmp_path / "page.png", 1440, 900)
        assert page.errors == []


def test_before_the_first_evaluation_it_gives_the_reason_then_the_results_then_the_silence(page: Page):
    world = World(steps=37)
    world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
    world.clock.tick()
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    with served(world.clock) as url:
        page.open(url)
        assert "refused the connection" in page.wait_for("#headline", "Nothing has been evaluated yet")
        world.client.failing = None
        world.tick()
        page.run(look)
        page.wait_for("h1", "Warming up")
        world.client.failing = PrometheusError("unreachable", "http://shop.test refused the connection")
        world.now += 20 * STEP
        world.clock.tick()
        page.run(look)
        assert "refused the connection" in page.wait_for("#alert", "These results are old.")
        assert "the last evaluation failed" in page.text("#health")
    page.run(look)
    page.wait_for("#alert", "No answer since ")
    page.wait_for("#state", "no answer")
    assert page.text("h1").startswith("Warming up")


def test_while_the_first_evaluation_runs_something_moves(page: Page):
    with served(World(steps=37).clock) as url:
        page.open(url)
        assert "The first evaluation is under way." in page.wait_for("#headline", "so far")
        assert page.run("document.querySelector('#headline progress').matches(':indeterminate')")


def test_only_the_service_itself_may_be_asked(client):
    for path in ("/", "/page/page.js"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    markup = client.get("/", headers={"Accept": "text/html"}).text
    assert "style=" not in markup
    assert "http" not in markup


def in_page(page: Page, module: str, call: str) -> object:
    """What a function of one of the page's modules gives."""
    return page.run(f"import('/page/{module}.js').then((module) => module.{call})")


def headline(page: Page, anomalies: list[tuple[str, str]], causes: dict[str, object]) -> object:
    """What the page would say of these (entity, root cause) and of a symptom, before they have become an incident."""
    snapshot = {
        "warming_up": "",
        "incidents": [],
        "anomalies": [{"entity": entity, "root_cause": cause} for entity, cause in anomalies],
        "root_causes": [{"outside": [], "unexplained": 0, **causes}],
        "signals": [
            {"signal": "latency", "role": "latency", "unit": "s"},
            {"signal": "errors", "role": "failure", "unit": "reqps"},
        ],
    }
    return in_page(page, "story", f"headline({json.dumps(snapshot)}, new Map())")


TOGETHER = "several signals of shop/web are a little off together: cpu, memory"


def test_several_signals_that_are_off_together_are_the_headline(page: Page, incident: Page):
    causes = {"symptom": "shop/web.cpu", "gap": 0.1, "unit": "cores", "causes": [], "told_together": TOGETHER}
    said = headline(page, [("shop/web", "")], causes)
    assert (said["title"], said["details"]) == (TOGETHER, [f"{TOGETHER}."])
    over = {"roots": [], "symptom": "shop/web.cpu", "told_together": TOGETHER, "state": "ended"}
    assert in_page(page, "story", f"title({json.dumps(over)})") == TOGETHER.replace(" are ", " were ")


def test_an_anomaly_of_several_signals_shows_each_of_them_and_their_joint_score(page: Page, incident: Page):
    row = {"entity": "shop/web", "symptom": "shop/web.cpu", "root_cause": "", "is_root_cause": False}
    row |= {"together": ["memory", "cpu"], "told_together": TOGETHER, "joint_score": 1.234}
    one = {"entity": "shop/web", "name": "shop/web.cpu", "signal": "cpu", "causal": 0.9, "marginal": 0.8}
    found = f"new Map([['shop/web.cpu', {json.dumps(one)}]])"
    in_page(page, "sections", f"showAnomalies({json.dumps({'anomalies': [row]})}, {found}, () => 0)")
    shown = page.text("#anomalies table")
    assert "memory, cpu together" in shown
    assert "1.23" in shown
    assert "0.90" not in shown


def test_who_is_quiet_is_told_where_nothing_is_anomalous(incident: Page):
    told = [f"db{number} is quiet until 02:30 UTC: nightly backup" for number in range(5)]
    snapshot = {"warming_up": "", "incidents": [], "anomalies": [], "quiet_told": told, "health": {}, "time": 0}
    said = in_page(incident, "story", f"headline({json.dumps(snapshot)}, new Map())")
    assert said["title"] == "Nothing is anomalous now"
    assert said["details"][1:] == [f"db{number} is quiet until 02:30 UTC: nightly backup." for number in range(3)]


def test_what_no_verdict_tells_is_told_where_nothing_is_anomalous(incident: Page):
    missed = ["next to no requests of web in the last 10m: does nothing reach it?"]
    snapshot = {"warming_up": "", "incidents": [], "anomalies": [], "quiet_told": [], "health": {}, "time": 0}
    said = in_page(incident, "story", f"headline({json.dumps(snapshot | {'missed': missed})}, new Map())")
    assert (said["tone"], said["title"]) == ("unsure", "Nothing that is judged is anomalous, but")
    assert said["details"][1:] == missed


def because(entity: str, signal: str, part: float) -> dict[str, object]:
    return {"entity": entity, "root_cause": entity, "signal": signal, "contribution": part}


def test_without_a_summary_two_causes_are_both_named_and_explained(incident: Page):
    causes = [because("pricing", "latency", 1.0), because("mail", "latency", 0.2)]
    symptom = {"symptom": "web.latency", "gap": 1.25, "unit": "s", "causes": causes, "unexplained": 0.05}
    assert headline(incident, [("web", "pricing"), ("pricing", "pricing"), ("mail", "mail")], symptom) == {
        "tone": "bad",
        "title": "pricing and mail broke",
        "details": [
            "web.latency is 1.25 s slower than usual: 1 s from pricing.latency, 0.2 s from mail.latency, "
            "0.05 s unexplained."
        ],
    }


def test_an_unknown_cause_is_not_guessed(incident: Page):
    symptom = {"symptom": "web.latency", "gap": -0.002, "unit": "s", "causes": []}
    assert headline(incident, [("web", "")], symptom) == {
        "tone": "unsure",
        "title": "web.latency is anomalous, the cause is not known",
        "details": ["web.latency is 2 ms faster than usual."],
    }


@pytest.mark.parametrize(
    ("parts", "gap", "unit", "shown"),
    [
        ([0.0604, 0.0604, 0.0604], 0.1812, "s", ["61 ms", "60 ms", "60 ms"]),
        ([1 / 3, 1 / 3, 1 / 3], 1, "s", ["0.34 s", "0.33 s", "0.33 s"]),
        ([200, -20, 0.2], 180.2, "reqps", ["200 req/s", "-20 req/s", "0 req/s"]),
        ([0.119], 0.127, "s", ["119 ms"]),
        ([0.5, -0.5, 0], 0, "s", ["500 ms", "-500 ms", "0 ms"]),
    ],
)
def test_rounded_parts_add_up_to_the_rounded_gap(
    incident: Page, parts: list[float], gap: float, unit: str, shown: list[str]
):
    assert in_page(incident, "format", f"addends({parts}, {gap}, '{unit}')") == shown
