"""The page at `/`, opened in a real browser."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import Page
from explained_service import PlantedClient
from pages import HOSTILE, served, served_app, snapshot_of, without_effects
from shop_incidents import with_incidents
from worlds import World

from datasource.service import snapshot_json
from datasource.service.explaining import Explaining
from datasource.web.app import create_app


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


def test_only_the_service_itself_may_be_asked(client):
    for path in ("/", "/page/page.js"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    markup = client.get("/", headers={"Accept": "text/html"}).text
    assert "style=" not in markup
    assert "http" not in markup
