"""Whose own certificates TLS lets through: those of clients as they are now, and no more of them than there may be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.certificates import Made, make
from tests.house import House, played
from watchword.codec.jose import SigningKey
from watchword.codec.oauth.x5c import jwks_of
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.oauth import anchors as module
from watchword.lifecycle.oauth.anchors import Anchors
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.records import FeedEntry, Topic

SELF = {"auth_method": "self_signed_tls_client_auth"}


class Following:
    """Hold what reads the feed as a server does, and the book that its clients stand in."""

    def __init__(self, opened: House) -> None:
        house = opened.watchword
        self.opened = opened
        self.anchors = Anchors(house.store, clock=house.clock)
        self.book = ClientBook(house.store, house.lifecycle, clock=house.clock)
        house.watch.listen(self.anchors.heard)

    async def heard(self) -> bool:
        house = self.opened.watchword
        reading: Any = house.watch.sync(house.clock())
        if reading is not None:
            await reading
        return self.anchors.changed

    async def add(self, *certificates: Made, **options: Any) -> Credential:
        jwks = jwks_of(b"".join(each.pem for each in certificates))
        issued = await self.opened.issue(Kind.OAUTH_CLIENT, options={**SELF, "jwks": jwks, **options})
        return issued.credential


def ders(*certificates: Made) -> tuple[bytes, ...]:
    return tuple(each.der for each in certificates)


@played
async def test_clients_come_change_and_go(opened: House) -> None:
    following = Following(opened)
    anchors, book = following.anchors, following.book
    one, two, three = (make(common=name) for name in ("one", "two", "three"))
    first = await following.add(one)
    assert await anchors.look() == ders(one)
    await following.heard()
    second = await following.add(two, three)
    assert await following.heard()
    assert set(await anchors.look()) == {one.der, two.der, three.der}
    assert not await following.heard()
    await book.change(first.id, {"jwks": jwks_of(three.pem)}, by="test")
    assert await following.heard()
    assert set(await anchors.look()) == {two.der, three.der}
    await book.set_enabled(second.id, False, by="test")
    assert await following.heard()
    assert await anchors.look() == ders(three)
    await book.set_enabled(second.id, True, by="test")
    assert await following.heard()
    assert set(await anchors.look()) == {two.der, three.der}
    await opened.watchword.lifecycle.revoke(second.id, reason="test", by="test")
    assert await following.heard()
    assert await anchors.look() == ders(three)
    await book.change(first.id, {"auth_method": "private_key_jwt"}, by="test")
    assert await following.heard()
    assert await anchors.look() == ()
    await book.change(first.id, SELF, by="test")
    assert await following.heard()
    assert await anchors.look() == ders(three)
    await book.remove(first.id, reason="test", by="test")
    assert await following.heard()
    assert await anchors.look() == ()


@played
async def test_a_client_that_had_secrets_counts_by_its_newest_record(opened: House) -> None:
    following, own = Following(opened), make()
    issued = await opened.issue(Kind.OAUTH_CLIENT)
    newer = await following.book.rotate(issued.credential.id, overlap=60, by="test")
    assert await following.anchors.look() == ()
    await following.book.change(issued.credential.id, {**SELF, "jwks": jwks_of(own.pem)}, by="test")
    assert await following.heard()
    assert await following.anchors.look() == ders(own)
    await opened.watchword.lifecycle.revoke(newer.credential.id, reason="test", by="test")
    assert await following.heard()
    assert await following.anchors.look() == ()


@played
async def test_others_certificates_are_not_let_through(opened: House) -> None:
    following = Following(opened)
    keyed = {"keys": [SigningKey.generate().public_jwk()]}
    issued = make(make(common="A CA", ca=True), common="app")
    await following.add(issued)  # what somebody else vouches for is for the CAs to say
    await following.add(make(), auth_method="private_key_jwt")
    await following.add(make(), jwks=keyed)
    await opened.issue(Kind.OAUTH_CLIENT, options={**SELF, "jwks_uri": "https://app.example/jwks"})
    ended = await following.add(make(), auth_method="self_signed_tls_client_auth")
    await following.book.set_enabled(ended.id, False, by="test")
    assert await following.anchors.look() == ()


@played
async def test_other_clients_and_credentials_are_none_of_its_business(opened: House) -> None:
    following = Following(opened)
    await following.anchors.look()
    await opened.issue(Kind.OAUTH_CLIENT)
    _, key = await opened.key()
    await opened.watchword.lifecycle.revoke(key.credential.id, reason="test", by="test")
    await opened.issue(Kind.SIGNING_KEY)
    assert not await following.heard()


@played
async def test_what_may_have_been_missed_is_read_again(opened: House) -> None:
    following, own = Following(opened), make()
    assert await following.anchors.look() == ()
    await following.add(own)
    following.anchors.heard(FeedEntry(7, Topic.KEYS, "", 0, 0))
    assert await following.anchors.look() == ders(own)


@played
async def test_many_changes_are_one_reading(opened: House) -> None:
    following, own = Following(opened), make()
    await following.anchors.look()
    await following.add(own)
    for count in range(2_000):
        following.anchors.heard(FeedEntry(count, Topic.CHANGED, f"cli_{count}", 0, 0))
    asked = counting(opened, "credential")
    assert await following.anchors.look() == ders(own)
    assert len(asked) == 1
    assert not following.anchors.changed


def counting(opened: House, verb: str) -> list[str]:
    store: Any = opened.watchword.store
    asked: list[str] = []
    real: Callable[[str], Any] = getattr(store, verb)

    def count(id: str) -> Any:
        asked.append(id)
        return real(id)

    setattr(store, verb, count)
    return asked


@played
async def test_what_stays_is_not_read_again(opened: House) -> None:
    following, made = Following(opened), [make() for _ in range(3)]
    for each in made:
        await following.add(each)
    await following.heard()
    await following.anchors.look()
    asked = counting(opened, "credential")
    own = make()
    new = await following.add(own)
    await following.heard()
    assert own.der in await following.anchors.look()
    assert set(asked) == {new.id}


@pytest.mark.parametrize("verb", ["credential", "credentials"])
def test_an_outage_is_made_up_for(verb: str) -> None:
    @played
    async def test(opened: House) -> None:
        following, one, two = Following(opened), make(), make()
        if verb == "credential":
            await following.anchors.look()
        await following.add(one)
        await following.add(two)
        await following.heard()
        store: Any = opened.watchword.store
        real = getattr(store, verb)

        def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("away")

        setattr(store, verb, away)
        with pytest.raises(Unavailable):
            await following.anchors.look()
        setattr(store, verb, real)
        assert following.anchors.changed
        assert set(await following.anchors.look()) == {one.der, two.der}

    test()


def test_the_operators_clients_come_first(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Strangers that register push out neither the operator's clients nor those that registered before them."""
    monkeypatch.setattr(module, "MOST", 4)

    @played
    async def test(opened: House) -> None:
        following = Following(opened)
        own, theirs = [make() for _ in range(2)], [make() for _ in range(5)]
        for each in theirs[:4]:
            await following.add(each, source="registered")
            opened.clock.now += 1
        assert await following.anchors.look() == ders(*theirs[:4])
        for each in own:
            await following.add(each)
            opened.clock.now += 1
        last = await following.add(theirs[4], source="registered")
        await following.heard()
        assert await following.anchors.look() == ders(own[1], own[0], theirs[0], theirs[1])
        await opened.watchword.lifecycle.revoke(last.id, reason="test", by="test")
        for record in await opened.watchword.store.credentials(kind=Kind.OAUTH_CLIENT):
            if record.created_at == min(int(opened.clock.now) - 6, record.created_at):
                await opened.watchword.lifecycle.revoke(record.id, reason="test", by="test")
        await following.heard()
        assert await following.anchors.look() == ders(own[1], own[0], theirs[1], theirs[2])

    with caplog.at_level(logging.WARNING, "watchword"):
        test()
    assert "3 more are left out" in caplog.text


def test_one_client_has_a_few() -> None:
    made = [make() for _ in range(6)]

    @played
    async def test(opened: House) -> None:
        following = Following(opened)
        await following.add(*made)
        await following.add(made[0], source="registered")  # anybody may name anybody's: TLS asks for the key
        assert await following.anchors.look() == ders(*made[:4])

    test()
