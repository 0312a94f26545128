"""Fixtures of the clients' tests: two origins, and every library in turn."""

from collections.abc import Iterator

import pytest

from tests.client.callers import CALLERS, Caller
from tests.client.server import Api, Server


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Server, Server]]:
    pair = (Server(), Server())
    yield pair
    for server in pair:
        server.stop()


@pytest.fixture
def server(servers: tuple[Server, Server]) -> Server:
    servers[0].api = Api(elsewhere=servers[1].url)
    return servers[0]


@pytest.fixture
def other(servers: tuple[Server, Server]) -> Server:
    servers[1].api = Api()
    return servers[1]


@pytest.fixture(params=CALLERS, ids=lambda caller: caller.name)
def caller(request: pytest.FixtureRequest) -> Caller:
    chosen: Caller = request.param
    return chosen
