"""Tokens bound to a client certificate, over real TLS: of use over its connections alone (RFC 8705)."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, lines
from watchword import Watchword
from watchword.model.credential import Kind

JSON = [("content-type", "application/json")]


async def _context(watchword: Watchword, folder: Path, name: str = "") -> ssl.SSLContext:
    """Return what a caller connects by: with a certificate of its own, or without."""
    issued = await watchword.lifecycle.issue(Kind.CLIENT_CERT, "service:billing", by="test")
    context = ssl.create_default_context(cadata=issued.material["chain"])
    if name:
        pem = folder / f"{name}.pem"
        pem.write_text(issued.material["certificate"] + issued.material["private_key"])
        context.load_cert_chain(pem)
    return context


async def _post(line: Line, target: str, **body: str) -> tuple[int, dict[str, str]]:
    status, _, content = await line.send(target, JSON, "POST", json.dumps(body).encode())
    return status, json.loads(content)


async def _client_token(line: Line, material: dict[str, str]) -> str:
    form = urlencode({**material, "grant_type": "client_credentials"}).encode()
    headers = [("content-type", "application/x-www-form-urlencoded")]
    status, _, content = await line.send("/oauth/token", headers, "POST", form)
    assert status == 200, content
    return str(json.loads(content)["access_token"])


async def _played(house: House) -> None:
    password = "correct horse battery staple"
    async with house.operator() as watchword:
        for name in ("user:alice", "service:billing"):
            await watchword.lifecycle.add_subject(name, by="test")
        await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", options={"password": password})
        client = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:billing", by="test")
        contexts = [await _context(watchword, house.folder, name) for name in ("own", "other", "")]
    with (
        lines(4, house.port, contexts[0]) as own,
        lines(2, house.port, contexts[1]) as other,
        lines(2, house.port, contexts[2]) as bare,
    ):
        _, given = await _post(own[0], "/login", username="alice", password=password)
        for token in (given["token"], await _client_token(own[1], dict(client.material))):
            bearer = [("authorization", f"Bearer {token}")]
            for _ in range(2):  # a verdict is never another connection's
                assert [(await each.send(headers=bearer))[0] for each in own] == [200] * 4
                assert [(await each.send(headers=bearer))[0] for each in (*other, *bare)] == [401] * 4
        for thief in (*other, *bare):
            assert (await _post(thief, "/refresh", refresh_token=given["refresh_token"]))[0] == 401
        status, onward = await _post(own[2], "/refresh", refresh_token=given["refresh_token"])
        assert status == 200  # the thieves spent nothing
        bearer = [("authorization", f"Bearer {onward['token']}")]
        assert (await own[3].send(headers=bearer))[0] == 200
        assert (await bare[0].send(headers=bearer))[0] == 401
        _, unbound = await _post(bare[0], "/login", username="alice", password=password)
        bearer = [("authorization", f"Bearer {unbound['token']}")]
        assert [(await each.send(headers=bearer))[0] for each in (own[0], bare[1])] == [200, 200]


@pytest.mark.processes
def test_bound_tokens_are_of_no_use_to_whoever_steals_them(tmp_path: Path) -> None:
    with House(tmp_path / "house", tls=True, more="[tokens]\nbind_to_certificate = true") as house:
        asyncio.run(_played(house))
