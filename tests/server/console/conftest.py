"""One house for all tests of the console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import furnish, house, operator


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with house(tmp_path_factory.mktemp("console")) as server:
        yield server


@pytest.fixture(scope="session")
def root(town: Town) -> Browser:
    return operator(town)


@pytest.fixture(scope="session")
def ids(town: Town) -> dict[str, str]:
    return furnish(town)
