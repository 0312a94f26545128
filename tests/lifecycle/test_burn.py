"""What travelled in a URL is taken back, if it is whole and ours."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, asking, bearing, played, reason
from watchword import Allow, Principal
from watchword.model.credential import Kind

WHO = Principal("user:alice", "session", "ses_1", frozenset(), ("pwd",), 1000)


async def alice(opened: House) -> Any:
    await opened.watchword.lifecycle.add_subject("user:alice", by="x")
    return await opened.watchword.families.start(WHO, by="x")


async def send(opened: House, query: bytes) -> None:
    assert reason(await opened.decide("public", asking(query=query))) == "credential_in_url"


@pytest.mark.parametrize("place", [b"token=%s", b"api_key=%s", b"x=1&access_token=%s&y=2", b"%s"])
def test_an_api_key_is_revoked_as_leaked(place: bytes) -> None:
    @played
    async def test(opened: House) -> None:
        bearer, issued = await opened.key()
        await send(opened, place % issued.material["secret"].encode())
        record = await opened.watchword.lifecycle.show(issued.credential.id)
        assert (record.leaked, record.revoke_reason) == (True, "it was sent in a URL")
        assert reason(await opened.decide("api-key", bearing(bearer))) == "revoked"

    test()


@played
async def test_a_refresh_token_ends_its_family_though_it_was_used_up(opened: House) -> None:
    start = await alice(opened)
    current = await opened.watchword.families.redeem(start.token)
    await send(opened, b"refresh_token=" + start.token.encode())
    assert reason(await opened.watchword.families.redeem(current.token)) == "revoked"  # type: ignore[union-attr]


@played
async def test_an_access_token_is_voided_and_its_family_lives(opened: House) -> None:
    start = await alice(opened)
    text, other = (opened.watchword.tokens.for_family(start.family).text.encode() for _ in range(2))
    assert isinstance(await opened.decide("jwt", bearing(b"Bearer " + text)), Allow)
    await send(opened, b"access_token=" + text)
    assert reason(await opened.decide("jwt", bearing(b"Bearer " + text))) == "revoked"
    assert isinstance(await opened.decide("jwt", bearing(b"Bearer " + other)), Allow)


@played
async def test_a_forged_token_burns_nothing(opened: House) -> None:
    start = await alice(opened)
    text = opened.watchword.tokens.for_family(start.family).text.encode()
    head, body, signature = text.split(b".")
    for forged in (b".".join((head, body, signature[::-1])), b".".join((head, body, b"")), head + b".e30.AA"):
        await send(opened, b"access_token=" + forged)
    assert isinstance(await opened.decide("jwt", bearing(b"Bearer " + text)), Allow)


@played
async def test_who_names_a_credential_cannot_burn_it(opened: House) -> None:
    bearer, issued = await opened.key()
    start = await alice(opened)
    family = start.token.split(".")[0]
    for query in (issued.credential.id, start.family.id, f"{family}.x.0.y", issued.material["secret"][:-1]):
        await opened.decide("public", asking(query=b"api_key=" + query.encode()))
    assert isinstance(await opened.decide("api-key", bearing(bearer)), Allow)
    assert (await opened.watchword.lifecycle.show(start.family.id)).revoked_at is None


@played
async def test_a_signing_secret_is_found_though_requests_never_hold_it(opened: House) -> None:
    signer = await opened.issue(Kind.HMAC)
    await send(opened, b"secret=" + signer.material["secret"].encode())
    assert (await opened.watchword.lifecycle.show(signer.credential.id)).leaked


@played
async def test_what_is_revoked_already_stays_as_it_was(opened: House) -> None:
    _, issued = await opened.key()
    before = await opened.watchword.lifecycle.revoke(issued.credential.id, reason="lost", by="user:a")
    await send(opened, b"k=" + issued.material["secret"].encode())
    assert await opened.watchword.lifecycle.show(issued.credential.id) == before


def test_burning_can_be_left_to_others() -> None:
    import asyncio

    from tests.house import house

    async def run() -> None:
        async with house(burn=False) as opened:
            bearer, issued = await opened.key()
            await send(opened, b"k=" + issued.material["secret"].encode())
            assert isinstance(await opened.decide("api-key", bearing(bearer)), Allow)

    asyncio.run(run())


@played
async def test_an_id_token_in_a_url_breaks_nothing(opened: House) -> None:
    """What we sign without a jti was looked up by its jti: the answer was 503."""
    await opened.watchword.lifecycle.add_subject("user:alice", by="x")
    app = (await opened.issue(Kind.OAUTH_CLIENT)).credential
    started = await opened.watchword.families.start(WHO, by="x", more={"client": app.id})
    tokens = opened.watchword.tokens
    text = await tokens.id_token(started.family, app, tokens.for_family(started.family))
    await send(opened, b"token=" + text.encode())
    assert not [event for event in await opened.events() if event.action == "revoke"]
