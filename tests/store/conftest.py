"""A real PostgreSQL for the tests of the store."""

from collections.abc import Callable, Iterator

import pytest
from postgresql import running_postgresql


@pytest.fixture(scope="session")
def postgresql(server_binary: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database."""
    with running_postgresql(server_binary) as server:
        yield server.url
