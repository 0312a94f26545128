"""Attacks on what a caller shows that it holds, over real HTTP: certificates in fields, nonces, restarts."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from tests.certificates import make
from tests.proving import assertion, dpop
from tests.server.live import Live, live
from tests.server.oauth.flow import answer_of, login
from tests.server.oauth.keyed import KeyedApp

from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_root_key
from watchword.model.credential import Kind

KEY = SigningKey.generate("ES256")
GRANT = {"grant_type": "client_credentials"}


def client_of(server: Live, **options: object) -> str:
    given = {"auth_method": "private_key_jwt", "jwks": {"keys": [KEY.public_jwk()]}, **options}
    return server.issue(Kind.OAUTH_CLIENT, "service:billing", options=given).credential.id


def forwarded(der: bytes, pem: str) -> dict[str, str]:
    """Return every field in which some proxy passes a certificate on, and what servers turn into the same variable."""
    encoded = b64encode(der).decode()
    said = {
        "client-cert": f":{encoded}:",
        "client-cert-chain": f":{encoded}:",
        "x-forwarded-client-cert": f'Cert="{quote(pem, safe="")}";Hash=00',
        "x-forwarded-tls-client-cert": encoded,
        "ssl-client-cert": quote(pem, safe=""),
        "ssl-client-verify": "SUCCESS",
        "x-ssl-client-cert": quote(pem, safe=""),
        "x-client-certificate": encoded,
        "x-amzn-mtls-clientcert": quote(pem, safe=""),
        "cf-client-cert-der-base64": encoded,
    }
    return {**said, **{name.replace("-", "_"): value for name, value in said.items()}}


@pytest.mark.parametrize("proxies", ["", '[server]\ntrusted_proxies = ["127.0.0.0/8"]\n'], ids=["alone", "behind one"])
def test_must_22_cve_2024_10039_no_field_makes_a_certificate(tmp_path: Path, proxies: str) -> None:
    made = make(common="billing")
    options = {"jwks": {"keys": [SigningKey(made.key).public_jwk()]}, "auth_method": "self_signed_tls_client_auth"}
    with live(tmp_path, f'issuer = "{{url}}"\n{proxies}') as server, server.client() as http:
        server.service("billing")
        fields = forwarded(made.der, made.pem.decode())
        answer = http.post("/oauth/token", data={**GRANT, "client_id": client_of(server, **options)}, headers=fields)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
        bound = client_of(server, tls_client_certificate_bound_access_tokens=True)
        answer = http.post("/oauth/token", data={**GRANT, **assertion(KEY, bound, server.url)}, headers=fields)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert http.get("/check", headers=fields).status_code == 401


def test_asking_for_a_nonce_is_no_guess(tmp_path: Path) -> None:
    toml = 'issuer = "{url}"\n[oauth]\ndpop_nonces = true\n[limits]\naddress = "3/min"\n'
    with live(tmp_path, toml) as server, server.client() as http:
        server.service("billing")
        client, place = client_of(server), f"{server.url}/oauth/token"
        for _ in range(5):  # as many short-lived programs behind one address
            form = {**GRANT, **assertion(KEY, client, server.url)}
            nonce = http.post("/oauth/token", data=form, headers={"dpop": dpop(KEY, "POST", place)}).headers[
                "dpop-nonce"
            ]
            got = http.post("/oauth/token", data=form, headers={"dpop": dpop(KEY, "POST", place, nonce=nonce)}).json()
            token = got["access_token"]
            for path in ("/whoami", "/check"):
                proof = dpop(KEY, "GET", server.url + path, token)
                asked = http.get(path, headers={"authorization": f"DPoP {token}", "dpop": proof})
                assert (asked.status_code, asked.headers["dpop-nonce"]) == (401, nonce)
                proof = dpop(KEY, "GET", server.url + path, token, nonce=nonce)
                asked = http.get(path, headers={"authorization": f"DPoP {token}", "dpop": proof})
                assert asked.status_code == 200
        for _ in range(4):
            wrong = dpop(SigningKey.generate(), "GET", f"{server.url}/whoami", token, nonce=nonce)
            asked = http.get("/whoami", headers={"authorization": f"DPoP {token}", "dpop": wrong})
        assert asked.status_code == 429, "a wrong key is a guess"


def test_must_17_must_15_what_was_used_before_a_restart_is_used_after_it(tmp_path: Path) -> None:
    toml = 'issuer = "https://auth.example"\n'
    place = "https://auth.example/oauth/token"
    root, used = new_root_key(), dpop(KEY, "POST", place)
    with live(tmp_path, toml, root_key=root) as server, server.client() as http:
        server.service("billing")
        client = client_of(server)
        form = {**GRANT, **assertion(KEY, client, "https://auth.example")}
        assert http.post("/oauth/token", data=form, headers={"dpop": used}).status_code == 200
    with live(tmp_path, toml, root_key=root) as server, server.client() as http:
        again = http.post("/oauth/token", data=form)
        assert (again.status_code, again.json()) == (401, {"error": "invalid_client"})
        fresh = {**GRANT, **assertion(KEY, client, "https://auth.example")}
        answer = http.post("/oauth/token", data=fresh, headers={"dpop": used})
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_dpop_proof"})
        proof = dpop(KEY, "POST", place)
        assert http.post("/oauth/token", data=fresh, headers={"dpop": proof}).status_code == 200


def test_rfc_9449_section_10_1_a_pushed_request_belongs_to_the_key_of_its_proof(tmp_path: Path) -> None:
    other = SigningKey.generate("ES256").verification.thumbprint()
    with live(tmp_path, 'issuer = "{url}"\n') as server, server.client() as http:
        server.service("app")
        server.user("alice", scopes=("orders:read",))
        login(http)
        app = KeyedApp(server)

        def push(**fields: str) -> httpx2.Response:
            return app.push(http, headers=app.proof("/oauth/par"), **fields)

        for answer in (push(dpop_jkt=other), push(request=app.signed_request(dpop_jkt=other))):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        for fields in ({}, {"dpop_jkt": app.jkt}, {"request": app.signed_request(jti="r1")}):
            for mine in (False, True):
                pushed = push(**fields)
                assert pushed.status_code == 201, pushed.text
                given = {"client_id": app.id, "request_uri": pushed.json()["request_uri"]}
                code = answer_of(http.get("/oauth/authorize", params=given))["code"]
                answer = app.code(http, code, proof=None if mine else {})
                assert answer.json().get("error") == (None if mine else "invalid_grant")
