"""One DPoP proof and one client assertion, each used a hundred times at once over two workers: one winner each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, lines
from tests.postgres import PostgresServer
from tests.proving import assertion, dpop
from watchword.codec.jose import SigningKey
from watchword.model.credential import Kind

USES = 100
FORM = [("content-type", "application/x-www-form-urlencoded")]
KEY = SigningKey.generate("ES256")

Sending = tuple[str, list[tuple[str, str]], str, bytes]


async def _client(house: House) -> str:
    async with house.operator() as watchword:
        if await watchword.store.subject("service:billing") is None:
            await watchword.lifecycle.add_subject("service:billing", by="test")
        options = {"auth_method": "private_key_jwt", "jwks": {"keys": [KEY.public_jwk()]}}
        issued = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:billing", by="test", options=options)
        return issued.credential.id


async def _race(opened: list[Line], sendings: list[Sending]) -> Counter[int]:
    """Send each by a connection of its own, all at once."""
    answers = await asyncio.gather(*(line.send(*sent) for line, sent in zip(opened, sendings, strict=True)))
    return Counter(status for status, _, _ in answers)


def _asking(client: str, issuer: str, signed: dict[str, str] | None = None, proof: str = "") -> Sending:
    form = {"grant_type": "client_credentials", **(signed or assertion(KEY, client, issuer))}
    fields = [*FORM, *([("dpop", proof)] if proof else [])]
    return "/oauth/token", fields, "POST", urlencode(form).encode()


async def _rounds(house: House, count: int) -> None:
    client, issuer = await _client(house), f"http://127.0.0.1:{house.port}"
    with lines(USES, house.port) as opened:
        for _ in range(count):
            signed = assertion(KEY, client, issuer)
            counts = await _race(opened, [_asking(client, issuer, signed)] * USES)
            assert counts == {200: 1, 401: USES - 1}, "assertions"
            proof = dpop(KEY, "POST", f"{issuer}/oauth/token")
            counts = await _race(opened, [_asking(client, issuer, proof=proof) for _ in range(USES)])
            assert counts == {200: 1, 400: USES - 1}, "proofs at the token endpoint"
            fresh = _asking(client, issuer, proof=dpop(KEY, "POST", f"{issuer}/oauth/token"))
            status, _, content = await opened[0].send(*fresh)
            assert status == 200, content
            token = json.loads(content)["access_token"]
            for place in ("/whoami", "/check"):
                fields = [("authorization", f"DPoP {token}"), ("dpop", dpop(KEY, "GET", issuer + place, token))]
                counts = await _race(opened, [(place, fields, "GET", b"")] * USES)
                assert counts == {200: 1, 401: USES - 1}, place
    print(f"\n{count} rounds of {USES}: one winner each of assertions, of proofs for tokens, of proofs for APIs")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture(scope="module")
def house_on_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), store=postgres.create_database()) as running:
        yield running


@pytest.mark.processes
def test_a_hundred_uses_have_one_winner(house: House) -> None:
    """The short form of the figure."""
    asyncio.run(_rounds(house, 2))


@pytest.mark.processes
@pytest.mark.postgres
def test_a_hundred_uses_have_one_winner_on_postgresql(house_on_postgres: House) -> None:
    """The short form of the figure."""
    asyncio.run(_rounds(house_on_postgres, 1))


@pytest.mark.soak
def test_twenty_rounds(house: House) -> None:
    """Figure: one winner each of 20 rounds, SQLite."""
    asyncio.run(_rounds(house, 20))


@pytest.mark.soak
@pytest.mark.postgres
def test_twenty_rounds_on_postgresql(house_on_postgres: House) -> None:
    """Figure: one winner each of 20 rounds, PostgreSQL."""
    asyncio.run(_rounds(house_on_postgres, 20))
