"""The simulated shop keeps its own laws, and its truth is what it says."""

import numpy as np
import pytest

from datasource.demo.faults import PAST, PRESENT
from datasource.demo.series import SERIES
from datasource.demo.services import CALLS, HISTORY_STEPS, PLACE, SERVICES, STEPS_PER_DAY, latency_effect
from datasource.demo.shop import Shop

LATENCY, REQUESTS = "service:latency_seconds:mean30s", "service:requests:rate30s"
NAMES = [service.name for service in SERVICES]


def test_equal_seeds_give_equal_shops_and_others_do_not():
    first, again, other = (Shop(seed).history(200) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_shop_stepped_on_is_the_shop_simulated_at_once():
    stepwise = Shop()
    assert [stepwise.step() for _ in range(700)] == Shop().history(700)


def test_every_series_has_the_names_and_labels_that_settings_and_dashboards_rely_on():
    assert len(SERIES) == len(set(SERIES)) == 7 * len(SERVICES) + 2 * len(CALLS)
    queues = [series for series in SERIES if ("connection_type", "messaging_system") in series.labels]
    assert [(s.name, dict(s.labels)["client"], dict(s.labels)["server"]) for s in queues] == [
        ("call:requests:rate30s", "checkout", "orders"),
        ("call:seconds:rate30s", "checkout", "orders"),
    ]


@pytest.mark.parametrize("service", NAMES)
def test_work_is_requests_times_mean_latency(history, service):
    busy = history("service:busy_seconds:rate30s", service=service)
    requests, latency = history(REQUESTS, service=service), history(LATENCY, service=service)
    np.testing.assert_allclose(busy, requests * latency, rtol=1e-5)


@pytest.mark.parametrize("server", [name for name in NAMES if name != "web"])
def test_a_service_gets_the_requests_that_its_callers_send(history, server):
    sent = [history("call:requests:rate30s", client=c.client, server=server) for c in CALLS if c.server == server]
    np.testing.assert_allclose(history(REQUESTS, service=server), np.sum(sent, axis=0), atol=1e-5)


def test_a_message_is_served_one_step_after_it_was_sent(history):
    sent, served = history(REQUESTS, service="checkout"), history(REQUESTS, service="orders")
    change_sent, change_served = np.diff(np.log(sent)), np.diff(np.log(served))
    same_step = np.corrcoef(change_sent[1:], change_served[1:])[0, 1]
    next_step = np.corrcoef(change_sent[:-1], change_served[1:])[0, 1]
    assert next_step > same_step + 0.2


@pytest.mark.parametrize("client", NAMES)
def test_latency_is_a_services_own_time_plus_the_time_in_the_calls_it_waits_for(history, client):
    service = SERVICES[PLACE[client]]
    requests, latency = history(REQUESTS, service=client), history(LATENCY, service=client)
    waited = np.zeros(HISTORY_STEPS)
    for call in CALLS:
        if call.client == client and not call.queue:
            waited += history("call:seconds:rate30s", client=client, server=call.server) / requests
    restarts = history("service:restarts:increase30s", service=client)
    cpu = history("service:cpu_cores:rate30s", service=client)
    own = service.base + service.latency_per_core * cpu + 0.018 * restarts
    own[1:] += 0.007 * restarts[:-1]
    for fault in (*PAST, PRESENT):
        if fault.service == client and fault.kind == "slow":
            own[fault.start_step : fault.start_step + fault.steps] += fault.size
    unexplained = latency - waited - own
    assert abs(np.mean(unexplained)) < 0.001
    assert np.std(unexplained) < 0.004


def test_load_varies_over_the_day_and_restarts_follow_it(history):
    requests = history(REQUESTS, service="web").reshape(2, STEPS_PER_DAY)
    assert requests.max() / requests.min() > 2
    restarted = np.mean([history("service:restarts:increase30s", service=name) > 0 for name in NAMES], axis=1)
    assert restarted.min() > 0.02
    assert restarted.max() < 0.045


def test_errors_are_few_until_something_fails_and_its_callers_share_them(history):
    failing = next(fault for fault in PAST if fault.service == "payment")
    during = slice(failing.start_step, failing.start_step + failing.steps)
    before = slice(failing.start_step - 200, failing.start_step)
    for service in ("payment", "checkout", "web"):
        errors = history("service:errors:rate30s", service=service)
        assert errors.min() >= 0
        assert errors[during].min() > errors[before].max() + 0.3
    ratio = history("service:errors:rate30s", service="payment") / history(REQUESTS, service="payment")
    assert np.median(ratio[before]) < 0.01


def test_past_faults_leave_the_last_three_hours_alone_and_one_is_going_on():
    assert max(fault.start_step + fault.steps for fault in PAST) <= HISTORY_STEPS - 360
    shop = Shop()
    shop.history()
    truth = shop.truth()
    assert truth.current == PRESENT
    assert truth.faults == (*PAST, PRESENT)
    assert HISTORY_STEPS - PRESENT.start_step == 24


def test_after_the_present_fault_another_one_starts_every_90_minutes():
    shop = Shop()
    shop.history()
    seen = {}
    for number in range(HISTORY_STEPS, HISTORY_STEPS + 6 * 180):
        shop.step()
        current = shop.truth().current
        if current:
            seen.setdefault(current, number)
    starts = [fault.start_step for fault in seen]
    assert len(starts) == 7
    assert set(np.diff(starts)) == {180}
    assert len({fault.service for fault in seen}) >= 5


@pytest.mark.parametrize("victim", ["catalog", "checkout", "web"])
def test_the_present_fault_stands_out_in_its_victims(history, victim):
    latency = history(LATENCY, service=victim)
    day = 2 * np.pi * np.arange(HISTORY_STEPS) / STEPS_PER_DAY
    season = np.column_stack([np.ones(HISTORY_STEPS), np.cos(day), np.sin(day)])
    quiet = slice(PAST[-1].start_step + PAST[-1].steps, PRESENT.start_step)
    normal = season @ np.linalg.lstsq(season[quiet], latency[quiet], rcond=None)[0]
    noise = np.std((latency - normal)[quiet])
    jump = np.mean((latency - normal)[PRESENT.start_step :])
    assert jump == pytest.approx(0.25 * latency_effect("inventory", victim), rel=0.2)
    assert jump > 12 * noise


def test_the_effect_of_inventory_on_web_runs_over_both_paths():
    assert Shop(0).truth().inventory_on_web == pytest.approx(0.6 * 0.7 + 0.1 * 0.8)
    assert latency_effect("orders", "web") == 0
