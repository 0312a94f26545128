"""Figures: a pushed request and a consent form are each answered once, over two workers, whatever the store."""

from __future__ import annotations

import asyncio
import html
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, lines
from tests.figures.test_outside import FORM, ROUNDS, USES, together
from tests.server.oauth.flow import CALLBACK
from watchword.codec.oidc import challenge_of
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@asynccontextmanager
async def prepared(house: House, **options: Any) -> AsyncIterator[tuple[dict[str, str], tuple[tuple[str, str], ...]]]:
    """Return a request of an application, and the cookie of who is logged in."""
    async with house.operator() as operator:
        for name in ("user:alice", "service:app"):
            await operator.lifecycle.add_subject(name, by="test")
        given = {"grants": ["authorization_code"], "redirect_uris": [CALLBACK], "public": True, **options}
        client = await operator.lifecycle.issue(Kind.OAUTH_CLIENT, "service:app", by="test", options=given)
        session = await operator.lifecycle.issue(Kind.SESSION, "user:alice", by="test", options={"idle": 900})
        asked = {
            "client_id": client.material["client_id"],
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": challenge_of(secrets.token_urlsafe(48)),
            "code_challenge_method": "S256",
        }
        yield asked, (("cookie", f"session={session.material['cookie']}"),)


async def pushed(line: Line, asked: dict[str, str]) -> str:
    """Return where a person goes with a request that was pushed."""
    status, _, body = await line.send("/oauth/par", FORM, "POST", urlencode(asked).encode())
    assert status == 201, body
    return "/oauth/authorize?" + urlencode(
        {"client_id": asked["client_id"], "request_uri": json.loads(body)["request_uri"]}
    )


def test_one_pushed_request_one_code(tmp_path: Path, store: str) -> None:
    async def work(house: House) -> None:
        async with prepared(house, first_party=True) as (asked, cookie):
            for _ in range(ROUNDS):
                with lines(20, house.port) as opened:
                    place = await pushed(opened[0], asked)
                    answers = await together(opened, place, cookie)
                assert sorted(status for status, _, _ in answers) == [303] + [400] * (USES - 1)

    with House(tmp_path, store=store) as house:
        asyncio.run(work(house))


def test_one_consent_form_one_code(tmp_path: Path, store: str) -> None:
    async def work(house: House) -> None:
        async with prepared(house) as (asked, cookie):
            for _ in range(ROUNDS):
                with lines(20, house.port) as opened:
                    place = await pushed(opened[0], {**asked, "prompt": "consent"})
                    status, _, page = await opened[0].send(place, cookie)
                    assert status == 200, page
                    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.decode())
                    form = {**{name: html.unescape(value) for name, value in hidden}, "decision": "allow"}
                    answers = await together(
                        opened, "/oauth/consent", (*FORM, *cookie), "POST", urlencode(form).encode()
                    )
                assert sorted(status for status, _, _ in answers) == [200] + [400] * (USES - 1)

    with House(tmp_path, store=store) as house:
        asyncio.run(work(house))
