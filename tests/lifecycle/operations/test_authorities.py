"""Certificate authorities take each other's place: trusted before they issue, and as long as what they issued."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.house import House, accepted, asking, house, reason
from watchword.codec.x509 import der_of
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CERTIFICATE_LIFE
from watchword.lifecycle.operations.authorities import Authorities
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind, State
from watchword.model.ports import Unavailable
from watchword.model.request import Request

DAY = 86400


def play(test: Callable[[House, Authorities], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with house() as opened:
            await test(opened, opened.watchword.operations.authorities)

    asyncio.run(run())


def request(issued: Issued) -> Request:
    return asking(certificate=der_of(issued.material["certificate"].encode()))


async def certificate(opened: House, **more: Any) -> Issued:
    return await opened.issue(Kind.CLIENT_CERT, **more)


def test_the_new_one_is_trusted_at_once_and_issues_five_seconds_later() -> None:
    async def test(opened: House, authorities: Authorities) -> None:
        before = await certificate(opened)
        new, old = await authorities.rotate(by="cli:root")
        assert [each.id for each in await authorities.trusted()] == [old.id, new.id]
        assert (await authorities.bundle()).count(b"BEGIN CERTIFICATE") == 2
        meanwhile = await certificate(opened, expires_at=int(opened.clock()) + DAY)
        assert meanwhile.credential.detail["authority"] == old.id
        opened.clock.now += 5
        after = await certificate(opened)
        assert after.credential.detail["authority"] == new.id
        for issued in (before, meanwhile, after):
            assert accepted(await opened.decide("mtls", request(issued)))
        (act,) = [event for event in await opened.events() if event.action == "rotate"]
        assert (act.scheme, act.credential, act.actor) == ("ca", old.id, "cli:root")
        assert (await authorities.issuing()).id == new.id

    play(test)


def test_the_old_one_is_trusted_until_the_last_that_it_issued_has_ended() -> None:
    async def test(opened: House, authorities: Authorities) -> None:
        now = int(opened.clock())
        lasting = await certificate(opened, expires_at=now + 300 * DAY)
        new, old = await authorities.rotate(by="x")
        assert old.retire_at == now + 300 * DAY + 60
        assert await authorities.ending_early(old) == []
        opened.clock.now = now + 300 * DAY - 1
        assert accepted(await opened.decide("mtls", request(lasting)))
        opened.clock.now = now + 300 * DAY + 60
        await authorities.look()
        assert [each.id for each in await authorities.trusted()] == [new.id]

    play(test)


def test_the_overlap_ends_by_itself_and_takes_what_it_issued_along() -> None:
    async def test(opened: House, authorities: Authorities) -> None:
        before = await certificate(opened)
        _, old = await authorities.rotate(by="x", overlap=7 * DAY)
        assert [each.id for each in await authorities.ending_early(old)] == [before.credential.id]
        with pytest.raises(LifecycleError, match="being replaced"):  # it would end before its time
            await certificate(opened)
        opened.clock.now += 7 * DAY - 1
        await authorities.look()
        assert accepted(await opened.decide("mtls", request(before)))
        opened.clock.now += 1
        await authorities.look()
        assert reason(await opened.decide("mtls", request(before))) == "untrusted_certificate"
        assert (await opened.watchword.lifecycle.show(old.id)).state(opened.clock()) is State.RETIRED

    play(test)


def test_who_listens_is_told_once_of_an_end() -> None:
    async def test(opened: House, authorities: Authorities) -> None:
        told: list[None] = []

        async def listen() -> None:
            told.append(None)

        authorities.changed.append(listen)
        await authorities.rotate(by="x", overlap=DAY)
        await authorities.bundle()
        await authorities.look()
        assert told == []
        opened.clock.now += DAY
        await authorities.look()
        await authorities.look()
        assert told == [None]

    play(test)


def test_of_two_rotations_at_once_one_wins() -> None:
    async def test(opened: House, authorities: Authorities) -> None:
        first = await authorities.issuing()
        write, store = opened.watchword.store.write, opened.watchword.store

        async def late(*changes: Any) -> bool:
            store.write = write  # type: ignore[method-assign]
            await authorities.rotate(by="first")
            return await write(*changes)

        store.write = late  # type: ignore[method-assign]
        with pytest.raises(LifecycleError, match="changed meanwhile"):
            await authorities.rotate(by="second")
        assert (await opened.watchword.lifecycle.show(first.id)).replaced_by is not None
        assert len(await authorities.trusted()) == 2

    play(test)


def test_without_one_that_issues_there_is_nothing_to_rotate() -> None:
    """Until, five seconds later, another one issues in the place of the revoked one."""

    async def test(opened: House, authorities: Authorities) -> None:
        before = await certificate(opened)
        issuing, bundle = await authorities.issuing(), await authorities.bundle()
        await opened.watchword.lifecycle.revoke(issuing.id, reason="test", by="x")
        with pytest.raises(LifecycleError, match="no active ca"):
            await authorities.rotate(by="x")
        with pytest.raises(LifecycleError, match="no certificate authority issues"):
            await certificate(opened)
        assert bundle not in await authorities.bundle()
        assert reason(await opened.decide("mtls", request(before))) == "untrusted_certificate"
        await opened.watchword.lifecycle.provide(by="x")  # as each start does
        (new,) = await authorities.trusted()
        assert new.replaces == issuing.id
        opened.clock.now += 5
        assert (await authorities.issuing()).id == new.id
        assert accepted(await opened.decide("mtls", request(await certificate(opened))))
        revoked = await opened.watchword.lifecycle.revoke(new.id, reason="test", by="x")
        assert revoked.replaced_by is None
        assert CERTIFICATE_LIFE == 90 * DAY

    play(test)


def test_who_cannot_be_told_of_an_end_now_is_told_later() -> None:
    """The store is away in that very moment: the ended one must not be trusted for good."""

    async def test(opened: House, authorities: Authorities) -> None:
        before = await certificate(opened)
        await authorities.rotate(by="x", overlap=60)  # so short that the feed is not read anew for its silence
        accepted(await opened.decide("mtls", request(before)))
        opened.clock.now += 60
        store: Any = opened.watchword.store
        real = store.credentials

        async def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("away")

        store.credentials = away
        with pytest.raises(Unavailable):
            await authorities.look()
        store.credentials = real
        await authorities.look()
        assert reason(await opened.decide("mtls", request(before))) == "untrusted_certificate"

    play(test)

    play(test)
