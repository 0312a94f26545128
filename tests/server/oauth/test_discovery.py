"""Metadata that is true, keys that verify, and health that tells broken from well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.server.live import Live, live

from watchword.codec.jose import key_set, verify
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.server.oauth.discovery import Discovery


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = 'issuer = "https://auth.example.com/"\naudience = "https://api.example.com"\n'
    with live(tmp_path_factory.mktemp("discovery"), toml) as running:
        running.service("billing")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


@pytest.mark.parametrize("place", ["openid-configuration", "oauth-authorization-server"])
def test_rfc8414_metadata(http: httpx2.Client, place: str) -> None:
    answer = http.get(f"/.well-known/{place}")
    said = answer.json()
    assert said["issuer"] == "https://auth.example.com"
    assert said["token_endpoint"] == "https://auth.example.com/oauth/token"
    assert said["response_types_supported"] == ["code"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["request_uri_parameter_supported"] is False
    assert "max-age=300" in answer.headers["cache-control"]


def test_metadata_names_only_endpoints_that_exist(http: httpx2.Client) -> None:
    said = http.get("/.well-known/oauth-authorization-server").json()
    for name, value in said.items():
        if name.endswith(("_endpoint", "_uri")):
            assert http.get(value.removeprefix("https://auth.example.com")).status_code != 404, name


def test_only_ways_that_work_here_are_named(http: httpx2.Client, tmp_path: Path) -> None:
    said = http.get("/.well-known/oauth-authorization-server").json()
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
    assert said["token_endpoint_auth_methods_supported"] == methods
    assert said["introspection_endpoint_auth_methods_supported"] == methods[:-1]
    assert said["tls_client_certificate_bound_access_tokens"] is False
    assert "mtls_endpoint_aliases" not in said
    for name in ("dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"):
        assert set(said[name]) == {"EdDSA", "Ed25519", "ES256", "PS256", "RS256"}
        assert not any(each.startswith("HS") or each == "none" for each in said[name])
    with live(tmp_path) as other:
        certified = TestClient(Starlette(routes=Discovery(other.watchword, certificates=True).routes()))
        said = certified.get("/.well-known/oauth-authorization-server").json()
    assert "tls_client_auth" in said["token_endpoint_auth_methods_supported"]
    assert "self_signed_tls_client_auth" in said["token_endpoint_auth_methods_supported"]
    assert "self_signed_tls_client_auth" in said["introspection_endpoint_auth_methods_supported"]
    assert said["tls_client_certificate_bound_access_tokens"] is True


def test_rfc9728_metadata(http: httpx2.Client) -> None:
    said = http.get("/.well-known/oauth-protected-resource").json()
    assert said["resource"] == "https://api.example.com"
    assert said["authorization_servers"] == ["https://auth.example.com"]


def test_published_keys_verify_our_tokens(http: httpx2.Client, server: Live) -> None:
    answer = http.get("/oauth/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert "max-age=300" in answer.headers["cache-control"]
    assert '"d"' not in answer.text
    keys = key_set(answer.content)
    assert keys
    issued = server.issue(Kind.OAUTH_CLIENT, "service:billing")
    form = {"grant_type": "client_credentials", **issued.material}
    token = http.post("/oauth/token", data=form).json()["access_token"]
    claims = [verify(token.encode(), key) for key in keys.values()]
    assert any(isinstance(each, dict) and each["iss"] == "https://auth.example.com" for each in claims)


def test_health(http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ok"}


def test_not_ready_while_the_store_does_not_answer(
    http: httpx2.Client, server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(after: int) -> object:
        raise Unavailable("down")

    monkeypatch.setattr(server.watchword.store, "entries", down)
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert http.get("/healthz").status_code == 200


def test_not_ready_while_the_audit_is_stuck(http: httpx2.Client, server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(server.watchword.audit), "__len__", lambda self: 10_000)
    assert http.get("/readyz").status_code == 503
