"""A million logins of one person leave no more than a few hundred behind."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import Any

import pytest

from tests.lifecycle.people.conftest import url  # noqa: F401
from tests.lifecycle.people.house import Clock, person, usable, within
from watchword import Watchword
from watchword.codec.otp import Totp
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.holdings import held
from watchword.lifecycle.people.logins import Visitor
from watchword.lifecycle.room import MOST, make_room
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Records, Unavailable
from watchword.model.reason import REVOKED
from watchword.model.records import Add, Change, Swap, Topic
from watchword.model.verdict import Principal, Rejection
from watchword.stores.opening import open_store

NOW = 1_800_000_000
HERE = Visitor("Browser/1", "192.0.2.1")


async def _proven(watchword: Watchword) -> Proven:
    me = await person(watchword)
    (password,) = await watchword.store.credentials(kind=Kind.PASSWORD, subject=me)
    return Proven(Principal(me, "login", password.id, factors=("pwd",), authenticated_at=NOW), {"pwd": NOW})


async def _earlier(records: Records, subject: str, kind: Kind, count: int, **fields: int) -> list[str]:
    """Put logins of before on record, the first of them the longest ago; return their ids."""
    made = [
        Credential(f"{kind}_{n:04}", kind, subject, NOW - 9000 + n, detail={"proof": "", "idle": 900}, **fields)
        for n in range(count)
    ]
    assert await records.write(*map(Add, made))
    return [each.id for each in made]


@pytest.mark.parametrize("kind", [Kind.SESSION, Kind.REFRESH])
def test_the_login_that_was_used_the_longest_ago_makes_room(kind: Kind) -> None:
    async def play(watchword: Watchword) -> None:
        began = await _proven(watchword)
        me = began.who.subject
        before = await _earlier(watchword.store, me, kind, MOST[kind] + 700)
        for _ in range(2):  # a heap of before there was a bound goes bit by bit
            begin = watchword.logins.session if kind is Kind.SESSION else watchword.logins.family
            new = await begin(began, HERE)
        kept = [each.id for each in await held(watchword.store, me, kind)]
        assert len(kept) == MOST[kind]
        assert set(kept) >= {before[-1], new.family.id if isinstance(new, Refreshed) else new.credential.id}
        assert before[0] not in kept
        entries = watchword.store.entries(0)
        entries = entries if isinstance(entries, list) else await entries
        assert {each.key for each in entries if each.topic is Topic.CREDENTIAL} >= {before[0]}  # its tokens are void
        if isinstance(new, Refreshed):
            assert isinstance(await watchword.families.redeem(new.token), Refreshed)

    within(play, clock=Clock(NOW))


def test_what_ended_makes_room_before_what_is_used() -> None:
    """Who logs in and out a thousand times ends no login beside that."""

    async def play(watchword: Watchword) -> None:
        began = await _proven(watchword)
        me = began.who.subject
        phone = await watchword.logins.session(began, HERE)
        await _earlier(watchword.store, me, Kind.SESSION, 2 * MOST[Kind.SESSION], revoked_at=NOW)
        await watchword.logins.session(began, HERE)
        assert len(await held(watchword.store, me, Kind.SESSION)) == MOST[Kind.SESSION]
        assert phone.credential.id in {each.id for each in await usable(watchword, me, Kind.SESSION)}

    within(play, clock=Clock(NOW))


def test_factors_of_before_do_not_slow_down_a_login() -> None:
    """They are read at every login; who adds and removes one all day left thousands."""

    async def play(watchword: Watchword) -> None:
        me = await person(watchword)
        await _earlier(watchword.store, me, Kind.TOTP, 300, revoked_at=NOW - 1)
        draft = await watchword.factors.begin_totp(me)
        code = Totp(draft.secret).code(NOW // 30)
        made = await watchword.factors.finish_totp(me, draft.handle, code, name="App", by=me)
        assert isinstance(made, Credential)
        assert len(await held(watchword.store, me, Kind.TOTP)) == MOST[Kind.TOTP]
        assert [each.id for each in await usable(watchword, me, Kind.TOTP)] == [made.id]

    within(play, clock=Clock(NOW))


def test_a_login_is_done_though_no_room_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*changes: Change) -> bool:
        raise Unavailable("too busy")

    async def play(watchword: Watchword) -> None:
        began = await _proven(watchword)
        await _earlier(watchword.store, began.who.subject, Kind.SESSION, MOST[Kind.SESSION] + 9)
        monkeypatch.setattr(watchword.store, "write", busy)
        assert not await make_room(watchword.store, began.who.subject, Kind.SESSION, NOW, keep="")
        monkeypatch.undo()

    within(play, clock=Clock(NOW))


def test_what_is_usable_stays_unless_a_login_began_it(url: str) -> None:  # noqa: F811
    """An operator may give a person as many keys as they like."""

    async def play() -> None:
        async with open_store(url) as store:
            keys = await _earlier(store, "user:a", Kind.API_KEY, MOST[Kind.API_KEY] + 50)
            assert await make_room(store, "user:a", Kind.API_KEY, NOW, keep="") is False
            assert len(await held(store, "user:a", Kind.API_KEY)) == len(keys)

    asyncio.run(play())


def test_others_keep_theirs() -> None:
    async def play(watchword: Watchword) -> None:
        began = await _proven(watchword)
        await _earlier(watchword.store, "user:other", Kind.REFRESH, MOST[Kind.REFRESH] + 9)
        await watchword.logins.family(began, HERE)
        assert len(await held(watchword.store, "user:other", Kind.REFRESH)) == MOST[Kind.REFRESH] + 9

    within(play, clock=Clock(NOW))


def test_passwords_of_before_do_not_slow_down_a_login() -> None:
    """Each of them was read whenever anybody guessed at the account: it told that there is one, and took a while."""
    clock = Clock(NOW)

    async def play(watchword: Watchword) -> None:
        began = await _proven(watchword)
        me, told = began.who.subject, ""
        family = await watchword.logins.family(began, HERE)
        stolen = await watchword.store.credential(family.family.id)
        assert stolen is not None
        for number in range(MOST[Kind.PASSWORD] + 5):
            clock.now += 60
            told = f"quite another horse, number {number}"
            assert await watchword.accounts.change_password(me, None, told) == ()
        assert len(await held(watchword.store, me, Kind.PASSWORD)) == MOST[Kind.PASSWORD]
        (left,) = await usable(watchword, me, Kind.PASSWORD)
        assert await watchword.accounts.change_password(me, told, "quite the last horse of all") == ()
        assert await watchword.store.credential(began.who.credential) is None
        # One that was begun by that password while it was being changed: refused as it was while that was on record.
        ended = await watchword.store.credential(stolen.id)
        assert ended is not None
        assert await watchword.store.write(Swap(ended.changed(revoked_at=None)))
        refused = await watchword.families.redeem(family.token)
        assert isinstance(refused, Rejection)
        assert refused.reason is REVOKED
        assert left.id != began.who.credential

    within(play, clock=clock)


def test_many_make_room_at_once(url: str) -> None:  # noqa: F811
    """Whoever comes second finds nothing to do, and nobody fails."""

    async def play() -> None:
        async with open_store(url) as store:
            await _earlier(store, "user:a", Kind.SESSION, MOST[Kind.SESSION] + 50)
            rooms = (make_room(store, "user:a", Kind.SESSION, NOW, keep="") for _ in range(20))
            assert sum(await asyncio.gather(*rooms)) >= 1
            assert len(await held(store, "user:a", Kind.SESSION)) == MOST[Kind.SESSION]

    asyncio.run(play())


def test_a_session_that_applications_are_told_of_goes_in_two_steps(url: str) -> None:  # noqa: F811
    """Dropped at once, nobody would know whom to tell that it is over."""

    async def play() -> None:
        async with open_store(url) as store:
            (oldest, *_) = await _earlier(store, "user:a", Kind.SESSION, MOST[Kind.SESSION] + 1)
            record = await store.credential(oldest)
            assert record is not None
            await store.write(Swap(record.changed(detail={**record.detail, "apps": {"cli_a": True}})))
            assert await make_room(store, "user:a", Kind.SESSION, NOW, keep="")
            ended = await store.credential(oldest)
            assert ended is not None
            assert ended.revoked_at is not None
            assert [entry.key for entry in await entries(store)] == [oldest]
            assert await make_room(store, "user:a", Kind.SESSION, NOW, keep="")
            assert await store.credential(oldest) is None

    asyncio.run(play())


async def entries(store: Any) -> Any:
    """Return what the feed says."""
    found = store.entries(0)
    return await found if isawaitable(found) else found
