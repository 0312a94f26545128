"""What is judged of a token that is shown; the grants' own tests show what each verdict leads to."""

from __future__ import annotations

import pytest

from tests.house import House, played, reason
from tests.lifecycle.oauth.grants.stage import Stage, members
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_secret
from watchword.keyring import Issuer
from watchword.lifecycle.oauth.presented import PresentedTokens, Shown
from watchword.lifecycle.oauth.rules import TrustedIssuer
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable

KEY = SigningKey.generate()


class Away:
    """Be an issuer whose keys cannot be had."""

    async def __call__(self, url: str, **rest: object) -> object:
        raise Unavailable(url)


@played
async def test_an_access_token_of_ours_says_of_whom_it_is_and_how_far_it_goes(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a", "b"])).credential
    token = await opened.watchword.tokens.for_client(client, Terms(frozenset({"a"})))
    shown = await opened.watchword.oauth.presented.access(token.text)
    assert isinstance(shown, Shown)
    assert (shown.subject, shown.scopes, shown.client_id, shown.source) == (
        client.subject,
        frozenset({"a"}),
        client.id,
        client.id,
    )
    assert shown.audience == (opened.watchword.audience,)
    assert shown.ends_at == opened.clock() + 600
    assert token.text not in repr(shown)


@played
async def test_cve_2026_27840_no_part_of_an_opaque_token_proves_anything(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"], options={"token_format": "opaque"})).credential
    text = (await opened.watchword.tokens.for_client(client, Terms(frozenset({"a"})))).text
    presented = opened.watchword.oauth.presented
    assert isinstance(await presented.access(text), Shown)
    for end in range(len(text)):
        assert reason(await presented.access(text[:end])) == "inactive_token"
    assert reason(await presented.access(new_secret("at_"))) == "inactive_token"


@played
async def test_an_outage_of_an_issuer_is_broken_and_not_refused(opened: House) -> None:
    house = opened.watchword
    issuer = Issuer("https://a.example", "us", jwks_uri="https://a.example/keys", fetch=Away())  # type: ignore[arg-type]
    presented = PresentedTokens(
        house.keys,
        house.store,
        house.store,
        house.oauth.inspection,
        house.families,
        house.oauth.clients,
        (TrustedIssuer(issuer, frozenset({"exchange"})),),
        house.tokens.openid.subjects,
        issuer=house.issuer,
    )
    token = KEY.sign({"iss": "https://a.example", "sub": "alice", "aud": "us", "exp": 2**32})
    with pytest.raises(Unavailable):
        await presented.exchanged(token)


@played
async def test_nonsense_is_refused_whatever_it_is_shown_as(opened: House) -> None:
    client = (await opened.issue(Kind.OAUTH_CLIENT)).credential
    presented = opened.watchword.oauth.presented
    for text in (
        "",
        ".",
        "..",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "\ud800",
        "x" * 20_000,
        "at_",
        "rt_",
        "rt_a.b.0.c",
    ):
        for verdict in (
            await presented.access(text),
            await presented.id_token(text, client),
            await presented.refresh(text, client),
            await presented.exchanged(text),
            await presented.assertion(text, client),
        ):
            assert not isinstance(verdict, Shown), text
        assert presented.outside(text) is False


@played
async def test_what_another_login_of_the_same_second_was_given_stands_in_for_nothing(opened: House) -> None:
    """Who logs out of one browser is still logged in with another: the id_token of the first one is worth nothing."""
    stage = await Stage.of(opened)
    given = members(await stage.redeemed(await stage.code("openid", "a")))
    session = await opened.issue(Kind.SESSION, "user:alice", scopes=["a"])
    other = Stage(opened, stage.client, stage.who._replace(credential=session.credential.id))
    beside = members(await other.redeemed(await other.code("openid", "a")))
    presented, house = opened.watchword.oauth.presented, opened.watchword
    assert isinstance(await presented.id_token(given["id_token"], stage.client), Shown)
    family = await house.families.holder(given["refresh_token"])
    assert family is not None
    await house.lifecycle.revoke(family.id, reason="given back", by="test")
    assert reason(await presented.id_token(given["id_token"], stage.client)) == "revoked"
    assert isinstance(await presented.id_token(beside["id_token"], stage.client), Shown)
