"""Who asks for a logout, and where the answer may go: RP-Initiated Logout 1.0 sections 2 and 3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.hostile import URIS
from tests.house import House, played
from watchword import Principal
from watchword.lifecycle.oauth.openid.leaving import Leaving, leaving_of, meant
from watchword.model.credential import Credential, Kind

PLACE = "https://app.example/cb"


async def app(opened: House, **options: Any) -> Credential:
    given = {"post_logout_redirect_uris": [PLACE], **options}
    return (await opened.issue(Kind.OAUTH_CLIENT, "service:app", options=given)).credential


async def session(opened: House) -> Credential:
    return (await opened.issue(Kind.SESSION, "user:alice", options={"idle": 900})).credential


async def hint(opened: House, client: Credential, session: str) -> str:
    who = Principal("user:alice", "session", session, frozenset({"openid"}), ("pwd",), 1)
    more = {"client": client.detail["client_id"], "session": session}
    family = (await opened.watchword.families.start(who, by="x", more=more)).family
    return await opened.watchword.tokens.openid.issue(family, client, "x", 300)


async def judged(opened: House, **fields: str) -> Leaving | str:
    return await leaving_of(fields, opened.watchword.oauth.clients, opened.watchword.tokens.openid)


@played
async def test_who_and_where(opened: House) -> None:
    client = await app(opened)
    assert await judged(opened) == Leaving()
    assert await judged(opened, client_id="", state="") == Leaving()
    assert await judged(opened, client_id=client.id) == Leaving(client)
    found = await judged(opened, client_id=client.id, post_logout_redirect_uri=PLACE, state="s")
    assert found == Leaving(client, PLACE, "s")
    text = await hint(opened, client, "ses_1")
    found = await judged(opened, id_token_hint=text, post_logout_redirect_uri=PLACE)
    assert isinstance(found, Leaving)
    assert (found.client, found.place) == (client, PLACE)


@played
async def test_what_is_not_certain_is_refused(opened: House) -> None:
    client, other = await app(opened), await app(opened, post_logout_redirect_uris=["https://other.example/"])
    text = await hint(opened, client, "ses_1")
    assert await judged(opened, client_id="cli_none") == "invalid_client"
    assert await judged(opened, id_token_hint="x") == "invalid_request"
    assert await judged(opened, id_token_hint=text, client_id=other.id) == "invalid_request"
    assert await judged(opened, post_logout_redirect_uri=PLACE) == "invalid_redirect_uri"
    assert await judged(opened, client_id=other.id, post_logout_redirect_uri=PLACE) == "invalid_redirect_uri"
    for state in ("x" * 513, "é", "a\nb"):
        assert await judged(opened, client_id=client.id, state=state) == "invalid_request"
    await opened.watchword.lifecycle.revoke(client.id, reason="gone", by="x")
    assert await judged(opened, id_token_hint=text) == "invalid_client"


@played
async def test_must_3_no_hostile_place_is_registered(opened: House) -> None:
    client = await app(opened)
    for uri in filter(None, URIS):
        assert await judged(opened, client_id=client.id, post_logout_redirect_uri=uri) == "invalid_redirect_uri", uri


@played
async def test_only_an_id_token_of_this_session_means_it(opened: House) -> None:
    client, pairwise = await app(opened), await app(opened, subject_type="pairwise")
    mine, other = await session(opened), await session(opened)
    openid = opened.watchword.tokens.openid
    for each in (client, pairwise):
        found = await judged(opened, id_token_hint=await hint(opened, each, mine.id))
        assert isinstance(found, Leaving)
        assert meant(found, mine, openid)
        assert not meant(found, other, openid)
        assert not meant(found, replace(mine, subject="user:bob"), openid)
    assert not meant(Leaving(client), mine, openid)
    found = await judged(opened, id_token_hint=await hint(opened, client, ""))
    assert isinstance(found, Leaving)
    assert not meant(found, mine, openid)
