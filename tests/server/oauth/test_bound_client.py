"""npm's openid-client with PAR, DPoP and private_key_jwt in one login: a stolen token is of no use to anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agents.person import Person
from tests.figures.house import House
from tests.node import line_of, talking

from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

CALLBACK = "https://app.example/cb"
PASSWORD = "four horses eat the long grass"
TOML = """
[oauth]
profile = "{profile}"
dpop_nonces = {nonces}
"""


@pytest.fixture(
    params=[("", "false", "ES256"), ("fapi2", "true", "PS256")], ids=["plain by ES256", "fapi2 with nonces by PS256"]
)
def placed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[House, str]]:
    """Yield a house, and the algorithm that the application signs by."""
    profile, nonces, algorithm = request.param
    with House(tmp_path / "site", workers=2, more=TOML.format(profile=profile, nonces=nonces)) as running:
        yield running, algorithm


async def _seeded(house: House, key: dict[str, Any]) -> str:
    async with house.operator() as watchword:
        for name in ("service:bank", "user:alice"):
            await watchword.lifecycle.add_subject(name, by="test")
        scopes = ("orders:read",)
        password = {"password": PASSWORD}
        await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", scopes=scopes, options=password)
        options = {
            "grants": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK],
            "auth_method": "private_key_jwt",
            "jwks": {"keys": [key]},
            "require_par": True,
            "dpop_bound_access_tokens": True,
        }
        issued = await watchword.lifecycle.issue(
            Kind.OAUTH_CLIENT, "service:bank", by="test", scopes=scopes, options=options
        )
        return str(issued.material["client_id"])


def test_par_dpop_and_private_key_jwt_in_one_login(placed: tuple[House, str]) -> None:
    house, algorithm = placed
    issuer = f"http://127.0.0.1:{house.port}"
    arguments = (issuer, CALLBACK, "openid orders:read", f"{issuer}/whoami", algorithm)
    with talking("bound_client.js", *arguments) as process, Person(issuer, "alice", PASSWORD) as alice:

        def tell(text: str) -> dict[str, Any]:
            assert process.stdin is not None
            process.stdin.write(text + "\n")
            process.stdin.flush()
            said: dict[str, Any] = json.loads(line_of(process))
            return said

        begun = tell(asyncio.run(_seeded(house, json.loads(line_of(process)))))
        assert "place" in begun, begun
        assert "request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A" in begun["place"]
        assert "scope" not in begun["place"]
        said = tell(alice.visit(begun["place"]))
        assert "error" not in said, said
    assert (said["sub"], said["info"]["sub"]) == ("user:alice", "user:alice")
    assert said["type"].lower() == "dpop"
    assert (said["who"]["subject"], said["who"]["scheme"]) == ("user:alice", "oauth2")
    assert said["bearer"] == 401  # RFC 9449 section 7.1: bound, it is no bearer token
    assert "error" in said["stolen"] or said["stolen"] == 401
    assert said["rekeyed"].lower() == "dpop"
    assert said["told"] == {"active": True, "cnf": ["jkt"]}
    assert said["gone"]["cause"] == "invalid_grant"
    paths = {path for _, path, _, _ in said["traffic"]}
    assert {"/oauth/par", "/oauth/token", "/oauth/userinfo", "/oauth/introspect", "/oauth/revoke"} <= paths
    first = next(answer for answer in said["traffic"] if answer[1] == "/oauth/par")
    nonces = "dpop_nonces = true" in house.more
    assert first == ["POST", "/oauth/par", 400, "nonce"] if nonces else first[2] == 201
