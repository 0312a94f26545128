"""The composition root: start, stop, start again; what it refuses to start with."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.house import CHEAP, House, accepted, asking, basic, bearing, house, played, reason
from watchword import Allow, Deny, Principal, Watchword
from watchword.adapters.asgi import request_of
from watchword.codec.secrets import new_root_key
from watchword.codec.x509 import der_of
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.offload import HashingPool
from watchword.policy import PolicyError
from watchword.routes import Rule


def test_a_lasting_store_needs_a_root_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHWORD_ROOT_KEY", raising=False)
    url = f"sqlite:///{tmp_path}/x.db"
    with pytest.raises(ValueError, match="no root key"):
        Watchword(url)
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", new_root_key())
    assert Watchword(url).sealer.key_id
    with pytest.raises(ValueError, match="32 bytes"):
        Watchword(url, root_key="short")


def test_another_root_key_stops_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"

    async def play() -> None:
        first = Watchword(url, root_key=new_root_key(), inline=True)
        await first.start()
        await first.stop()
        second = Watchword(url, root_key=new_root_key(), inline=True)
        with pytest.raises(ValueError, match="root key does not fit"):
            await second.start()
        assert not second.running
        with pytest.raises(Unavailable):  # it was closed again
            await second.store.subject("user:alice")

    asyncio.run(play())


def test_bad_rules_stop_the_construction() -> None:
    for rule, error in (
        (Rule("/x", "api-kye"), PolicyError),
        (Rule("/x", "api-key", networks=("10.0.0.1/8",)), LifecycleError),
        (Rule("/x", "api-key", limit="many"), LifecycleError),
        (Rule("/x", "api-key", scopes=('a"b',)), ValueError),
    ):
        with pytest.raises(error):
            Watchword(rules=[rule])
    with pytest.raises(LifecycleError):
        Watchword(trusted_proxies=["10.0.0.1/8"])


def test_routes_are_found_by_place() -> None:
    watchword = Watchword(rules=[Rule("/a/{id}", "api-key", methods=("GET",), scopes=("x",))])
    route = watchword.route_for("GET", "/a/1")
    assert route is not None
    assert route.scopes == ("x",)
    assert watchword.route_for("POST", "/a/1") is None


def test_it_starts_once_however_many_ask(tmp_path: Path) -> None:
    async def play() -> None:
        before = set(threading.enumerate())  # of other tests, some of them about to end
        watchword = Watchword(f"sqlite:///{tmp_path}/x.db", root_key=new_root_key(), inline=True)
        await asyncio.gather(*(watchword.start() for _ in range(10)))
        keys = await watchword.store.credentials(kind=Kind.SIGNING_KEY)
        authorities = await watchword.store.credentials(kind=Kind.CA)
        assert (len(keys), len(authorities)) == (1, 1)
        flushers = [each for each in set(threading.enumerate()) - before if each.name == "watchword-audit"]
        await watchword.stop()
        await watchword.stop()
        assert len(flushers) == 1
        assert not flushers[0].is_alive()

    asyncio.run(play())


def test_it_can_be_started_again_in_another_loop(tmp_path: Path) -> None:
    """As every test with a client around one application does."""
    watchword = Watchword(f"sqlite:///{tmp_path}/x.db", root_key=new_root_key(), password_cost=CHEAP)
    assert isinstance(watchword.passwords, HashingPool)

    async def first() -> None:
        await watchword.start()
        await watchword.lifecycle.add_subject("user:alice", by="x")
        await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="x", options={"password": "a long password"})
        await watchword.stop()

    async def again() -> None:
        await watchword.start()
        route = watchword.route("basic")
        for _ in range(2):
            decision = await watchword.gate.decide(bearing(basic("alice", "a long password")), route)
            assert isinstance(decision, Allow), decision
        wrong = await watchword.gate.decide(bearing(basic("alice", "another password")), route)
        assert reason(wrong) == "wrong_secret"
        await watchword.stop()

    asyncio.run(first())
    asyncio.run(again())
    asyncio.run(again())


def test_stopping_writes_what_waits(tmp_path: Path) -> None:
    key = new_root_key()

    async def play() -> None:
        async with house(f"sqlite:///{tmp_path}/x.db", root_key=key) as opened:
            for _ in range(5):
                await opened.decide("api-key", asking())
        async with house(f"sqlite:///{tmp_path}/x.db", root_key=key) as opened:
            assert len(await opened.decided()) == 5

    asyncio.run(play())


def test_stopping_closes_the_store_even_when_the_audit_cannot_be_written() -> None:
    async def play() -> None:
        watchword = Watchword(inline=True)
        await watchword.start()
        closed: list[str] = []

        async def fail(*arguments: Any) -> None:
            raise Unavailable("the disk is full")

        async def close() -> None:
            closed.append("closed")

        watchword.store.append = fail  # type: ignore[method-assign]
        watchword.store.close = close  # type: ignore[method-assign]
        await watchword.gate.decide(asking(), watchword.route("api-key"))
        with pytest.raises(Unavailable):
            await watchword.stop()
        assert closed == ["closed"]

    asyncio.run(play())


def test_the_flusher_survives_whatever_the_log_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with house() as opened:
            store = opened.watchword.store
            kept, calls = store.append, []

            async def fail(*arguments: Any) -> None:
                calls.append(1)
                if len(calls) > 2:
                    await kept(*arguments)
                else:
                    raise ValueError("ak_live_SECRET") if len(calls) == 1 else Unavailable("the disk is full")

            store.append = fail  # type: ignore[method-assign]
            await opened.decide("api-key", asking())
            for _ in range(200):
                opened.watchword.audit.hurry()
                await asyncio.sleep(0.005)
                if not len(opened.watchword.audit):
                    break
            assert len(opened.watchword.audit) == 0
            assert len([e for _, e in await store.events(limit=10_000) if e.action == "decide"]) == 1

    with caplog.at_level(logging.ERROR):
        asyncio.run(play())
    assert "SECRET" not in caplog.text
    assert "the disk is full" in caplog.text


def test_our_own_authority_signs_and_is_trusted() -> None:
    async def play() -> None:
        async with house() as opened:
            assert (await opened.watchword.authorities()).count(b"BEGIN CERTIFICATE") == 1

    asyncio.run(play())


def test_a_second_node_hears_of_new_signing_keys(tmp_path: Path) -> None:
    key, url = new_root_key(), f"sqlite:///{tmp_path}/x.db"

    async def play() -> None:
        async with house(url, root_key=key) as one, house(url, root_key=key) as other:
            (old,) = await one.watchword.store.credentials(kind=Kind.SIGNING_KEY)
            rotated = await one.watchword.lifecycle.rotate(old.id, overlap=60, by="x")
            await other.decide("api-key", asking())  # any decision reads the feed
            assert other.watchword.keys.verification_key(rotated.credential.id) is not None
            assert other.watchword.keys.verification_key(old.id) is not None

    asyncio.run(play())


def test_durations_of_lists_and_tuples_alike() -> None:
    watchword = Watchword()
    assert watchword.route("api-key", scopes=["a", "b"]).scopes == ("a", "b")
    with pytest.raises(TypeError):
        watchword.route("api-key", scope=["a"])


@played
async def test_a_user_acts_through_the_application_of_a_key(opened: House) -> None:
    """The second layer of the article: ``jwt via api-key``, both recorded."""
    key, application = await opened.key(scopes=["orders:read", "orders:write"])
    person = Principal("user:alice", "login", "pwd_1", frozenset({"orders:read", "admin"}), ("pwd",), 1)
    if await opened.watchword.store.subject("user:alice") is None:
        await opened.watchword.lifecycle.add_subject("user:alice", by="test")
    family = (await opened.watchword.families.start(person, by="test")).family
    token = opened.watchword.tokens.for_family(family).text.encode()
    both = asking((b"authorization", b"Bearer " + token), (b"x-api-key", key.removeprefix(b"Bearer ")))
    who = accepted(await opened.decide("jwt via api-key", both)).principal
    assert who is not None
    assert (who.subject, who.actor, who.scopes) == ("user:alice", "service:billing", frozenset({"orders:read"}))
    assert who.credential == f"{family.id}+{application.credential.id}"
    assert (
        reason(await opened.decide("jwt via api-key", asking((b"authorization", b"Bearer " + token))))
        == "no_credential"
    )
    assert reason(await opened.decide("jwt via api-key", bearing(key))) == "no_credential"


async def _signed(opened: House) -> bytes:
    """Return the Authorization value of a token that the present signing key has signed."""
    who = Principal("user:alice", "basic", "pwd_1", factors=("pwd",), authenticated_at=int(opened.clock()))
    started = await opened.watchword.families.start(who, by="user:alice")
    return b"Bearer " + opened.watchword.tokens.for_family(started.family).text.encode()


@played
async def test_a_stolen_signing_key_is_dropped_even_when_the_store_fails_while_keys_load(opened: House) -> None:
    watchword, store = opened.watchword, opened.watchword.store
    await watchword.lifecycle.add_subject("user:alice", by="x")
    token, stolen = await _signed(opened), watchword.keys.signing_key().kid
    await watchword.lifecycle.rotate(stolen, overlap=600, by="x")
    accepted(await opened.decide("jwt", bearing(token)))
    await watchword.lifecycle.revoke(stolen, reason="stolen", by="x", leaked=True)

    async def broken(**_: object) -> Any:
        raise Unavailable("gone for a moment")

    whole, store.credentials = store.credentials, broken  # type: ignore[method-assign]
    assert reason(await opened.decide("jwt", bearing(token))) == "broken"
    store.credentials = whole  # type: ignore[method-assign]
    assert reason(await opened.decide("jwt", bearing(token))) == "unknown_key"


@played
async def test_a_node_that_nobody_asked_for_hours_still_drops_a_stolen_signing_key(opened: House) -> None:
    watchword = opened.watchword
    stolen = watchword.keys.signing_key().kid
    await watchword.lifecycle.rotate(stolen, overlap=86_400, by="x")
    await opened.decide("jwt", asking())
    await watchword.lifecycle.revoke(stolen, reason="stolen", by="x", leaked=True)
    opened.clock.now += 2 * 3600
    await opened.issue(subject="service:zed")
    await watchword.lifecycle.set_enabled("service:zed", False, by="x")  # the feed forgets what has ended
    await opened.decide("jwt", asking())
    assert watchword.keys.verification_key(stolen) is None


@played
async def test_certificates_follow_the_authority_that_is_rotated_and_revoked(opened: House) -> None:
    lifecycle = opened.watchword.lifecycle

    async def certified() -> Any:
        material = (await opened.issue(Kind.CLIENT_CERT)).material
        return asking(certificate=der_of(material["certificate"].encode()))

    (authority,) = await lifecycle.page(kind=Kind.CA)
    old = await certified()
    accepted(await opened.decide("mtls", old))
    opened.clock.now += 1
    successor = await lifecycle.rotate(authority.id, overlap=600, by="x")
    new = await certified()
    for request in (old, new):
        accepted(await opened.decide("mtls", request))
    await lifecycle.revoke(authority.id, reason="stolen", by="x", leaked=True)
    assert reason(await opened.decide("mtls", old)) == "untrusted_certificate"
    accepted(await opened.decide("mtls", new))
    await lifecycle.revoke(successor.credential.id, reason="stolen", by="x")
    assert reason(await opened.decide("mtls", new)) == "untrusted_certificate"


def test_a_forwarded_field_of_ones_own_is_no_way_around_the_limit_of_failures() -> None:
    async def play() -> None:
        async with house(trusted_proxies=["10.0.0.0/8"], address_limit="5/min") as opened:

            async def guess(*own: tuple[bytes, bytes]) -> str:
                fields = [(b"x-forwarded-for", b"203.0.113.5"), (b"authorization", b"Bearer ak_live_guess"), *own]
                scope = {"type": "http", "path": "/", "client": ("10.0.0.1", 1), "scheme": "http", "headers": fields}
                return reason(await opened.decide("api-key", request_of(scope, opened.watchword.proxies)))

            for own in ((), ((b"forwarded", b"for=198.51.100.7"),)):
                answers = [await guess(*own) for _ in range(8)]
                assert answers == ["malformed_credential"] * 5 + ["address_limited"] * 3

    asyncio.run(play())


@pytest.mark.parametrize("limit", ["5/min", None])
def test_an_account_is_not_guessed_at_by_basic_from_everywhere(limit: str | None) -> None:
    async def play() -> None:
        async with house(account_limit=limit) as opened:
            await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "correct horse battery"})
            spellings = ("alice", "Alice", "ALICE", "\uff41lice")
            answers = [
                reason(
                    await opened.decide(
                        "basic", bearing(basic(spellings[n % 4], f"guess {n}"), address=f"2001:db8:{n:x}::1")
                    )
                )
                for n in range(20)
            ]
            assert answers.count("wrong_secret") == (5 if limit else 20)

    asyncio.run(play())


@played
async def test_a_new_signing_key_is_known_everywhere_before_it_signs(opened: House) -> None:
    watchword, clock = opened.watchword, opened.clock
    clock.now += 60
    for overlap, waits in (
        (86_400, True),
        (60, False),
        (0, False),
    ):  # a short overlap says that the old one is in doubt
        old = watchword.keys.signing_key().kid
        new = (await watchword.lifecycle.rotate(old, overlap=overlap, by="x")).credential.id
        await opened.decide("jwt", asking())
        assert watchword.keys.verification_key(new) is not None
        assert watchword.keys.signing_key().kid == (old if waits else new)
        clock.now += 5
        assert watchword.keys.signing_key().kid == new
        clock.now += 60
    newest = watchword.keys.signing_key().kid
    await watchword.lifecycle.rotate(newest, overlap=86_400, by="x")
    await watchword.lifecycle.revoke(newest, reason="stolen", by="x", leaked=True)
    await opened.decide("jwt", asking())
    assert watchword.keys.signing_key().kid != newest


@pytest.mark.parametrize("stale", ["refuse", "accept"])
def test_a_verifier_whose_feed_is_stale_does_what_the_setting_says(stale: Any) -> None:
    async def play() -> None:
        async with house(feed_bound=10.0, stale_feed=stale) as opened:
            watchword = opened.watchword
            await watchword.lifecycle.add_subject("user:alice", by="x")
            who = Principal("user:alice", "session", "ses_1", frozenset(), ("pwd",), 1000)
            family = (await watchword.families.start(who, by="x")).family
            token = bearing(b"Bearer " + watchword.tokens.for_family(family).text.encode())
            assert isinstance(await opened.decide("jwt", token), Allow)

            def silent(after: int) -> Any:
                raise Unavailable("down")

            entries = watchword.store.entries
            watchword.store.entries = silent  # type: ignore[method-assign]
            opened.clock.now += 10
            assert isinstance(await opened.decide("jwt", token), Allow)  # within the bound
            opened.clock.now += 1
            expected = {"refuse": "broken", "accept": ""}[stale]
            for _ in range(2):
                outcome = await opened.decide("jwt", token)
                assert (reason(outcome) if isinstance(outcome, Deny) else "") == expected
            watchword.store.entries = entries  # type: ignore[method-assign]
            await watchword.lifecycle.revoke(family.id, reason="x", by="x")
            opened.clock.now += 1
            assert reason(await opened.decide("jwt", token)) == "revoked"  # heard as soon as the feed is back

    asyncio.run(play())
