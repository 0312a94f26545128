"""Two servers, one enterprise: who is logged in at the one gets a token of the other, without a second login.

Enterprise-managed authorization as MCP has it: id_token -> ID-JAG (RFC 8693) -> access token (RFC 7523).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login

from watchword.codec.jose import SigningKey
from watchword.codec.strict import to_base64url
from watchword.model.credential import Kind

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"
GRANTS = ["authorization_code", "refresh_token", EXCHANGE]


class Enterprise:
    """Hold both servers and the agent, which each of them knows by another name."""

    def __init__(self, idp: Live, chat: Live) -> None:
        self.idp, self.chat = idp, chat
        there = chat.issue(Kind.OAUTH_CLIENT, "service:agent", scopes=["chat:read"], options={"grants": [BEARER]})
        self.there = {name: there.material[name] for name in ("client_id", "client_secret")}
        places = {chat.url: self.there["client_id"]}
        scopes = ("chat:read", "chat:write")
        self.app = App(idp, grants=GRANTS, exchange={"audiences": places}, scopes=scopes)

    def logged_in(self, name: str = "alice") -> dict[str, Any]:
        """Return the tokens of who logs in at the enterprise."""
        with self.idp.client() as http:
            login(http, name)
            return dict(self.app.redeem(http, code_of(http, self.app, scope="openid")).json())

    def asserted(self, token: str, **change: Any) -> Any:
        form = {
            "grant_type": EXCHANGE,
            "requested_token_type": TYPE + "id-jag",
            "subject_token": token,
            "subject_token_type": TYPE + "id_token",
            "audience": self.chat.url,
            "scope": "chat:read",
            "client_id": self.app.id,
            "client_secret": self.app.secret,
            **change,
        }
        with self.idp.client() as http:
            return http.post("/oauth/token", data=form)

    def presented(self, assertion: str, server: Live | None = None, **change: Any) -> Any:
        form = {"grant_type": BEARER, "assertion": assertion, **self.there, **change}
        with (server or self.chat).client() as http:
            return http.post("/oauth/token", data=form)


@pytest.fixture(scope="module")
def enterprise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enterprise]:
    folder = tmp_path_factory.mktemp("enterprise")
    (folder / "idp").mkdir()
    (folder / "chat").mkdir()
    with live(folder / "idp", 'issuer = "{url}"\n') as idp:
        idp.user("alice")
        idp.user("bob")
        idp.service("app")
        words = f'[[trusted_issuer]]\nurl = "{idp.url}"\njwks_uri = "{idp.url}/oauth/jwks"\n'
        words += 'use = ["id-jag"]\nsubject = "user:{preferred_username}"\n'
        with live(folder / "chat", 'issuer = "{url}"\n' + words) as chat:
            chat.user("alice")
            chat.user("bob")
            chat.service("agent")
            yield Enterprise(idp, chat)


def test_an_agent_calls_the_other_api_for_who_logged_in_at_the_enterprise(enterprise: Enterprise) -> None:
    given = enterprise.asserted(enterprise.logged_in()["id_token"])
    assert given.status_code == 200, given.text
    assert (given.json()["token_type"], given.json()["issued_token_type"]) == ("N_A", TYPE + "id-jag")
    token = enterprise.presented(given.json()["access_token"])
    assert token.status_code == 200, token.text
    with enterprise.chat.client() as http:
        who = http.get("/whoami", headers={"authorization": f"Bearer {token.json()['access_token']}"}).json()
    assert (who["subject"], who["scopes"], who["actor"]) == ("user:alice", ["chat:read"], enterprise.there["client_id"])


def test_a_refresh_token_is_good_for_it_too_and_is_not_spent(enterprise: Enterprise) -> None:
    token = enterprise.logged_in()["refresh_token"]
    change = {"subject_token_type": TYPE + "refresh_token"}
    for _ in range(2):
        given = enterprise.asserted(token, **change)
        assert enterprise.presented(given.json()["access_token"]).status_code == 200


def test_an_id_jag_opens_nothing_and_is_good_once_and_there_alone(enterprise: Enterprise) -> None:
    jag = enterprise.asserted(enterprise.logged_in()["id_token"]).json()["access_token"]
    for server in (enterprise.idp, enterprise.chat):
        with server.client() as http:
            assert http.get("/whoami", headers={"authorization": f"Bearer {jag}"}).status_code == 401
    with enterprise.idp.client() as http:
        own = {"client_id": enterprise.app.id, "client_secret": enterprise.app.secret}
        answer = http.post("/oauth/token", data={"grant_type": BEARER, "assertion": jag, **own})
        assert answer.json()["error"] == "unauthorized_client"
    assert enterprise.presented(jag).status_code == 200
    again = enterprise.presented(jag)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


def test_who_was_disabled_at_the_enterprise_gets_no_assertion_and_there_no_token(enterprise: Enterprise) -> None:
    tokens = enterprise.logged_in("bob")
    jag = enterprise.asserted(tokens["id_token"]).json()["access_token"]
    chat, idp = enterprise.chat, enterprise.idp
    chat.do(chat.watchword.lifecycle.set_enabled("user:bob", False, by="test"))
    try:
        assert enterprise.presented(jag).json() == {"error": "invalid_grant"}
    finally:
        chat.do(chat.watchword.lifecycle.set_enabled("user:bob", True, by="test"))
    idp.do(idp.watchword.lifecycle.set_enabled("user:bob", False, by="test"))
    try:
        for name in ("id_token", "refresh_token"):
            refused = enterprise.asserted(tokens[name], subject_token_type=TYPE + name)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    finally:
        idp.do(idp.watchword.lifecycle.set_enabled("user:bob", True, by="test"))


def test_what_was_given_back_asserts_nothing_any_more(enterprise: Enterprise) -> None:
    """The id_token still holds by itself; what it was given beside does not."""
    tokens = enterprise.logged_in()
    assert enterprise.asserted(tokens["id_token"]).status_code == 200
    with enterprise.idp.client() as http:
        own = {"client_id": enterprise.app.id, "client_secret": enterprise.app.secret}
        assert http.post("/oauth/revoke", data={**own, "token": tokens["refresh_token"]}).status_code == 200
    answer = enterprise.asserted(tokens["id_token"])
    assert (answer.status_code, answer.json().get("error")) == (400, "invalid_request"), answer.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"audience": "https://other.example"}, "invalid_target"),
        ({"audience": ""}, "invalid_request"),
        ({"scope": "chat:admin"}, "invalid_scope"),
        ({"subject_token": "junk"}, "invalid_request"),
        ({"subject_token_type": TYPE + "saml2"}, "invalid_request"),
        ({"requested_token_type": TYPE + "saml2"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
    ],
    ids=str,
)
def test_errors_are_those_of_the_rfcs(enterprise: Enterprise, change: dict[str, str], error: str) -> None:
    answer = enterprise.asserted(enterprise.logged_in()["id_token"], **change)
    assert answer.json()["error"] == error
    assert answer.status_code == (401 if error == "invalid_client" else 400)


def test_must_23_what_comes_twice_is_refused_but_targets(enterprise: Enterprise) -> None:
    form = b"grant_type=x&grant_type=x&client_id=" + enterprise.app.id.encode()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    with enterprise.idp.client() as http:
        assert http.post("/oauth/token", content=form, headers=kind).json() == {"error": "invalid_request"}


def test_cve_2026_11800_a_forged_assertion_proves_nothing_whatever_its_header_says(enterprise: Enterprise) -> None:
    key = SigningKey.generate()
    jag = enterprise.asserted(enterprise.logged_in()["id_token"]).json()["access_token"]
    _, payload, signature = jag.split(".")
    for header in (
        b'{"alg":"none","typ":"oauth-id-jag+jwt"}',
        b'{"alg":"HS256","typ":"oauth-id-jag+jwt"}',
        b'{"alg":"EdDSA","typ":"oauth-id-jag+jwt","jwk":{"kty":"OKP"}}',
        b'{"alg":"EdDSA","typ":"oauth-id-jag+jwt","kid":"' + key.kid.encode() + b'"}',
    ):
        forged = f"{to_base64url(header).decode()}.{payload}.{signature}"
        assert enterprise.presented(forged).json() == {"error": "invalid_grant"}
