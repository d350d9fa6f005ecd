"""What the page says, in which words and numbers."""

import json

import pytest
from browser import Page
from pages import in_page


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
