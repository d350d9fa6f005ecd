"""Incidents on the page: their stories, their links, and what people say of them."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import Page
from pages import HOSTILE, served, snapshot_of
from shop_incidents import ended, going_on, seen_by_then, with_incidents
from worlds import SETTINGS, STEP, World

from datasource.settings import Loaded, load_settings
from datasource.settings.web import Web, Writes


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
        offered = page.run("[...document.querySelectorAll('.marks button')].map((one) => one.innerText)")
        assert offered == ["No incident", "Expected", "Closed", "New normal"]
        press("dismiss", "open sesame")
        page.wait_for("[data-key^=said]", "It will be dismissed with the next evaluation.")
        world.now += STEP
        world.clock.tick()
        page.run(look)
        page.wait_for("#ended", "No incident")
        assert "401" in " ".join(page.errors)
