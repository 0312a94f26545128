"""See where one is signed in, and end it; what is ended stays so, and a new login works at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, accepted, bearing, house, reason
from tests.lifecycle.people.factors import ALICE, BOB, play
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Kind
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def proven(opened: House, subject: str) -> Proven:
    now = int(opened.clock.now)
    who = Principal(subject, "login", "pwd_1", frozenset({"orders:read"}), ("pwd",), now)
    return Proven(who, {"pwd": now})


async def session(opened: House, subject: str = ALICE, address: str = "192.0.2.7") -> tuple[str, Any]:
    """Begin a session and return its id, and a request of its browser."""
    issued = await opened.watchword.logins.session(proven(opened, subject), Visitor(FIREFOX, address))
    cookie = b"__Host-session=" + issued.material["cookie"].encode()
    headers = [(b"cookie", cookie), (b"host", b"a")]
    return issued.credential.id, Request("GET", b"/", b"", headers, Peer("192.0.2.7", tls=True))


async def family(opened: House, subject: str = ALICE) -> tuple[str, Any]:
    """Begin a refresh family and return its id, and a request with an access token of it."""
    begun = await opened.watchword.logins.family(proven(opened, subject), Visitor("curl/8.16.0", "2001:db8::7"))
    token = opened.watchword.tokens.for_family(begun.family).text
    return begun.family.id, bearing(b"Bearer " + token.encode())


async def ids(opened: House, subject: str = ALICE) -> list[str]:
    return [each.id for each in await opened.watchword.sessions.listed(subject)]


def test_what_is_listed() -> None:
    async def test(opened: House) -> None:
        id, request = await session(opened)
        begun = int(opened.clock.now)
        opened.clock.now += 100
        other, _ = await family(opened)
        await session(opened, BOB)
        program, browser = await opened.watchword.sessions.listed(ALICE)
        assert (program.id, program.kind, program.device) == (other, Kind.REFRESH, "curl")
        assert (program.address, program.idle_at) == ("2001:db8::7", None)
        assert (browser.id, browser.kind, browser.device) == (id, Kind.SESSION, "Firefox, Linux")
        assert (browser.address, browser.factors) == ("192.0.2.7", ("pwd",))
        assert (browser.created_at, browser.last_used_at) == (begun, begun)
        assert browser.ends_at == begun + 12 * 3600
        assert browser.idle_at == begun + 3600
        opened.clock.now += 50
        accepted(await opened.decide("session", request))
        await opened.watchword.audit.flush()
        browser, _ = await opened.watchword.sessions.listed(ALICE)
        assert (browser.id, browser.last_used_at, browser.idle_at) == (id, begun + 150, begun + 150 + 3600)

    play(test)


def test_what_is_over_is_not_listed() -> None:
    async def test(opened: House) -> None:
        await session(opened)
        kept, _ = await family(opened)
        opened.clock.now += 3601
        assert await ids(opened) == [kept]  # the session was idle
        opened.clock.now += 31 * 86400
        assert await ids(opened) == []
        assert await ids(opened, "user:nobody") == []

    play(test)


def test_one_is_ended_and_the_others_go_on() -> None:
    async def test(opened: House) -> None:
        sessions = opened.watchword.sessions
        (gone, request), (kept, other) = await session(opened), await session(opened)
        ended = await sessions.end(gone, subject=ALICE, by=ALICE)
        assert ended.id == gone
        assert reason(await opened.decide("session", request)) == "revoked"
        accepted(await opened.decide("session", other))
        assert await ids(opened) == [kept]
        await sessions.end(gone, subject=ALICE, by=ALICE)  # once more is no harm
        (event,) = [each for each in await opened.events() if each.action == "revoke"]
        assert (event.actor, event.credential, event.detail) == (ALICE, gone, "logged out")

    play(test)


def test_nobody_ends_what_is_anothers_nor_what_is_no_session() -> None:
    async def test(opened: House) -> None:
        theirs, request = await session(opened, BOB)
        key = await opened.issue(Kind.API_KEY, ALICE)
        for id in (theirs, key.credential.id, "ses_none", "", "x" * 500):
            with pytest.raises(LifecycleError, match="there is no session"):
                await opened.watchword.sessions.end(id, subject=ALICE, by=ALICE)
        accepted(await opened.decide("session", request))
        assert (await opened.watchword.lifecycle.show(key.credential.id)).revoked_at is None

    play(test)


def test_all_others_are_ended(url: str) -> None:
    async def test(opened: House) -> None:
        kept, mine = await session(opened)
        _, stolen = await session(opened)
        _, token = await family(opened)
        theirs, bobs = await session(opened, BOB)
        await opened.watchword.sessions.end_others(ALICE, keep=kept, by=ALICE)
        assert await ids(opened) == [kept]
        accepted(await opened.decide("session", mine))
        assert reason(await opened.decide("session", stolen)) == "revoked"
        assert reason(await opened.decide("jwt", token)) == "revoked"
        accepted(await opened.decide("session", bobs))
        assert await ids(opened, BOB) == [theirs]
        await opened.watchword.sessions.end_others(ALICE, keep=kept, by=ALICE)

    play(test, url)


def test_log_out_everywhere_ends_sessions_families_and_every_token_and_a_new_login_works_at_once(url: str) -> None:
    async def test(opened: House) -> None:
        _, mine = await session(opened)
        _, token = await family(opened)
        bare = await opened.watchword.families.start(proven(opened, ALICE).who, by=ALICE)
        app = bearing(b"Bearer " + opened.watchword.tokens.for_family(bare.family).text.encode())
        _, bobs = await family(opened, BOB)
        for request, scheme in ((mine, "session"), (token, "jwt"), (app, "jwt"), (bobs, "jwt")):
            accepted(await opened.decide(scheme, request))
        await opened.watchword.sessions.end_everything(ALICE, by=ALICE)
        for request, scheme in ((mine, "session"), (token, "jwt"), (app, "jwt")):
            assert reason(await opened.decide(scheme, request)) == "revoked"
        assert (await opened.watchword.families.redeem(bare.token)).reason.code == "revoked"
        accepted(await opened.decide("jwt", bobs))
        assert await ids(opened) == []
        _, again = await session(opened)
        _, fresh = await family(opened)
        accepted(await opened.decide("session", again))
        accepted(await opened.decide("jwt", fresh))

    play(test, url)


def test_ending_and_beginning_at_once_lose_nothing(url: str) -> None:
    async def test(opened: House) -> None:
        kept, _ = await session(opened)
        others = [(await session(opened))[0] for _ in range(5)]
        sessions = opened.watchword.sessions
        await asyncio.gather(
            *(sessions.end(id, subject=ALICE, by=ALICE) for id in others),
            sessions.end_others(ALICE, keep=kept, by=ALICE),
        )
        assert await ids(opened) == [kept]
        revoked = [event.credential for event in await opened.events() if event.action == "revoke"]
        assert sorted(revoked) == sorted(others)  # each was ended once

    play(test, url)


def test_a_session_in_use_is_not_idle_for_any_worker_and_its_use_is_not_written_each_time(tmp_path: Path) -> None:
    async def test() -> None:
        store, key, written = f"sqlite:///{tmp_path}/w.db", new_root_key(), []
        async with house(store, root_key=key) as one, house(store, root_key=key, clock=one.clock) as other:
            await one.watchword.lifecycle.add_subject(ALICE, by="test")
            used = one.watchword.store.used

            async def counted(seen: Any) -> None:
                written.append(dict(seen))
                await used(seen)

            one.watchword.store.used = counted  # type: ignore[method-assign]
            id, request = await session(one)
            for _ in range(20):  # 50 minutes in all, at one worker only
                for _ in range(10):
                    accepted(await one.decide("session", request))
                    one.clock.now += 0.5
                    await one.watchword.audit.flush()
                one.clock.now += 145
            assert 0 < len(written) <= 20  # of 200 requests
            one.clock.now += 30 * 60  # more than the idle limit since the login, less since the last use
            (view,) = await other.watchword.sessions.listed(ALICE)
            assert (view.id, view.last_used_at >= one.clock.now - 30 * 60 - 160) == (id, True)
            accepted(await other.decide("session", request))
            one.clock.now += 3700
            for worker in (one, other):
                assert reason(await worker.decide("session", request)) == "expired"

    asyncio.run(test())
