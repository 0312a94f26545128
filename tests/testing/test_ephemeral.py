"""The suite for ``Ephemeral`` notices a broken store."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.testing.sabotage import notices
from watchword.testing.ephemeral import EphemeralSuite


async def _takes_twice(self: Any, key: str) -> bytes | None:
    value: bytes | None = await self.get(key)
    time.sleep(0.001)  # long enough for another thread to read it too
    self._values.pop(key, None)
    return value


async def _gets_expired(self: Any, key: str) -> bytes | None:
    return self._values[key][0] if key in self._values else None


def _claims_for_ever(self: Any, key: bytes, until: float) -> bool:
    with self._lock:
        return bool(self._claims.setdefault(key, until) is until)


def _claims_twice(self: Any, key: bytes, until: float) -> bool:
    free = self._claims.get(key, 0.0) <= time.time() < until
    time.sleep(0.001)
    self._claims[key] = until if free else self._claims.get(key, 0.0)
    return free


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_race_of_takes_has_one_winner", {"take": _takes_twice}),
        ("test_race_of_claims_has_one_winner", {"claim": _claims_twice}),
        ("test_what_has_expired_is_absent", {"get": _gets_expired}),
        ("test_a_claim_ends", {"claim": _claims_for_ever}),
        ("test_a_time_that_is_over_cannot_be_claimed", {"claim": _claims_for_ever}),
    ],
)
def test_it_notices(test: str, broken: dict[str, Any]) -> None:
    assert notices(EphemeralSuite, test, **broken)
