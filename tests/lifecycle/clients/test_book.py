"""Clients: added, changed by compare-and-swap, disabled and enabled, their secrets replaced with both valid."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import House, asking, played
from watchword.lifecycle.clients.book import Bounds, Client, ClientBook, ClientChanged, ClientUnknown
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import client_lookup
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Topic
from watchword.model.verdict import Rate

CALLBACK = "https://app.example/cb"
SUBJECT = "service:orders"


def book_of(opened: House) -> ClientBook:
    house = opened.watchword
    return ClientBook(house.store, house.lifecycle, told=house.watch.hurry, clock=opened.clock)


async def added(opened: House, fields: dict[str, Any] | None = None, **bounds: Any) -> tuple[ClientBook, str, str]:
    book = book_of(opened)
    issued = await book.add(SUBJECT, fields or {}, Bounds(**bounds), by="user:admin")
    return book, issued.material["client_id"], issued.material.get("client_secret", "")


async def proves(opened: House, client_id: str, secret: str) -> str:
    """Return why id and secret prove nothing, "" when they do."""
    record = await opened.watchword.store.credential_by(client_lookup(client_id, secret))
    if record is None:
        return "unknown"
    refusal = record.refusal(opened.clock())
    return "" if refusal is None else refusal.code


@played
async def test_a_client_is_a_service_that_is_added_with_it(opened: House) -> None:
    book, id, secret = await added(opened, {"client_name": "Orders"}, scopes=["orders:read"], networks=["10.0.0.0/8"])
    assert await opened.watchword.store.subject(SUBJECT) is not None
    value = (await book.find(id)).value(opened.clock())
    assert (value["client_id"], value["subject"], value["state"], value["client_name"]) == (
        id,
        SUBJECT,
        "active",
        "Orders",
    )
    assert (value["scopes"], value["networks"], value["grants"]) == (
        ["orders:read"],
        ["10.0.0.0/8"],
        ["client_credentials"],
    )
    assert secret not in str(value)
    assert await proves(opened, id, secret) == ""


@played
async def test_people_are_no_clients(opened: House) -> None:
    with pytest.raises(FieldError, match="no service"):
        await book_of(opened).add("user:alice", {}, by="user:admin")
    for name in ("service:watchword", "service:registered"):
        with pytest.raises(FieldError, match="this server's own"):
            await book_of(opened).add(name, {}, by="user:admin")


@played
async def test_what_describes_itself_is_not_described_here(opened: House) -> None:
    url = "https://agent.example/client.json"
    detail = {"client_id": url, "source": "document", "grants": ["authorization_code"], "redirect_uris": [CALLBACK]}
    await opened.watchword.lifecycle.add_subject("service:registered", by="test")
    record = Credential(url, Kind.OAUTH_CLIENT, "service:registered", 1, detail={**detail, "public": True})
    assert await opened.watchword.store.write(Add(record))
    with pytest.raises(LifecycleError, match="says itself what it is"):
        await book_of(opened).change(url, {"client_name": "Mine"}, by="user:admin")
    assert [each.id for each in (await book_of(opened).page())[0]] == [url]


@played
async def test_nothing_is_written_for_a_client_that_cannot_be(opened: House) -> None:
    with pytest.raises(FieldError):
        await book_of(opened).add(SUBJECT, {"grants": ["password"]}, by="user:admin")
    with pytest.raises(LifecycleError):
        await book_of(opened).add(SUBJECT, {}, Bounds(scopes=['bad"scope']), by="user:admin")
    assert await opened.watchword.store.subject(SUBJECT) is None


@played
async def test_a_client_that_proves_itself_by_keys_gets_no_secret(opened: House) -> None:
    from watchword.codec.jose import SigningKey

    keys = {"keys": [SigningKey.generate().public_jwk()]}
    book, id, secret = await added(opened, {"auth_method": "private_key_jwt", "jwks": keys})
    assert secret == ""
    with pytest.raises(LifecycleError, match="no secret"):
        await book.rotate(id, overlap=60, by="user:admin")


@played
async def test_a_change_is_one_swap_that_is_audited_and_heard(opened: House) -> None:
    book, id, _ = await added(opened)
    before = await book.find(id)
    after = await book.change(id, {"client_name": "New"}, Bounds(scopes=["a"]), by="user:admin", version=before.version)
    assert after.version != before.version
    assert (await book.find(id)).value(0)["client_name"] == "New"
    entries = opened.watchword.store.entries(0)
    heard = await entries if not isinstance(entries, list) else entries
    assert (Topic.CHANGED, id) in [(entry.topic, entry.key) for entry in heard]
    event = (await opened.events())[-1]
    assert (event.action, event.credential, event.actor, event.detail) == (
        "change",
        id,
        "user:admin",
        "client_name, scopes",
    )


@played
async def test_of_a_hundred_changes_of_one_version_one_is_made(opened: House) -> None:
    book, id, _ = await added(opened)
    version = (await book.find(id)).version

    async def change(number: int) -> bool:
        try:
            await book.change(id, {"client_name": f"n{number}"}, by="user:admin", version=version)
        except ClientChanged:
            return False
        return True

    won = await asyncio.gather(*(change(number) for number in range(100)))
    assert sum(won) == 1


@played
async def test_both_secrets_are_valid_until_the_overlap_ends(opened: House) -> None:
    book, id, first = await added(opened, {"client_name": "Orders", "token_format": "opaque"}, scopes=["a"])
    issued = await book.rotate(id, overlap=60, by="user:admin")
    second = issued.material["client_secret"]
    assert issued.material["client_id"] == id
    assert [await proves(opened, id, each) for each in (first, second)] == ["", ""]
    assert issued.credential.detail["token_format"] == "opaque", "the successor is the same client"
    assert len((await book.find(id)).value(opened.clock())["secrets"]) == 2
    opened.clock.now += 61
    assert await proves(opened, id, first) == "retired"
    assert await proves(opened, id, second) == ""


@played
async def test_a_change_holds_for_whichever_secret_is_shown(opened: House) -> None:
    book, id, first = await added(opened, {}, scopes=["a", "b"])
    second = (await book.rotate(id, overlap=60, by="user:admin")).material["client_secret"]
    await book.change(id, {"client_name": "New"}, Bounds(scopes=["a"]), by="user:admin")
    for secret in (first, second):
        record = await opened.watchword.store.credential_by(client_lookup(id, secret))
        assert record is not None
        assert (record.scopes, record.detail["client_name"], record.detail["client_id"]) == (
            frozenset({"a"}),
            "New",
            id,
        )


@played
async def test_a_secret_proves_nothing_once_keys_do(opened: House) -> None:
    book, id, secret = await added(opened)
    await book.change(id, {"auth_method": "private_key_jwt", "jwks_uri": "https://app.example/jwks"}, by="user:admin")
    assert await proves(opened, id, secret) == "unknown"


@played
async def test_disabling_ends_proof_and_tokens_and_enabling_brings_back_the_proof(opened: House) -> None:
    from watchword.lifecycle.tokens import Terms

    book, id, secret = await added(opened, {}, scopes=["a"])
    house = opened.watchword

    async def token() -> bytes:
        record = (await book.find(id)).newest
        return (await house.tokens.for_client(record, Terms(frozenset({"a"})))).text.encode()

    async def status(text: bytes) -> int:
        from tests.house import bearing, statuses

        return statuses([await opened.decide("oauth2", bearing(b"Bearer " + text))])[0]

    before = await token()
    assert await status(before) == 200
    disabled = await book.set_enabled(id, False, by="user:admin")
    assert disabled.state(opened.clock()) == "disabled"
    assert await proves(opened, id, secret) == "not_yet_valid"
    assert await status(before) == 401
    opened.clock.now += 30
    assert await status(await token()) == 401, "one that was being signed meanwhile"
    await house.lifecycle.revoke_client_tokens(id, reason="test", by="user:admin")
    assert await status(await token()) == 401, "taking tokens back does not give any"
    with pytest.raises(LifecycleError, match="disabled"):
        await book.rotate(id, overlap=60, by="user:admin")
    enabled = await book.set_enabled(id, True, by="user:admin")
    assert enabled.state(opened.clock()) == "active"
    assert await proves(opened, id, secret) == ""
    assert await status(before) == 401
    opened.clock.now += 1
    assert await status(await token()) == 200
    actions = [event.action for event in await opened.events() if event.credential == id and event.action != "decide"]
    assert actions[-3:] == ["disable", "revoke", "enable"]


@played
async def test_disabling_is_of_every_secret(opened: House) -> None:
    book, id, first = await added(opened)
    second = (await book.rotate(id, overlap=60, by="user:admin")).material["client_secret"]
    await book.set_enabled(id, False, by="user:admin")
    assert [await proves(opened, id, each) for each in (first, second)] == ["not_yet_valid"] * 2
    await book.set_enabled(id, False, by="user:admin")
    await book.set_enabled(id, True, by="user:admin")
    assert [await proves(opened, id, each) for each in (first, second)] == ["", ""]
    opened.clock.now += 61
    assert await proves(opened, id, first) == "retired", "enabling does not stretch an overlap"


@played
async def test_who_reads_the_feed_years_later_hears_of_the_enabling_too(opened: House) -> None:
    book, id, _ = await added(opened)
    await book.set_enabled(id, False, by="user:admin")
    await book.set_enabled(id, True, by="user:admin")
    opened.clock.now += 4 * 365 * 86_400
    entries = opened.watchword.store.entries(0)
    heard = await entries if not isinstance(entries, list) else entries
    assert len([entry for entry in heard if entry.key == f"client:{id}"]) == 2


@played
async def test_enabling_a_client_of_a_disabled_service_revives_no_token(opened: House) -> None:
    from watchword.lifecycle.tokens import Terms

    book, id, _ = await added(opened)
    await book.set_enabled(id, False, by="user:admin")
    await opened.watchword.lifecycle.set_enabled(SUBJECT, False, by="user:admin")
    await book.set_enabled(id, True, by="user:admin")
    opened.clock.now += 5
    token = (await opened.watchword.tokens.for_client((await book.find(id)).newest, Terms(frozenset()))).text
    await opened.watchword.gate.decide(asking(), opened.watchword.route("api-key"))
    assert await opened.watchword.oauth.inspection.active(token) is None


@played
async def test_a_disabled_client_may_be_changed(opened: House) -> None:
    book, id, _ = await added(opened)
    await book.set_enabled(id, False, by="user:admin")
    after = await book.change(id, {"client_name": "New"}, by="user:admin")
    assert (after.disabled, after.newest.detail["client_name"]) == (True, "New")


@played
async def test_removing_is_for_good(opened: House) -> None:
    book, id, first = await added(opened)
    second = (await book.rotate(id, overlap=60, by="user:admin")).material["client_secret"]
    removed = await book.remove(id, reason="gone", by="user:admin")
    assert removed.state(opened.clock()) == "revoked"
    assert [await proves(opened, id, each) for each in (first, second)] == ["revoked", "revoked"]
    await book.remove(id, reason="gone", by="user:admin")
    with pytest.raises(LifecycleError, match="revoked"):
        await book.set_enabled(id, True, by="user:admin")
    with pytest.raises(LifecycleError, match="revoked"):
        await book.change(id, {}, by="user:admin")


@played
async def test_pages_are_in_order_and_name_each_client_once(opened: House) -> None:
    book = book_of(opened)
    ids = [(await book.add(SUBJECT, {}, by="user:admin")).credential.id for _ in range(7)]
    await book.rotate(ids[0], overlap=60, by="user:admin")
    await book.rotate(ids[3], overlap=60, by="user:admin")
    seen: list[Client] = []
    after = ""
    while True:
        page, after = await book.page(after=after, limit=3)
        seen += page
        if not after:
            break
    assert [each.id for each in seen] == sorted(ids)


@played
async def test_the_id_of_a_secret_or_of_another_kind_is_no_client(opened: House) -> None:
    book, id, _ = await added(opened)
    other = (await book.rotate(id, overlap=60, by="user:admin")).credential.id
    key = (await opened.issue(Kind.API_KEY)).credential.id
    for text in (other, key, "cli_nobody", ""):
        with pytest.raises(ClientUnknown):
            await book.find(text)


@played
async def test_bounds_can_be_taken_away(opened: House) -> None:
    book, id, _ = await added(opened, {}, limit=Rate(1, 60), expires_at=int(opened.clock()) + 60)
    after = await book.change(id, {}, Bounds(no_limit=True, no_end=True), by="user:admin")
    assert (after.newest.limit, after.newest.expires_at) == (None, None)
