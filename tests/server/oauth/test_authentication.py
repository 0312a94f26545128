"""Clients at our endpoints over real HTTP: signed assertions, DPoP proofs, and tokens that belong to a key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.proving import assertion, claims_of_client, dpop, public
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login
from tests.tokens import compact, pss_sign, segment

from watchword.codec.jose import SigningKey, open_token, peek
from watchword.model.credential import Kind

KEY, OTHER = SigningKey.generate("ES256"), SigningKey.generate()
JKT = KEY.verification.thumbprint()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n'
    with live(tmp_path_factory.mktemp("oauth"), toml) as running:
        running.service("billing")
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def client_of(server: Live, *keys: SigningKey, **options: Any) -> str:
    given = {"auth_method": "private_key_jwt", "jwks": {"keys": [key.public_jwk() for key in keys]}} if keys else {}
    issued = server.issue(Kind.OAUTH_CLIENT, "service:billing", scopes=("orders:read",), options={**given, **options})
    return issued.credential.id


def asked(
    http: httpx2.Client, server: Live, client: str, proof: str | list[str] | None = None, **form: str
) -> httpx2.Response:
    fields = {"grant_type": "client_credentials", **assertion(KEY, client, server.url), **form}
    proofs = [proof] if isinstance(proof, str) else proof or []
    return http.post("/oauth/token", data=fields, headers=[("dpop", each) for each in proofs])


def at_token(server: Live, key: SigningKey = KEY, **more: Any) -> str:
    return dpop(key, "POST", f"{server.url}/oauth/token", **more)


def claims(token: str) -> dict[str, Any]:
    header: Any = peek(token.encode())
    opened: Any = open_token(token.encode(), header)
    return dict(opened.claims)


def called(
    http: httpx2.Client, server: Live, token: str, *proofs: str, scheme: str = "DPoP", path: str = "/whoami"
) -> httpx2.Response:
    headers = [("authorization", f"{scheme} {token}"), *(("dpop", each) for each in proofs)]
    return http.get(path, headers=headers)


def at_api(server: Live, token: str, key: SigningKey = KEY, path: str = "/whoami", **more: Any) -> str:
    return dpop(key, "GET", server.url + path, token, **more)


# --- RFC 7523 ---------------------------------------------------------------------------------------------------------


def test_rfc_7523_section_2_2_a_signed_assertion_over_http(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY)
    form = {"grant_type": "client_credentials", **assertion(KEY, client, server.url)}
    answer = http.post("/oauth/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    again = http.post("/oauth/token", data=form)
    assert (again.status_code, again.json()) == (401, {"error": "invalid_client"})
    assert server.last().reason == "replayed"


def test_unknown_client_wrong_secret_and_wrong_key_are_the_same_bytes(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY)
    grant = {"grant_type": "client_credentials"}
    answers = [
        http.post("/oauth/token", data={**grant, **form})
        for form in (
            assertion(OTHER, client, server.url),
            assertion(KEY, "cli_unknown", server.url),
            assertion(KEY, client, "https://evil.example"),
            {"client_id": "cli_unknown", "client_secret": "x"},
            {"client_id": client},
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    dates = {"date", "content-length"}
    headers = [{k: v for k, v in answer.headers.items() if k not in dates} for answer in answers]
    assert all(each == headers[0] for each in headers)


def test_two_ways_are_invalid_request(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY)
    form = {"grant_type": "client_credentials", "client_secret": "x", **assertion(KEY, client, server.url)}
    answer = http.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_cve_2020_15223_a_failing_store_gives_503(
    http: httpx2.Client, server: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(server, KEY)

    async def down(*_: Any, **__: Any) -> Any:
        raise OSError("disk")

    monkeypatch.setattr(server.watchword.store, "credential", down)
    assert asked(http, server, client).status_code == 503


# --- DPoP at the token endpoint (RFC 9449 sections 4 and 5) -----------------------------------------------------------


def test_rfc_9449_section_5_a_proof_binds_the_token(http: httpx2.Client, server: Live) -> None:
    answer = asked(http, server, client_of(server, KEY), at_token(server))
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["token_type"] == "DPoP"
    assert claims(given["access_token"])["cnf"] == {"jkt": JKT}
    assert "dpop-nonce" not in answer.headers


@pytest.mark.parametrize(
    "more",
    [{"htm": "GET"}, {"htu": "https://evil.example/oauth/token"}, {"iat": 1}, {"jti": ...}, {"jti": "x" * 300}],
)
def test_rfc_9449_section_5_a_wrong_proof_is_invalid_dpop_proof(
    http: httpx2.Client, server: Live, more: dict[str, Any]
) -> None:
    answer = asked(http, server, client_of(server, KEY), at_token(server, **more))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_dpop_proof"})
    assert server.last().reason == "bad_proof"


def test_a_replayed_proof_and_two_proofs_are_refused(http: httpx2.Client, server: Live) -> None:
    client, proof = client_of(server, KEY), at_token(server)
    assert asked(http, server, client, proof).status_code == 200
    assert asked(http, server, client, proof).json() == {"error": "invalid_dpop_proof"}
    assert server.last().reason == "replayed_proof"
    two = [at_token(server), at_token(server)]
    assert asked(http, server, client, two).json() == {"error": "invalid_dpop_proof"}


def test_a_wrong_proof_spends_no_assertion(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY)
    form = assertion(KEY, client, server.url)
    assert asked(http, server, client, at_token(server, htm="GET"), **form).status_code == 400
    assert asked(http, server, client, at_token(server), **form).status_code == 200


def test_rfc_9449_section_5_2_some_clients_must_send_one(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY, dpop_bound_access_tokens=True)
    answer = asked(http, server, client)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert asked(http, server, client, at_token(server)).json()["token_type"] == "DPoP"


def test_rfc_8705_section_3_4_some_clients_must_come_with_a_certificate(http: httpx2.Client, server: Live) -> None:
    client = client_of(server, KEY, tls_client_certificate_bound_access_tokens=True)
    answer = asked(http, server, client)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert server.last().reason == "unconfirmed"


# --- DPoP at an API (section 7) ---------------------------------------------------------------------------------------


@pytest.fixture(params=["jwt", "opaque"])
def token(request: pytest.FixtureRequest, http: httpx2.Client, server: Live) -> str:
    client = client_of(server, KEY, token_format=request.param)
    given = asked(http, server, client, at_token(server)).json()
    assert given["token_type"] == "DPoP"
    return str(given["access_token"])


def test_rfc_9449_section_7_1_token_and_proof_together(http: httpx2.Client, server: Live, token: str) -> None:
    for _ in range(3):
        answer = called(http, server, token, at_api(server, token))
        assert answer.status_code == 200, answer.text
        assert answer.json()["subject"] == "service:billing"
        assert answer.json()["scheme"] == "oauth2"
    assert called(http, server, token, at_api(server, token), scheme="dpop").status_code == 200


def errors(answer: httpx2.Response) -> dict[str, str]:
    """Return the error of each challenge."""
    assert answer.status_code == 401
    found = {}
    for challenge in answer.headers.get_list("www-authenticate"):
        name, _, rest = challenge.partition(" ")
        parameters = dict(part.split("=", 1) for part in rest.replace('"', "").split(", "))
        found[name] = parameters.get("error", "")
    return found


def test_must_17_a_bound_token_is_no_bearer_token(http: httpx2.Client, server: Live, token: str) -> None:
    proof = at_api(server, token)
    for proofs in ((), (proof,)):
        found = errors(called(http, server, token, *proofs, scheme="Bearer"))
        assert (found["Bearer"], found["DPoP"]) == ("invalid_token", "")
    assert called(http, server, token, proof).status_code == 200, "nothing of it was spent"
    assert errors(called(http, server, token, scheme="Bearer"))["Bearer"] == "invalid_token", "nor is it remembered"


def test_must_17_an_unbound_token_is_no_dpop_token(http: httpx2.Client, server: Live) -> None:
    for form in ("jwt", "opaque"):
        plain = asked(http, server, client_of(server, KEY, token_format=form)).json()["access_token"]
        assert called(http, server, plain, scheme="Bearer").status_code == 200
        found = errors(called(http, server, plain, at_api(server, plain)))
        assert (found["Bearer"], found["DPoP"]) == ("", "invalid_token")
        assert called(http, server, plain, scheme="Bearer").status_code == 200


def test_must_17_every_use_needs_a_proof_of_its_own(http: httpx2.Client, server: Live, token: str) -> None:
    proof = at_api(server, token)
    assert called(http, server, token, proof).status_code == 200
    assert errors(called(http, server, token, proof))["DPoP"] == "invalid_dpop_proof"
    assert server.last().reason == "replayed_proof"
    other = SigningKey.generate()
    wrong = {
        "no proof": (),
        "two proofs": (at_api(server, token), at_api(server, token)),
        "another token's": (dpop(KEY, "GET", f"{server.url}/whoami", token + "x"),),
        "no ath": (at_api(server, token, ath=...),),
        "another place": (at_api(server, token, path="/oauth/userinfo"),),
        "another method": (dpop(KEY, "POST", f"{server.url}/whoami", token),),
        "another host": (dpop(KEY, "GET", "https://evil.example/whoami", token),),
        "a year old": (at_api(server, token, iat=1),),
        "rubbish": ("x",),
    }
    for name, proofs in wrong.items():
        assert errors(called(http, server, token, *proofs))["DPoP"] == "invalid_dpop_proof", name
    assert errors(called(http, server, token, at_api(server, token, other)))["DPoP"] == "invalid_token"
    assert server.last().reason == "unconfirmed"
    assert called(http, server, token, at_api(server, token)).status_code == 200


def test_cve_2026_27840_no_part_of_an_opaque_token_is_one(http: httpx2.Client, server: Live) -> None:
    plain = asked(http, server, client_of(server, KEY, token_format="opaque")).json()["access_token"]
    assert plain.startswith("at_")
    assert called(http, server, plain, scheme="Bearer").status_code == 200
    for cut in range(1, len(plain)):
        assert called(http, server, plain[:cut], scheme="Bearer").status_code == 401, cut
    for other in (plain + "A", plain.swapcase(), plain[:-1] + "%", "at_" + plain, plain[3:]):
        assert called(http, server, other, scheme="Bearer").status_code == 401
    assert called(http, server, plain, scheme="Bearer").status_code == 200


def test_what_is_no_access_token_is_refused_under_dpop(http: httpx2.Client, server: Live) -> None:
    session = http.post("/login", json={"username": "alice", "password": "correct horse battery staple"}).json()[
        "token"
    ]
    empty = (segment({"alg": "none"}) + b".e30.").decode()
    key = server.issue(Kind.API_KEY, "service:billing").material["secret"]
    for text in (session, empty, key, "x", "at_x", "a.b.c"):
        assert called(http, server, text, at_api(server, text)).status_code == 401, text


def test_a_revoked_client_has_no_bound_token_either(http: httpx2.Client, server: Live) -> None:
    for form in ("jwt", "opaque"):
        client = client_of(server, KEY, token_format=form)
        text = asked(http, server, client, at_token(server)).json()["access_token"]
        assert called(http, server, text, at_api(server, text)).status_code == 200
        server.do(server.watchword.lifecycle.revoke(client, reason="test", by="user:admin"))
        assert called(http, server, text, at_api(server, text)).status_code == 401
        assert server.last().reason == "revoked"


def test_rfc_9449_section_7_1_the_challenge_names_the_algorithms(http: httpx2.Client, server: Live) -> None:
    told = http.get("/whoami").headers.get_list("www-authenticate")
    place = f"{server.url}/.well-known/oauth-protected-resource"
    assert f'DPoP algs="EdDSA Ed25519 ES256 PS256 RS256", resource_metadata="{place}"' in told


# --- people's tokens: codes and refresh tokens (sections 5, 6 and 10) -------------------------------------------------


@pytest.fixture
def browser(http: httpx2.Client) -> httpx2.Client:
    login(http)
    return http


def test_the_refresh_tokens_of_a_public_client_belong_to_its_key(server: Live, browser: httpx2.Client) -> None:
    app = App(server, public=True)
    code, proof = code_of(browser, app), {"dpop": at_token(server)}
    given = browser.post("/oauth/token", data=_redeeming(app, code), headers=proof).json()
    assert given["token_type"] == "DPoP"
    assert claims(given["access_token"])["cnf"] == {"jkt": JKT}
    token = given["refresh_token"]
    for key in (None, OTHER):
        headers = {"dpop": at_token(server, key)} if key else {}
        answer = browser.post("/oauth/token", data=_refreshing(app, token), headers=headers)
        assert answer.json()["error"] == "invalid_grant"
    headers = {"dpop": at_token(server)}
    again = browser.post("/oauth/token", data=_refreshing(app, token), headers=headers).json()
    access, place = again["access_token"], "/oauth/userinfo"
    assert claims(access)["cnf"] == {"jkt": JKT}
    assert called(browser, server, access, at_api(server, access, path=place), path=place).status_code == 200
    assert errors(called(browser, server, access, path=place, scheme="Bearer"))["Bearer"] == "invalid_token"


def test_a_client_that_proves_itself_may_change_its_key(server: Live, browser: httpx2.Client) -> None:
    app = App(server)
    secret = {"client_secret": app.secret}
    form = {**_redeeming(app, code_of(browser, app)), **secret}
    given = browser.post("/oauth/token", data=form, headers={"dpop": at_token(server)}).json()
    form = {**_refreshing(app, given["refresh_token"]), **secret}
    again = browser.post("/oauth/token", data=form, headers={"dpop": at_token(server, OTHER)}).json()
    assert claims(again["access_token"])["cnf"] == {"jkt": OTHER.verification.thumbprint()}


def test_rfc_9449_section_10_a_code_may_belong_to_a_key(server: Live, browser: httpx2.Client) -> None:
    app = App(server, public=True)
    for key, error in ((None, "invalid_grant"), (OTHER, "invalid_grant"), (KEY, None)):
        code = code_of(browser, app, dpop_jkt=JKT)
        headers = {"dpop": at_token(server, key)} if key else {}
        answer = browser.post("/oauth/token", data=_redeeming(app, code), headers=headers).json()
        assert answer.get("error") == error


def _redeeming(app: App, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://app.example/cb",
        "client_id": app.id,
        "code_verifier": app.verifier,
    }


def _refreshing(app: App, token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token, "client_id": app.id}


# --- nonces (section 8) -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noncing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = 'issuer = "{url}"\n[oauth]\ndpop_nonces = true\nrequire_dpop = true\n'
    with live(tmp_path_factory.mktemp("nonces"), toml) as running:
        running.service("billing")
        yield running


def test_rfc_9449_section_8_nonces_at_both_ends(noncing: Live) -> None:
    client = client_of(noncing, KEY)
    with noncing.client() as http:
        none = asked(http, noncing, client)
        assert (none.status_code, none.json()["error"]) == (400, "invalid_dpop_proof")
        form = assertion(KEY, client, noncing.url)
        first = asked(http, noncing, client, at_token(noncing), **form)
        assert (first.status_code, first.json()) == (400, {"error": "use_dpop_nonce"})
        nonce = first.headers["dpop-nonce"]
        answer = asked(http, noncing, client, at_token(noncing, nonce=nonce), **form)
        assert answer.status_code == 200
        assert answer.headers["dpop-nonce"] == nonce
        token = answer.json()["access_token"]
        refusal = called(http, noncing, token, at_api(noncing, token))
        assert errors(refusal)["DPoP"] == "use_dpop_nonce"
        fresh = refusal.headers["dpop-nonce"]
        assert called(http, noncing, token, at_api(noncing, token, nonce=fresh)).status_code == 200
        assert errors(called(http, noncing, token, at_api(noncing, token, nonce="x")))["DPoP"] == "use_dpop_nonce"


def test_behind_a_gateway_the_place_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    toml = 'issuer = "{url}"\n[server]\ntrusted_proxies = ["127.0.0.0/8"]\n'
    with live(tmp_path, toml) as server, server.client() as http:
        server.service("billing")
        token = asked(http, server, client_of(server, KEY), at_token(server)).json()["access_token"]
        gateway = {
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-proto": "https",
            "x-forwarded-host": "api.example",
            "x-forwarded-method": "POST",
            "x-forwarded-uri": "/orders?x=1",
            "authorization": f"DPoP {token}",
        }
        for method, url, status in (
            ("POST", "https://api.example/orders", 200),
            ("GET", "https://api.example/orders", 401),
            ("POST", "http://api.example/orders", 401),
            ("POST", f"{server.url}/check", 401),
        ):
            proof = dpop(KEY, method, url, token)
            assert http.get("/check", headers={**gateway, "dpop": proof}).status_code == status, url


def test_fapi_2_0_section_5_4_1_rs256_signs_nothing(tmp_path: Path) -> None:
    rsa = SigningKey.generate("RS256")
    with live(tmp_path, 'issuer = "{url}"\n[oauth]\nprofile = "fapi2"\n') as server, server.client() as http:
        server.service("billing")
        client = client_of(server, KEY, rsa)
        good = asked(http, server, client, at_token(server))
        assert good.json()["token_type"] == "DPoP"
        assert asked(http, server, client).json()["error"] == "invalid_request", "every token is bound"
        assert asked(http, server, client, at_token(server, rsa)).json() == {"error": "invalid_dpop_proof"}
        weak = assertion(rsa, client, server.url)
        assert asked(http, server, client, at_token(server), **weak).json() == {"error": "invalid_client"}
        strong = {"EdDSA", "Ed25519", "ES256", "PS256"}
        said = http.get("/.well-known/oauth-authorization-server").json()
        assert set(said["dpop_signing_alg_values_supported"]) == strong
        assert set(said["token_endpoint_auth_signing_alg_values_supported"]) == strong
        resource = http.get("/.well-known/oauth-protected-resource").json()
        assert set(resource["dpop_signing_alg_values_supported"]) == strong
        token = good.json()["access_token"]
        assert errors(called(http, server, token, at_api(server, token, rsa)))["DPoP"] == "invalid_dpop_proof"


def test_fapi_2_0_section_5_4_1_ps256_signs_everything(tmp_path: Path) -> None:
    key = SigningKey.generate("RS256")
    sign, bare = pss_sign(key), public(key)
    with live(tmp_path, 'issuer = "{url}"\n[oauth]\nprofile = "fapi2"\n') as server, server.client() as http:
        server.service("billing")
        for alg, status in (("PS256", 200), ("RS256", 401)):
            jwks = {"keys": [{**bare, "kid": "k", "alg": alg}]}
            client = client_of(server, auth_method="private_key_jwt", jwks=jwks)
            head = {"alg": "PS256", "kid": "k", "typ": "JWT"}
            signed = compact(head, claims_of_client(client, server.url), sign).decode()
            now = {"jti": f"p-{alg}", "iat": int(time.time()), "htm": "POST", "htu": f"{server.url}/oauth/token"}
            proof = compact({"alg": "PS256", "typ": "dpop+jwt", "jwk": bare}, now, sign).decode()
            answer = asked(http, server, client, proof, client_assertion=signed)
            assert answer.status_code == status, (alg, answer.text)
            if status == 200:
                bound = claims(answer.json()["access_token"])["cnf"]
                assert bound == {"jkt": key.verification.thumbprint()}
