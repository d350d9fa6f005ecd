"""An exporter that lies never makes another service the named cause, through the service's own evaluations."""

import numpy as np
import pytest
from worlds import SETTINGS, World, half_a_day

from datasource.data import Floats
from datasource.demo.series import SERIES
from datasource.demo.services import SERVICES
from datasource.demo.shop import Shop
from datasource.service.memory import Memory, memory_of
from datasource.settings import Loaded, load_settings

STEPS, LYING = 1455, 8
"""Steps of the shop's quiet history, half a day and a little; and at most how many of them are lies."""
LIES = {
    "constant": lambda before, now, random: np.full_like(now, before[-1]),
    "zero": lambda before, now, random: np.zeros_like(now),
    "shuffled": lambda before, now, random: random.permutation(before)[: now.size],
    "times 1,000": lambda before, now, random: 1000 * now,
    "a thousandth": lambda before, now, random: now / 1000,
}


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """Without effects, which name nobody."""
    loaded = half_a_day(load_settings(SETTINGS))
    return loaded._replace(settings=loaded.settings.model_copy(update={"effects": (), "impacts": ()}))


@pytest.fixture(scope="module")
def quiet() -> Floats:
    """A shop in which nothing happens."""
    return np.array([step.values for step in Shop(1, faults=()).history(STEPS)]).T


@pytest.fixture(scope="module")
def fitted(quiet: Floats, loaded: Loaded) -> Memory:
    """What the service knows when the lie begins; the next fit comes after its end."""
    world = world_of(quiet[:, : STEPS - LYING], loaded)
    world.clock.tick()
    assert world.clock.snapshot is not None
    memory = memory_of(world.clock.snapshot)
    assert memory is not None
    return memory


def world_of(values: Floats, loaded: Loaded) -> World:
    world = World(STEPS, loaded)
    world.client.values = values
    world.now = world.client.end + loaded.settings.prometheus.latency_offset
    return world


def lie(quiet: Floats, service: str, how: str, metric: str) -> Floats:
    values, random = quiet.copy(), np.random.default_rng(3)
    for row, one in enumerate(SERIES):
        if dict(one.labels).get("service") == service and metric in one.name:
            before, now = quiet[row, : STEPS - LYING], quiet[row, STEPS - LYING :]
            values[row, STEPS - LYING :] = LIES[how](before, now, random)
    return values


def named(values: Floats, fitted: Memory, loaded: Loaded) -> set[str]:
    """The services that are named as a cause, at any of a few evaluations while the lie goes on."""
    world = world_of(values, loaded)
    world.clock.evaluator.resume(fitted)
    found = set[str]()
    for lied in (3, 5, LYING):
        world.client.values = values[:, : STEPS - LYING + lied]
        world.now = world.client.end + loaded.settings.prometheus.latency_offset
        world.clock.tick()
        assert world.clock.snapshot is not None
        assert world.clock.snapshot.judgement is not None, world.clock.health.error
        assert world.clock.snapshot.mechanisms is not None
        assert world.clock.snapshot.mechanisms.fitted_at == fitted.mechanisms.fitted_at
        verdicts = world.clock.snapshot.judgement.verdicts
        found |= {dict(one.root_cause.labels).get("service", str(one.root_cause)) for one in verdicts if one.root_cause}
    return found


@pytest.mark.parametrize("how", LIES)
def test_an_exporter_that_lies_is_the_only_one_that_may_be_named(
    quiet: Floats, fitted: Memory, loaded: Loaded, how: str
) -> None:
    for service in ("web", "catalog", "orders", "pricing", "accounts"):
        assert named(lie(quiet, service, how, ""), fitted, loaded) <= {service}


@pytest.mark.parametrize("service", [one.name for one in SERVICES])
def test_nor_does_a_count_of_requests_alone_in_another_unit(
    quiet: Floats, fitted: Memory, loaded: Loaded, service: str
) -> None:
    assert named(lie(quiet, service, "times 1,000", "requests"), fitted, loaded) <= {service}


def test_who_breaks_while_another_one_lies_is_named_all_the_same(quiet: Floats, fitted: Memory, loaded: Loaded) -> None:
    values = lie(quiet, "cart", "times 1,000", "requests")
    for row, one in enumerate(SERIES):
        if dict(one.labels).get("service") == "orders" and ("latency" in one.name or "busy" in one.name):
            values[row, STEPS - LYING :] *= 5
    assert "orders" in named(values, fitted, loaded)
