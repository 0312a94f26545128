"""Figures: a login's state and an authorization code are each worth one use, over two workers, whatever the store."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from tests.figures.house import House, Line, lines
from tests.providers import FakeProvider
from tests.server.oauth.flow import CALLBACK
from watchword.codec.oidc import challenge_of
from watchword.model.credential import Kind, State

USES = 100
ROUNDS = 1

pytestmark = pytest.mark.processes
FORM = (("content-type", "application/x-www-form-urlencoded"),)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.soak])])
def store(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def together(opened: list[Line], *request: object) -> list[tuple[int, bytes, bytes]]:
    """Send one request a hundred times over all connections at once."""

    async def some(line: Line) -> list[tuple[int, bytes, bytes]]:
        return [await line.send(*request) for _ in range(USES // len(opened))]  # type: ignore[arg-type]

    return [answer for part in await asyncio.gather(*map(some, opened)) for answer in part]


def test_one_state_one_login(tmp_path: Path, store: str) -> None:
    fake = FakeProvider()
    fake.client_secret = ""
    more = f'[[provider]]\nname = "fake"\nissuer = "{fake.issuer}"\nclient_id = "{fake.client_id}"\n'
    with fake.running(), House(tmp_path, store=store, more=more) as house:
        for _ in range(ROUNDS):
            with httpx2.Client(base_url=f"http://127.0.0.1:{house.port}", trust_env=False) as http:
                asked = fake.asked(http.get("/login/outside/fake").headers["location"])
                cookie = (("cookie", f"outside={http.cookies['outside']}"),)
            target = "/login/outside/fake/callback?" + urlencode({"code": fake.code, "state": asked["state"]})
            before = len(fake.seen)

            async def work(target: str = target, cookie: tuple[tuple[str, str], ...] = cookie) -> list[int]:
                with lines(20, house.port) as opened:
                    return [status for status, _, _ in await together(opened, target, cookie)]

            statuses = asyncio.run(work())
            assert statuses.count(303) == 1
            assert set(statuses) == {303, 403}
            assert [path for path, _, _ in fake.seen[before:]].count("/token") == 1


def test_one_code_one_family_that_its_replay_ends(tmp_path: Path, store: str) -> None:
    with House(tmp_path, store=store) as house:
        asyncio.run(_codes(house))


async def _codes(house: House) -> None:
    verifier = secrets.token_urlsafe(48)
    async with house.operator() as operator:
        for name in ("user:alice", "service:app"):
            await operator.lifecycle.add_subject(name, by="test")
        options = {"grants": ["authorization_code"], "redirect_uris": [CALLBACK], "first_party": True, "public": True}
        client = await operator.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=options)
        session = await operator.lifecycle.issue(Kind.SESSION, "user:alice", by="test", options={"idle": 900})
        asked = {
            "client_id": client.material["client_id"],
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        cookie = (("cookie", f"session={session.material['cookie']}"),)
        for _ in range(ROUNDS):
            with lines(20, house.port) as opened:
                _, head, _ = await opened[0].send("/oauth/authorize?" + urlencode(asked), cookie)
                place = next(line for line in head.decode().split("\r\n") if line.startswith("location: "))
                code = dict(parse_qsl(urlsplit(place).query))["code"]
                form = {
                    "grant_type": "authorization_code",
                    "code": code,
                    "client_id": asked["client_id"],
                    "redirect_uri": CALLBACK,
                    "code_verifier": verifier,
                }
                answers = await together(opened, "/oauth/token", FORM, "POST", urlencode(form).encode())
            statuses = [status for status, _, _ in answers]
            assert statuses.count(200) == 1
            assert set(statuses) == {200, 400}
        families = await operator.store.credentials(kind=Kind.REFRESH)
        assert len(families) == ROUNDS
        assert {family.state(operator.clock()) for family in families} == {State.REVOKED}
