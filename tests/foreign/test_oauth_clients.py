"""Authlib and requests-oauthlib, run as they are, against a real server of two workers: login, refresh, revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.client.oauth2.test_identity import pem
from tests.figures.house import House
from tests.foreign import foreign
from tests.person import Person
from watchword.codec.jose import VerificationKey
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

PASSWORD = "correct horse battery staple"
CALLBACK = "https://app.example/cb"
SCOPES = ("orders:read", "orders:write")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(Path(tmp_path_factory.mktemp("foreign"))) as running:
        asyncio.run(_people(running))
        yield running


async def _people(house: House) -> None:
    async with house.operator() as watchword:
        lifecycle = watchword.lifecycle
        for name in ("service:app", "user:alice"):
            await lifecycle.add_subject(name, by="test")
        await lifecycle.issue(Kind.PASSWORD, "user:alice", by="test", scopes=SCOPES, options={"password": PASSWORD})


def registered(house: House, *grants: str, **more: Any) -> dict[str, Any]:
    async def register() -> dict[str, Any]:
        async with house.operator() as watchword:
            options = {"grants": list(grants), "redirect_uris": [CALLBACK], **more}
            issued = await watchword.lifecycle.issue(
                Kind.OAUTH_CLIENT, "service:app", by="test", scopes=SCOPES, options=options
            )
            return dict(issued.material)

    return asyncio.run(register())


def issuer(house: House) -> str:
    return f"http://127.0.0.1:{house.port}"


def logged_in(house: House, script: str, client: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Let the client log alice in, by her browser, and say what it got."""
    given = {"issuer": issuer(house), "client_id": client["client_id"], "secret": client.get("client_secret")}
    person = Person(issuer(house), "alice", PASSWORD)
    with foreign(script, **given, redirect_uri=CALLBACK, scope="orders:read", **more) as running:
        said = running.hear()
        assert "place" in said, said
        running.tell(person.visit(said["place"], leave=False))
        said = running.hear()
    person.close()
    assert "error" not in said, said
    return said


@pytest.mark.parametrize("library", ["httpx", "requests"])
@pytest.mark.parametrize("public", [True, False], ids=["public", "confidential"])
@pytest.mark.parametrize("first_party", [True, False], ids=["own", "of others"])
def test_authlib_logs_a_person_in(house: House, library: str, public: bool, first_party: bool) -> None:
    client = registered(house, "authorization_code", "refresh_token", public=public, first_party=first_party)
    said = logged_in(house, "authlib_client.py", client, library=library, method="none" if public else None)
    assert (said["first"]["subject"], said["again"]["subject"]) == ("user:alice", "user:alice")
    assert (said["scope"], said["rotated"]) == ("orders:read", True)
    assert said.get("active", True) is True
    assert said["revoked"] == 401


@pytest.mark.parametrize("library", ["httpx", "requests"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_acts_in_its_own_name(house: House, library: str, method: str) -> None:
    client = registered(house, "client_credentials")
    given = {"issuer": issuer(house), "client_id": client["client_id"], "secret": client["client_secret"]}
    with foreign("authlib_client.py", **given, machine=True, scope="orders:read", library=library, method=method) as it:
        said = it.hear()
    assert said.get("who", said)["subject"] == "service:app"
    assert (said["scope"], said["active"], said["inactive"]) == ("orders:read", True, False)


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_authlib_proves_itself_by_a_key(house: House, library: str) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = VerificationKey(key.public_key(), "k1").public_jwk()
    client = registered(house, "client_credentials", auth_method="private_key_jwt", jwks={"keys": [public]})
    given = {"issuer": issuer(house), "client_id": client["client_id"], "pem": pem(key).decode(), "kid": "k1"}
    arguments = {"machine": True, "scope": "orders:read", "library": library, "method": "private_key_jwt"}
    with foreign("authlib_client.py", **given, **arguments) as it:
        said = it.hear()
    assert said.get("who", said)["subject"] == "service:app"
    assert (said["active"], said["inactive"]) == (True, False)


@pytest.mark.parametrize("public", [True, False], ids=["public", "confidential"])
@pytest.mark.parametrize("first_party", [True, False], ids=["own", "of others"])
def test_requests_oauthlib_logs_a_person_in(house: House, public: bool, first_party: bool) -> None:
    client = registered(house, "authorization_code", "refresh_token", public=public, first_party=first_party)
    said = logged_in(house, "requests_oauthlib_client.py", client)
    assert (said["first"]["subject"], said["again"]["subject"]) == ("user:alice", "user:alice")
    assert (said["scope"], said["rotated"]) == ("orders:read", True)


def test_requests_oauthlib_acts_in_its_own_name(house: House) -> None:
    client = registered(house, "client_credentials")
    given = {"issuer": issuer(house), "client_id": client["client_id"], "secret": client["client_secret"]}
    with foreign("requests_oauthlib_client.py", **given, machine=True, scope="orders:read") as it:
        assert it.hear()["who"]["subject"] == "service:app"
