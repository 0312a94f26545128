"""Tracing: whoever has a whole secret learns whose it is, and nobody learns anything from a part."""

from __future__ import annotations

import asyncio

from tests.house import House, house, played
from tests.lifecycle.operations.leaks.holdings import ALICE, holdings
from watchword.codec.secrets import digest, new_id, new_root_key, new_secret
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add


@played
async def test_every_kind_of_secret_leads_to_its_owner(opened: House) -> None:
    held = await holdings(opened)
    traced = await opened.watchword.operations.leaks.trace([text for text, _ in held.values()])
    for (name, (_, id)), found in zip(held.items(), traced, strict=True):
        assert found is not None, name
        assert found.credential is not None, name
        assert (found.credential.id, found.subject, bool(found.jti)) == (id, ALICE, name in ("jwt", "opaque")), name


@played
async def test_an_id_leads_there_too(opened: House) -> None:
    leaks = opened.watchword.operations.leaks
    for _, id in (await holdings(opened)).values():
        found = await leaks.find(f"  {id}\n")
        assert found is not None
        assert found.id == id


@played
async def test_nothing_but_the_whole_leads_anywhere(opened: House) -> None:
    leaks = opened.watchword.operations.leaks
    for name, (text, _) in (await holdings(opened)).items():
        if name == "refresh":  # its proof is in every token of the family, and is enough
            family, proof, *_ = text.split(".")
            parts = [family, f"{family}.{proof[:-1]}", f"{family}.{proof[::-1]}.0.x"]
        else:
            parts = [text[: len(text) * 3 // 4], text.swapcase()]
        assert await leaks.trace(parts) == [None] * len(parts), name
    wrong = [
        "",
        " ",
        "x" * 100_000,
        "\x00",
        "\ud800",
        new_secret("ak_live_"),
        new_secret("cs_live_"),
        new_secret("rat_"),
    ]
    wrong += [
        new_secret("at_"),
        "eyJhbGciOiJub25lIn0.e30.",
        "rt_a.b.c.d",
        "-----BEGIN CERTIFICATE-----",
        new_root_key(),
    ]
    wrong += ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "user:alice", "alice:password"]
    assert await leaks.trace(wrong) == [None] * len(wrong)


@played
async def test_the_servers_own_keys_are_known(opened: House) -> None:
    house = opened.watchword
    (ca,) = await house.store.credentials(kind=Kind.CA)
    key = house.sealer.open(ca.secret, f"credential:{ca.id}").decode()
    assert await house.operations.leaks.find(key) == ca


@played
async def test_the_root_key_in_use_is_known(opened: House) -> None:
    import base64

    own = base64.urlsafe_b64encode(opened.watchword.sealer.seed).decode().rstrip("=")
    (found,) = await opened.watchword.operations.leaks.trace([own])
    assert found is not None
    assert found.root_key


@played
async def test_a_registration_token_leads_to_its_client(opened: House) -> None:
    token = new_secret("rat_")
    issued = await opened.issue(Kind.OAUTH_CLIENT, options={"registration_token": digest(token).hex()})
    found = await opened.watchword.operations.leaks.find(token)
    assert found is not None
    assert found.id == issued.credential.id


def test_a_store_that_answers_many_at_once_says_the_same(postgres_url: str) -> None:
    """Also of what is kept by the digest of a public name, which proves nothing: who lists addresses revokes nobody."""

    async def run() -> None:
        async with house(postgres_url, root_key=new_root_key()) as opened:
            held = await holdings(opened)
            texts = [text for text, _ in held.values()]
            more = [(await opened.issue()).material["secret"] for _ in range(4)]
            name = "alice@example.com"
            record = Credential(new_id("pwd_"), Kind.PASSWORD, ALICE, 0, lookup=digest(name))
            assert await opened.watchword.store.write(Add(record))
            assert (await opened.watchword.operations.leaks.trace([*more, *more, name]))[-1] is None
            leaks = opened.watchword.operations.leaks
            together = await leaks.trace([*texts, *more, "nobody's", texts[0]])
            assert together == [(await leaks.trace([text]))[0] for text in [*texts, *more, "nobody's", texts[0]]]
            assert sum(each is None for each in together) == 1
            reports = await leaks.report_all([*texts, *more], by="x")
            assert all(each is not None for each in reports)

    asyncio.run(run())
