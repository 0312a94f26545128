"""One pair of scopes an area; what a subject may administer follows from what it can still use."""

from __future__ import annotations

import asyncio

import pytest

from watchword.lifecycle.operations.rights import (
    ADMIN,
    ALL_RIGHTS,
    AREAS,
    area_of,
    lacking,
    may,
    rights_behind,
    rights_of,
    rights_to_touch,
)
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.stores.memory import MemoryStore


def test_every_area_is_read_and_written() -> None:
    assert {f"admin:{area}:read" for area in AREAS} | {f"admin:{area}:write" for area in AREAS} == ALL_RIGHTS
    assert all(scope.startswith(ADMIN) for scope in ALL_RIGHTS)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_in_an_area(kind: Kind) -> None:
    assert area_of(kind) in AREAS


def test_only_rights_to_administer_are_missed() -> None:
    assert lacking({"admin:usage:read"}, {"admin:usage:read", "orders:read"}) == frozenset()
    assert lacking({"orders:read"}, {"admin:x:read", "orders:write"}) == {"admin:x:read"}
    assert may({"a", "admin:usage:read"}) == {"admin:usage:read"}


def test_what_has_ended_gives_no_right_and_what_is_to_come_does() -> None:
    async def test() -> None:
        store = MemoryStore()
        lives = {
            "active": {},
            "pending": {"not_before": 200},
            "retiring": {"retire_at": 101},
            "revoked": {"revoked_at": 50},
            "leaked": {"leaked": True},
            "expired": {"expires_at": 100},
        }
        for name, more in lives.items():
            scopes = frozenset({f"admin:{name}:read", "orders:read"})
            await store.write(Add(Credential(f"key_{name}", Kind.API_KEY, "service:a", 1, scopes, **more)))
        await store.write(Add(Credential("key_b", Kind.API_KEY, "service:b", 1, frozenset({"admin:b:read"}))))
        found = await rights_of(store, "service:a", lambda: 100.0)
        assert found == {"admin:active:read", "admin:pending:read", "admin:retiring:read"}

    asyncio.run(test())


def test_who_touches_what_somebody_logs_in_by_touches_what_they_may() -> None:
    async def test() -> None:
        store = MemoryStore()
        await store.write(Add(Credential("key_a", Kind.API_KEY, "user:a", 1, frozenset({"admin:keys:write", "x"}))))
        key = Credential("key_b", Kind.API_KEY, "user:a", 1, frozenset({"admin:usage:read"}))
        assert await rights_to_touch(store, key, lambda: 1.0) == {"admin:credentials:write", "admin:usage:read"}
        code = Credential("otp_a", Kind.TOTP, "user:a", 1)
        assert await rights_to_touch(store, code, lambda: 1.0) == {"admin:subjects:write", "admin:keys:write"}
        assert await rights_behind(store, Kind.PASSWORD, "user:a", lambda: 1.0) == {"admin:keys:write"}
        assert await rights_behind(store, Kind.SESSION, "user:a", lambda: 1.0) == frozenset()

    asyncio.run(test())
