"""The doors, over the demo's shop."""

import pytest
from flask.testing import FlaskClient
from worlds import World

from datasource.web.app import create_app


@pytest.fixture(scope="session")
def client(world: World) -> FlaskClient:
    """A client of the service, two days into the shop and with an incident going on."""
    return create_app(world.clock).test_client()


@pytest.fixture
def waiting() -> FlaskClient:
    """A client of the service before its first evaluation."""
    return create_app(World(steps=10).clock).test_client()
