"""Logout tokens of providers: what they end, what is refused, and that none is good twice (Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.lifecycle.outside.test_relying import by_hmac, compact
from tests.providers import FakeProvider
from watchword.codec.jose import SigningKey
from watchword.codec.oauth.logout_token import LOGOUT_EVENT
from watchword.codec.secrets import Sealer, new_root_key
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.lifecycle.outside.identities import Identities
from watchword.lifecycle.outside.relying import Arrived, Provider, RelyingParty, browser_mark
from watchword.lifecycle.outside.told import Told
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable
from watchword.model.records import Add, Subject
from watchword.model.verdict import Rejection
from watchword.stores.memory import MemoryStore

SUB = "248289761001"


class House:
    """A relying party, a provider without a network, and alice, who comes from there."""

    def __init__(self) -> None:
        self.fake = FakeProvider()
        self.fake._http.server_close()
        self.now = time.time()
        self.store = MemoryStore(clock=lambda: self.now)
        self.party = self.relying("fake")
        self.told = Told(self.store, SigningOut(self.store, clock=lambda: self.now), clock=lambda: self.now)
        self.identity = ""

    def relying(self, name: str, kind: str = "openid") -> RelyingParty:
        return RelyingParty(
            Provider(name, "Fake", self.fake.issuer, self.fake.client_id, self.fake.client_secret, kind),
            "https://ours.example/callback",
            ephemeral=self.store,
            sealer=Sealer(new_root_key()),
            fetch=self.fetch,
            clock=lambda: self.now,
        )

    def fetch(self, url: str, *, data: Any = None, headers: Any = None) -> Fetched:
        status, value = self.fake.answer(url.removeprefix(self.fake.url), dict(data or {}), dict(headers or {}))
        if status == 500:
            raise Unavailable(url)
        return Fetched(status, json.dumps(value).encode())

    async def come(self, browser: str, sid: str | None, sub: str = SUB) -> str:
        """Have somebody come from the provider in a browser; return the session that begins."""
        self.fake.claims = {"sub": sub} | ({} if sid is None else {"sid": sid})
        state = self.fake.asked(await self.party.begin(browser, {}))["state"]
        arrived = await self.party.finish(browser, urlencode({"code": "the-code", "state": state}).encode())
        assert isinstance(arrived, Arrived), arrived
        who = "user:alice" if sub == SUB else "user:bob"
        if await self.store.subject(who) is None:
            await self.store.write(Add(Subject(who, 1)))
        linked = await Identities(self.store).link(arrived.outsider, who, scopes=(), by="t")
        assert isinstance(linked, Credential)
        self.identity = linked.id
        return await self.session(who, linked.id, outside=browser_mark(browser))

    async def session(self, who: str, login: str, **detail: str) -> str:
        id = f"ses_{len(await self.store.credentials(kind=Kind.SESSION))}"
        record = Credential(id, Kind.SESSION, who, int(self.now), lookup=id.encode(), detail={"login": login, **detail})
        assert await self.store.write(Add(record))
        return id

    def claims(self, **change: Any) -> dict[str, Any]:
        now = int(self.now)
        claims = {
            "iss": self.fake.issuer,
            "aud": self.fake.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": "j1",
            "events": {LOGOUT_EVENT: {}},
            "sub": SUB,
            **change,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, typ: str = "logout+jwt", **change: Any) -> str:
        return self.fake.key.sign(self.claims(**change), typ)

    async def heard(self, token: str) -> int | str:
        found = await self.told.heard(self.party, token)
        return found.reason.code if isinstance(found, Rejection) else found

    async def alive(self) -> set[str]:
        return {each.id for each in await self.store.credentials(kind=Kind.SESSION) if each.revoked_at is None}


def played(test: Callable[[House], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test(House()))  # type: ignore[arg-type]

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@played
async def test_a_session_at_the_provider_ends_those_that_came_from_it(house: House) -> None:
    here, there = await house.come("one", "s1"), await house.come("two", "s2")
    other = await house.come("three", "s3", sub="another")
    alone = await house.session("user:alice", "pwd_1")
    assert await house.heard(house.token(sid="s1")) == 1
    assert await house.alive() == {there, other, alone}
    assert await house.heard(house.token(sid="s2", sub=None, jti="j2")) == 1
    assert await house.alive() == {other, alone}
    assert here not in await house.alive()


@played
async def test_without_a_session_all_that_the_identity_began(house: House) -> None:
    await house.come("one", "s1")
    await house.come("two", None)
    other = await house.come("three", "s3", sub="another")
    alone = await house.session("user:alice", "pwd_1")
    assert await house.heard(house.token()) == 2
    assert await house.alive() == {other, alone}


@played
async def test_two_browsers_of_one_session_at_the_provider(house: House) -> None:
    await house.come("one", "s1")
    await house.come("two", "s1")
    assert await house.heard(house.token(sid="s1")) == 2


@played
async def test_what_nobody_here_came_from_ends_nothing(house: House) -> None:
    await house.come("one", "s1")
    for number, change in enumerate([{"sid": "s9"}, {"sub": "nobody"}, {"sid": "s9", "sub": None}]):
        assert await house.heard(house.token(jti=f"n{number}", **change)) == 0
    assert len(await house.alive()) == 1


@played
async def test_a_session_with_somebody_elses_sub_is_refused(house: House) -> None:
    await house.come("one", "s1")
    assert await house.heard(house.token(sid="s1", sub="another")) == "bad_claims"
    assert len(await house.alive()) == 1


@played
async def test_a_replay_is_refused(house: House) -> None:
    await house.come("one", "s1")
    token = house.token()
    assert await house.heard(token) == 1
    again = await house.come("one", "s1")
    assert await house.heard(token) == "replayed"
    assert await house.alive() == {again}


@played
async def test_of_a_hundred_at_once_one_counts(house: House) -> None:
    await house.come("one", "s1")
    token = house.token()
    found = await asyncio.gather(*(house.heard(token) for _ in range(100)), return_exceptions=True)
    assert found.count(1) == 1
    others = [each for each in found if each != 1]
    assert all(each == "replayed" or isinstance(each, Unavailable) for each in others)


@played
async def test_a_token_whose_sessions_could_not_be_ended_is_not_spent(house: House) -> None:
    """The store goes away between judging it and ending the session; the provider tries again, as it is told."""
    await house.come("one", "s1")
    token, write = house.token(), house.store.write

    async def down(*changes: Any) -> bool:
        raise Unavailable("down")

    house.store.write = down  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await house.heard(token)
    house.store.write = write  # type: ignore[method-assign]
    assert len(await house.alive()) == 1
    house.now += 5
    assert await house.heard(token) == 1
    assert await house.alive() == set()
    assert await house.heard(token) == "replayed"


@played
async def test_what_was_begun_after_the_token_was_made_stays(house: House) -> None:
    token = house.token()
    house.now += 100
    later = await house.come("one", "s1")
    assert await house.heard(token) == 0
    assert await house.alive() == {later}


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "LOGOUT+JWT", "JWT"])
def test_types_that_providers_give(typ: str) -> None:
    async def test(house: House) -> None:
        await house.come("one", "s1")
        assert await house.heard(house.token(typ)) == 1

    played(test)()


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "n"},
        {"events": None},
        {"events": {"x": {}}},
        {"jti": None},
        {"iat": None},
        {"exp": None},
        {"exp": 1},
        {"iat": 1},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"sub": None},
        {"sub": 5},
    ],
    ids=str,
)
def test_must_20_section_2_6_what_is_refused(change: dict[str, Any]) -> None:
    async def test(house: House) -> None:
        await house.come("one", "s1")
        assert isinstance(await house.heard(house.token(**change)), str)
        assert len(await house.alive()) == 1

    played(test)()


@played
async def test_must_10_other_tokens_of_the_provider_are_none(house: House) -> None:
    await house.come("one", "s1")
    id_token = house.fake.sign(house.fake.id_claims())
    for token in (id_token, house.token("at+jwt"), house.token("dpop+jwt"), "x", "", "é", "a.b.c"):
        assert isinstance(await house.heard(token), str), token
    assert len(await house.alive()) == 1


@played
async def test_cve_2026_39999_11800_confusion_of_algorithms_and_keys(house: House) -> None:
    await house.come("one", "s1")
    claims, jwk = house.claims(), json.dumps(house.fake.key.public_jwk()).encode()
    head = {"typ": "logout+jwt", "kid": "k1"}
    forged = [
        compact({**head, "alg": "none"}, claims),
        compact({**head, "alg": "HS256"}, claims, b""),
        by_hmac({**head, "alg": "HS256"}, claims, jwk),
        by_hmac({**head, "alg": "ES256"}, claims, house.fake.client_secret.encode()),
        SigningKey.generate("ES256", kid="k1").sign(claims, "logout+jwt"),
        SigningKey.generate("EdDSA", kid="k1").sign(claims, "logout+jwt"),
        house.fake.key.sign(claims, "logout+jwt", {"jwk": house.fake.key.public_jwk()}),
        house.fake.key.sign(claims, "logout+jwt", {"crit": ["x"], "x": 1}),
    ]
    for token in forged:
        assert isinstance(await house.heard(token), str), token
    assert len(await house.alive()) == 1


@played
async def test_a_provider_that_is_away_is_broken_and_spends_nothing(house: House) -> None:
    await house.come("one", "s1")
    token, house.party = house.token(), house.relying("fake")
    house.fake.away = True
    with pytest.raises(Unavailable):
        await house.heard(token)
    house.fake.away = False
    house.now += 6
    assert await house.heard(token) == 1


@played
async def test_a_provider_without_keys_says_nothing(house: House) -> None:
    house.party = house.relying("fake", "github")
    assert await house.heard(house.token()) == "unknown_key"
