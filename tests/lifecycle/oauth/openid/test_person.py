"""What applications are told about a person: no more than was asked for, nothing that the account has not."""

from __future__ import annotations

from tests.house import House, played


async def alice(opened: House) -> None:
    watchword = opened.watchword
    await watchword.lifecycle.add_subject("user:alice", by="x")
    assert not isinstance(await watchword.accounts.set_profile("user:alice", display="Alice A.", locale="de"), tuple)


@played
async def test_core_5_4_what_scopes_cover(opened: House) -> None:
    await alice(opened)
    person, now = opened.watchword.tokens.openid.person, int(opened.clock.now)
    profile = {"name": "Alice A.", "preferred_username": "alice", "locale": "de", "updated_at": now}
    assert await person.told("user:alice", {"openid"}) == {}
    assert await person.told("user:alice", {"openid", "profile"}) == profile
    assert await person.told("user:alice", {"email"}) == {}
    await opened.watchword.accounts.add_address("user:alice", "alice@example.com", by="x")
    email = {"email": "alice@example.com", "email_verified": True}
    assert await person.told("user:alice", {"email"}) == email
    assert await person.told("user:alice", {"profile", "email"}) == {**profile, **email}


@played
async def test_core_5_5_what_is_named(opened: House) -> None:
    await alice(opened)
    person = opened.watchword.tokens.openid.person
    assert await person.told("user:alice", (), {"locale", "email", "unheard_of"}) == {"locale": "de"}
    assert await person.told("user:alice", {"profile"}, {"email"}) == await person.told("user:alice", {"profile"})


@played
async def test_who_has_told_nothing_has_a_name_all_the_same(opened: House) -> None:
    await opened.watchword.lifecycle.add_subject("user:bob", by="x")
    person = opened.watchword.tokens.openid.person
    assert await person.told("user:bob", {"profile", "email"}) == {"preferred_username": "bob"}
