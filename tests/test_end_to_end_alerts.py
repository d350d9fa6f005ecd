"""What reaches a phone, with the real Prometheus and Alertmanager, the shipped rules and routes, in time lapse."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from timelapse import Lapse, Notified, running

FIRST, SECOND = "platform/accounts", "platform/inventory"


def well(service: str) -> str:
    return f'causal_service_anomaly{{service="{service}"}} == 0'


def anomalous(service: str) -> str:
    return f'causal_service_anomaly{{service="{service}"}} == 1'


class Story(NamedTuple):
    """What was sent in each scene, what fired in the scene of two faults, and what the pages say."""

    scenes: dict[str, list[Notified]]
    firing: set[tuple[str, str]]
    texts: dict[str, dict[str, str]]


def surge(lapse: Lapse) -> list[Notified]:
    lapse.shop.inject("web", "surge", 0.8)
    found = lapse.hear(("information", "firing", "CausalDemand", "demand at shop/web"))
    lapse.shop.recover()
    return found + lapse.hear(("information", "resolved", "CausalDemand", "demand at shop/web"))


def flapping(lapse: Lapse) -> list[Notified]:
    lapse.shop.inject("accounts", "slow", 0.3)
    found = lapse.hear(("page", "firing", "CausalRootCause", FIRST))
    for _ in range(2):
        lapse.shop.recover()
        lapse.wait_for(well("accounts"))
        lapse.shop.inject("accounts", "slow", 0.3)
        lapse.wait_for(anomalous("accounts"))
    return found


def a_second_fault(lapse: Lapse) -> list[Notified]:
    lapse.shop.inject("inventory", "slow", 0.25)
    lapse.wait_for('ALERTS{alertname="ServiceAnomaly", service="catalog", alertstate="firing"}')
    return lapse.hear(("page", "firing", "CausalRootCause", SECOND))


def frozen(lapse: Lapse) -> list[Notified]:
    """For longer than alerts are kept firing without a reason."""
    lapse.freeze()
    lapse.wait_for('ALERTS{alertname="CausalDatasourceDown", alertstate="firing"}')
    lapse.thaw()
    return lapse.hear(
        ("page", "firing", "CausalDatasourceSilent", ""), ("page", "resolved", "CausalDatasourceSilent", "")
    )


def killed(lapse: Lapse) -> list[Notified]:
    lapse.kill()
    found = lapse.hear(("page", "firing", "CausalDatasourceSilent", ""))
    lapse.start()
    return found + lapse.hear(("page", "resolved", "CausalDatasourceSilent", ""))


def all_well(lapse: Lapse) -> list[Notified]:
    lapse.shop.recover()
    return lapse.hear(("page", "resolved", "CausalRootCause", FIRST), ("page", "resolved", "CausalRootCause", SECOND))


@pytest.fixture(scope="module")
def story(server_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One play, a scene after the other; whatever is sent belongs to the scene that it is sent in."""
    scenes = {}
    with running(tmp_path_factory.mktemp("lapse"), server_binary) as lapse:
        for scene in (surge, flapping, a_second_fault, frozen, killed, all_well):
            scenes[scene.__name__] = scene(lapse)
            if scene is a_second_fault:
                firing = lapse.firing()
        pages = {one: notes for one, notes in lapse.webhook.annotations.items() if one.status == "firing"}
    return Story(scenes, firing, {one.about: dict(notes) for one, notes in pages.items()})


def test_a_surge_pages_nobody_and_is_told_once(story: Story) -> None:
    assert story.scenes["surge"] == [
        ("information", "firing", "CausalDemand", "demand at shop/web"),
        ("information", "resolved", "CausalDemand", "demand at shop/web"),
    ]


def test_a_fault_that_flaps_pages_once(story: Story) -> None:
    assert story.scenes["flapping"] == [("page", "firing", "CausalRootCause", FIRST)]


def test_a_second_fault_pages_by_itself_and_takes_nothing_from_the_first(story: Story) -> None:
    assert story.scenes["a_second_fault"] == [("page", "firing", "CausalRootCause", SECOND)]
    assert {service for alert, service in story.firing if alert == "CausalRootCause"} == {"accounts", "inventory"}


def test_its_victims_fire_and_reach_nobody(story: Story) -> None:
    assert ("ServiceAnomaly", "catalog") in story.firing
    assert not any(one.alert == "ServiceAnomaly" for scene in story.scenes.values() for one in scene)


def test_a_service_that_stops_in_mid_incident_pages_and_gives_no_all_clear(story: Story) -> None:
    expected = [("page", "firing", "CausalDatasourceSilent", ""), ("page", "resolved", "CausalDatasourceSilent", "")]
    assert story.scenes["frozen"] == expected
    assert story.scenes["killed"] == expected


def test_all_clear_is_given_once_for_each_fault_when_it_is_over(story: Story) -> None:
    assert sorted(story.scenes["all_well"]) == [
        ("page", "resolved", "CausalRootCause", FIRST),
        ("page", "resolved", "CausalRootCause", SECOND),
    ]


def test_a_page_says_the_cause_the_size_and_what_to_do(story: Story) -> None:
    told = story.texts[SECOND]
    assert told["description"].startswith(f"{SECOND} broke: ")
    assert " is off by " in told["description"]
    assert told["action"].startswith((f"roll {SECOND} back", f"look at what {SECOND} itself does"))
