"""Judge signed requests in both ways: at once, and read and verified."""

from collections.abc import Iterator

import pytest

from tests.schemes.signed_requests import House


@pytest.fixture(scope="module", params=["recalled", "read"])
def judged(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(House, "recalls", request.param == "recalled")
        yield
