"""Bounds change without another secret, at once everywhere, of the version that was looked at."""

from __future__ import annotations

import asyncio

import pytest

from tests.house import House, accepted, bearing, played, reason
from tests.lifecycle.people.test_sessions import family, session
from watchword.lifecycle.clients.book import Bounds
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.bounding import Bounding, CredentialChanged
from watchword.model.credential import Kind
from watchword.model.reason import INSUFFICIENT_SCOPE, NETWORK_NOT_ALLOWED, REVOKED
from watchword.model.verdict import Rate

ALICE = "user:alice"


def bounding(opened: House) -> Bounding:
    watchword = opened.watchword
    return Bounding(watchword.store, watchword.watch.hurry, watchword.clock)


@played
async def test_the_next_request_is_judged_by_the_new_bounds(opened: House) -> None:
    header, issued = await opened.key(scopes=("orders:read", "orders:write"))
    request = bearing(header)
    accepted(await opened.decide("api-key", request, scopes=("orders:write",)))
    changed = await bounding(opened).change(issued.credential.id, Bounds(scopes=["orders:read"]), by="user:ops")
    assert changed.scopes == {"orders:read"}
    assert reason(await opened.decide("api-key", request, scopes=("orders:write",))) == INSUFFICIENT_SCOPE.code
    await bounding(opened).change(issued.credential.id, Bounds(networks=["10.0.0.0/8"]), by="user:ops")
    assert reason(await opened.decide("api-key", request)) == NETWORK_NOT_ALLOWED.code
    assert [each.detail for each in await opened.events() if each.action == "change"] == ["scopes", "networks"]


@played
async def test_what_is_so_already_changes_nothing(opened: House) -> None:
    _, issued = await opened.key(scopes=("a",), limit=Rate(5, 60))
    bounds = Bounds(scopes=["a"], limit=Rate(5, 60))
    assert await bounding(opened).change(issued.credential.id, bounds, by="user:ops") == issued.credential
    assert not [each for each in await opened.events() if each.action == "change"]


@played
async def test_of_the_version_that_was_looked_at(opened: House) -> None:
    _, issued = await opened.key()
    act = bounding(opened)
    changed = await act.change(issued.credential.id, Bounds(scopes=["a"]), by="user:ops", version=1)
    assert changed.version == 2
    with pytest.raises(CredentialChanged):
        await act.change(issued.credential.id, Bounds(scopes=["b"]), by="user:ops", version=1)
    found = await asyncio.gather(
        *(act.change(issued.credential.id, Bounds(scopes=[f"s{n}"]), by="user:ops", version=2) for n in range(9)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in found) == 1


@played
async def test_logins_end_with_what_their_password_allowed(opened: House) -> None:
    password = await opened.issue(Kind.PASSWORD, ALICE, scopes=("admin:keys:write",), options={"password": "x" * 20})
    begun, browser = await session(opened)
    program, token = await family(opened)
    accepted(await opened.decide("session", browser))
    accepted(await opened.decide("jwt", token))
    await bounding(opened).change(password.credential.id, Bounds(scopes=[]), by="user:ops")
    for policy, request in (("session", browser), ("jwt", token)):
        assert reason(await opened.decide(policy, request)) == REVOKED.code
    for id in (begun, program):
        record = await opened.watchword.store.credential(id)
        assert record is not None
        assert record.revoke_reason == f"what {password.credential.id} allows was changed"


@played
async def test_what_cannot_be_changed_says_why(opened: House) -> None:
    act = bounding(opened)
    with pytest.raises(LifecycleError, match="no credential"):
        await act.change("key_nobody", Bounds(), by="x")
    held = await opened.issue(Kind.SESSION, ALICE)
    with pytest.raises(LifecycleError, match="has no bounds of its own"):
        await act.change(held.credential.id, Bounds(scopes=["a"]), by="x")
    _, gone = await opened.key()
    await opened.watchword.lifecycle.revoke(gone.credential.id, reason="test", by="x")
    with pytest.raises(LifecycleError, match="is revoked"):
        await act.change(gone.credential.id, Bounds(scopes=["a"]), by="x")
    certificate = await opened.issue(Kind.CLIENT_CERT)
    end = certificate.credential.expires_at or 0
    for bounds in (Bounds(no_end=True), Bounds(expires_at=end + 1)):
        with pytest.raises(LifecycleError, match="a certificate ends"):
            await act.change(certificate.credential.id, bounds, by="x")
    assert (await act.change(certificate.credential.id, Bounds(expires_at=end - 1), by="x")).expires_at == end - 1
