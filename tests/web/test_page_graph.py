"""The map of the graph on the page, what was done to the system, and which experiment would tell more."""

import json
from dataclasses import replace
from pathlib import Path

from browser import Page
from pages import in_page, served, snapshot_of
from worlds import World, showing, with_interventions


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


def test_what_a_signal_told_without_an_end_is_not_under_way(page: Page, world: World):
    told = with_interventions(snapshot_of(world))
    detected = replace(told.interventions[0], id=3, who="signals", kind="detected", targets=("shop/cart",))
    with served(showing(world, replace(told, interventions=(detected, *told.interventions)))) as url:
        page.open(url)
        page.wait_for("#interventions", "Done to the system: 1 under way")
        rows = page.run("[...document.querySelectorAll('#interventions tbody tr')].map((row) => row.innerText)")
        assert ["deploy of platform/inventory" in rows[0], "goes on" in rows[0]] == [True, True]
        assert ["shop/cart" in rows[1], "done" in rows[1], "goes on" in rows[1]] == [True, True, False]
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
