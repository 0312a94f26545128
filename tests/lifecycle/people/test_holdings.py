"""Finding and ending what people hold."""

from __future__ import annotations

from tests.house import House
from tests.lifecycle.people.factors import app_of
from tests.lifecycle.people.residents import live_in, person
from watchword.codec.names import normal_address
from watchword.lifecycle.people.holdings import (
    LOGINS,
    address_lookup,
    address_of,
    ended,
    ending,
    held,
    newest,
    second_factor,
)
from watchword.model.credential import Credential, Kind
from watchword.model.records import Event, Publish, Swap


def test_everything_is_found_however_much_it_is(url: str) -> None:
    async def test(opened: House) -> None:
        subject = await person(opened)
        for _ in range(3):
            await opened.watchword.lifecycle.issue(Kind.SESSION, subject, by="test")
        found = await held(opened.watchword.store, subject)
        assert [each.kind for each in found].count(Kind.SESSION) == 3
        assert len(await held(opened.watchword.store, subject, Kind.PASSWORD)) == 1
        assert await held(opened.watchword.store, "user:nobody") == []

    live_in(url, test)


def test_what_is_usable_is_ended_but_for_one() -> None:
    async def test(opened: House) -> None:
        store, issue = opened.watchword.store, opened.watchword.lifecycle.issue
        subject = await person(opened)
        keep, gone = [(await issue(Kind.SESSION, subject, by="test")).credential for _ in range(2)]
        now = opened.clock.now
        changes = await ended(store, subject, LOGINS, now=now, by="test", why="x", keep=keep.id)
        assert [type(each) for each in changes] == [Swap, Publish, Event]
        assert await store.write(*changes)
        assert [each.id for each in await held(store, subject, Kind.SESSION) if each.revoked_at is None] == [keep.id]
        again = await ended(store, subject, LOGINS, now=now, by="test", why="x", keep=keep.id)
        assert again == []
        assert gone.id != keep.id

    live_in("memory:", test)


def test_an_ending_keeps_when_it_first_was() -> None:
    record = Credential("ses_1", Kind.SESSION, "user:a", 1, revoked_at=5)
    swap, void, event = ending(record, now=9, by="x", why="y", lookup=None)
    assert isinstance(swap, Swap)
    assert isinstance(swap.new, Credential)
    assert swap.new.revoked_at == 5
    assert isinstance(void, Publish)
    assert isinstance(event, Event)
    assert (event.action, event.credential, event.subject) == ("revoke", "ses_1", "user:a")


def test_the_newest_is_the_one_made_last() -> None:
    old, new = (Credential(f"k{n}", Kind.EMAIL, "user:a", n) for n in (1, 2))
    assert newest([new, old]) is new
    assert newest([]) is None


def test_an_address_is_found_by_its_one_spelling() -> None:
    one, other = normal_address("A@Example.com"), normal_address("a@EXAMPLE.COM")
    assert one is not None
    assert other is not None
    assert address_lookup(one) == address_lookup(other)
    assert len(address_lookup(one)) == 32


def test_a_second_factor_is_one_that_may_be_used() -> None:
    async def test(opened: House) -> None:
        store = opened.watchword.store
        subject = await person(opened, address="carol@example.com")
        assert not await second_factor(store, subject, opened.clock.now)
        _, app = await app_of(opened, subject)
        assert await second_factor(store, subject, opened.clock.now)
        await opened.watchword.lifecycle.revoke(app.id, reason="lost", by="test")
        assert not await second_factor(store, subject, opened.clock.now)
        email = await address_of(store, subject, opened.clock.now)
        assert email is not None
        assert email.detail["address"] == "carol@example.com"
        assert await address_of(store, "user:alice", opened.clock.now) is None

    live_in("memory:", test)
