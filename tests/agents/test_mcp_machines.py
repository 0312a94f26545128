"""Agents of the official SDK without a person at hand: client credentials, signed assertions, an employer's word."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("mcp", reason="NOT TESTED: the official MCP SDK is missing")

from cryptography.hazmat.primitives import serialization
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.agents.agent import Storage, serving, text_of
from tests.figures.house import House, free_port
from tests.server.oauth.publishing import publishing
from watchword.codec.jose import SigningKey
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOML = """
[[resource]]
uri = "{resource}"
scopes = ["orders:read", "orders:write"]
[[trusted_issuer]]
url = "{employer}"
jwks_uri = "{employer}/jwks"
use = ["id-jag"]
"""


class World:
    """Hold an authorization server, the URL of an MCP server, and an employer whose word counts."""

    def __init__(self, house: House, resource: str, employer: str, key: SigningKey) -> None:
        self.house, self.resource, self.employer, self.key = house, resource, employer, key
        self.issuer = f"http://127.0.0.1:{house.port}"

    async def call(self, tool: str, **options: Any) -> str:
        """Issue a client, be its agent, and call one tool."""
        async with self.house.operator() as watchword, serving(watchword, self.resource):
            scopes = ("orders:read", "orders:write")
            issued = await watchword.lifecycle.issue(
                Kind.OAUTH_CLIENT, "service:robot", by="test", scopes=scopes, options=options
            )
            auth = self.provider(**issued.material)
            async with (
                httpx2.AsyncClient(auth=auth, trust_env=False, timeout=20) as http,
                Client(streamable_http_client(self.resource, http_client=http)) as mcp,
            ):
                return await text_of(mcp, tool)

    def provider(self, client_id: str, client_secret: str = "") -> Any:
        raise NotImplementedError


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    resource, key = f"http://127.0.0.1:{free_port()}/mcp", SigningKey.generate("ES256")
    folder: Path = tmp_path_factory.mktemp("machines")
    with publishing(folder) as (site, trusted), pytest.MonkeyPatch.context() as patched:
        site.pages["/jwks"] = {"keys": [key.public_jwk()]}
        patched.setenv("SSL_CERT_FILE", str(trusted))

        toml = TOML.format(resource=resource, employer=site.url)
        with House(folder / "site", workers=1, more=toml) as house:

            async def seed() -> None:
                async with house.operator() as watchword:
                    for name in ("service:robot", "user:alice"):
                        await watchword.lifecycle.add_subject(name, by="test")

            asyncio.run(seed())
            yield World(house, resource, site.url, key)


def test_client_credentials(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def provider(client_id: str, client_secret: str) -> Any:
        scope = "orders:read"
        return ClientCredentialsOAuthProvider(
            world.resource, Storage(), client_id, client_secret, scope=scope, issuer=world.issuer
        )

    monkeypatch.setattr(world, "provider", provider)
    said = asyncio.run(world.call("list_orders", grants=["client_credentials"]))
    assert said.startswith("service:robot through cli_")
    assert said.endswith(": orders:read")


def test_a_signed_assertion(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = SigningKey.generate("ES256")
    pem = serialization.load_der_private_key(key.to_pkcs8(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def provider(client_id: str) -> Any:
        signed = SignedJWTParameters(
            issuer=client_id, subject=client_id, signing_key=pem.decode(), signing_algorithm="ES256"
        )
        given = {"scope": "orders:read", "issuer": world.issuer}
        return PrivateKeyJWTOAuthProvider(
            world.resource, Storage(), client_id, signed.create_assertion_provider(), **given
        )

    monkeypatch.setattr(world, "provider", provider)
    options = {"auth_method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}, "grants": ["client_credentials"]}
    said = asyncio.run(world.call("list_orders", **options))
    assert said.startswith("service:robot through cli_")
    assert said.endswith(": orders:read")


def test_an_employers_word_about_its_people(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def provider(client_id: str, client_secret: str) -> Any:
        async def vouch(audience: str, resource: str) -> str:
            asked.append((audience, resource))
            now = int(time.time())
            claims = {"iss": world.employer, "sub": "alice", "aud": audience, "client_id": client_id}
            more = {
                "resource": resource,
                "scope": "orders:read",
                "jti": secrets.token_hex(8),
                "iat": now,
                "exp": now + 120,
            }
            return world.key.sign({**claims, **more}, "oauth-id-jag+jwt")

        return IdentityAssertionOAuthProvider(
            world.resource, Storage(), client_id, client_secret, world.issuer, vouch, scope="orders:read"
        )

    monkeypatch.setattr(world, "provider", provider)
    said = asyncio.run(world.call("list_orders", grants=[JWT_BEARER]))
    assert said.startswith("user:alice through cli_")
    assert said.endswith(": orders:read")
    assert asked == [(world.issuer, world.resource)]
