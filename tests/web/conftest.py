"""The doors, over the demo's shop."""

from collections.abc import Iterator

import pytest
from browser import Page, open_chromium
from flask.testing import FlaskClient
from pages import served
from shop_incidents import with_incidents
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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


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
