"""RP-initiated logout over real HTTP: who is signed out, who is asked, and where nobody is ever sent."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login

from watchword.model.records import Swap

AFTER = "https://app.example/cb"  # what the hostile URIs are variants of
HERE = "/oauth/logout"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("logout"), '[limits]\naddress = "100000/min"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        running.user("bob")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


@pytest.fixture(scope="module")
def app(server: Live) -> App:
    return App(server, post_logout_redirect_uris=[AFTER, AFTER + "?kept=1"], client_name="The <Shop>")


def id_token(http: httpx2.Client, app: App, **more: str) -> dict[str, Any]:
    tokens: dict[str, Any] = app.redeem(http, code_of(http, app, **more)).json()
    return tokens


def signed_in(http: httpx2.Client) -> bool:
    return http.get("/account").status_code == 200


def asked(answer: httpx2.Response) -> dict[str, str]:
    """Return the hidden fields of the page that asks."""
    assert answer.status_code == 200
    assert 'action="/oauth/logout"' in answer.text
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text)
    return {name: html.unescape(value) for name, value in found}


def confirm(http: httpx2.Client, fields: dict[str, str]) -> httpx2.Response:
    return http.post(HERE, data=fields, headers={"origin": str(http.base_url).rstrip("/")})


def test_with_an_id_token_of_this_session_nobody_is_asked(server: Live, http: httpx2.Client, app: App) -> None:
    tokens = id_token(http, app)
    request = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "x y&z"}
    answer = http.get(HERE, params=request)
    assert answer.status_code == 303
    assert answer.headers["location"] == AFTER + "?state=x+y%26z"
    assert not signed_in(http)
    assert app.refresh(http, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    head = {"authorization": f"Bearer {tokens['access_token']}"}
    assert http.get("/oauth/userinfo", headers=head).status_code == 401
    ended = [event for event in server.events() if event.action == "revoke"]
    assert f"logged out from {app.id}" in {event.detail for event in ended}


def test_what_was_asked_for_to_last_goes_on(http: httpx2.Client, app: App) -> None:
    """OpenID Connect Core 1.0 section 11, Back-Channel Logout 1.0 section 2.7."""
    tokens = id_token(http, app, scope="openid offline_access")
    http.get(HERE, params={"id_token_hint": tokens["id_token"]})
    assert not signed_in(http)
    assert app.refresh(http, tokens["refresh_token"]).status_code == 200


def test_a_posted_request_is_the_same(http: httpx2.Client, app: App) -> None:
    tokens = id_token(http, app)
    answer = http.post(HERE, data={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(HERE + "?")
    assert http.get(answer.headers["location"]).headers["location"] == AFTER
    assert not signed_in(http)


@pytest.mark.parametrize(
    "fields", [{}, {"client": ""}, {"client": "", "place": ""}, {"client": "", "place": "", "state": "s"}]
)
def test_without_a_hint_the_person_is_asked(http: httpx2.Client, app: App, fields: dict[str, str]) -> None:
    known = {"client": ("client_id", app.id), "place": ("post_logout_redirect_uri", AFTER), "state": ("state", "s")}
    request = dict(known[name] for name in fields)
    page = http.get(HERE, params=request)
    kept = asked(page)
    assert signed_in(http)
    assert ("The &lt;Shop&gt;" in page.text) is ("client" in fields)
    assert {name: value for name, value in kept.items() if name != "csrf_token"} == request
    answer = confirm(http, kept)
    assert not signed_in(http)
    if "place" in fields:
        where = AFTER + ("?state=s" if "state" in fields else "")
        assert f'content="0;url={where}"' in answer.text
        assert "location" not in answer.headers
    else:
        assert "You are signed out." in answer.text
    assert "session=;" in answer.headers["set-cookie"]


def test_the_page_speaks_german_where_that_is_wanted(http: httpx2.Client, app: App) -> None:
    assert "Abmelden?" in http.get(HERE, headers={"accept-language": "de"}).text
    assert "Abmelden?" in http.get(HERE, params={"client_id": app.id, "ui_locales": "fr de-AT en"}).text
    assert "Sign out?" in http.get(HERE).text


def test_an_id_token_of_another_session_signs_nobody_out(server: Live, http: httpx2.Client, app: App) -> None:
    tokens = id_token(http, app)
    with server.client() as elsewhere:
        for name in ("alice", "bob"):
            login(elsewhere, name)
            asked(elsewhere.get(HERE, params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER}))
            assert signed_in(elsewhere)
    assert signed_in(http)


def test_a_session_that_was_begun_anew_is_the_same_to_applications(http: httpx2.Client, app: App) -> None:
    tokens = id_token(http, app)
    before = http.cookies["session"]
    login(http)
    assert http.cookies["session"] != before
    assert id_token(http, app)["id_token"].split(".")[1] != tokens["id_token"].split(".")[1]
    assert http.get(HERE, params={"id_token_hint": tokens["id_token"]}).status_code == 200
    assert not signed_in(http)


def test_who_is_signed_out_already_is_sent_back_all_the_same(server: Live, http: httpx2.Client, app: App) -> None:
    tokens = id_token(http, app)
    with server.client() as nobody:
        assert "You are signed out." in nobody.get(HERE).text
        for request in ({"client_id": app.id}, {"id_token_hint": tokens["id_token"]}):
            answer = nobody.get(HERE, params={**request, "post_logout_redirect_uri": AFTER})
            assert answer.headers["location"] == AFTER


@pytest.mark.parametrize("source", ["registered", "document"])
def test_rfc_9700_4_11_2_nobody_gets_a_redirect_of_ours_by_describing_a_client(
    server: Live, http: httpx2.Client, source: str
) -> None:
    """Whoever describes a client of their own names its place: a link to us must not lead there by itself."""
    theirs = App(server, post_logout_redirect_uris=["https://evil.example/out"])
    tokens, store = id_token(http, theirs), server.watchword.store
    record = server.do(store.credential(theirs.id))
    assert record is not None
    assert server.do(store.write(Swap(record.changed(detail={**record.detail, "source": source}))))
    request = {"client_id": theirs.id, "post_logout_redirect_uri": "https://evil.example/out", "state": "s&1"}
    with server.client() as nobody:
        for more in ({}, {"id_token_hint": tokens["id_token"]}):
            answer = nobody.get(HERE, params={**request, **more})
            assert answer.status_code == 200
            assert "location" not in answer.headers
            assert "refresh" not in answer.text
            assert 'href="https://evil.example/out?state=s%261"' in answer.text
            assert "Go on to evil.example" in answer.text
        answer = nobody.get(HERE, params={"client_id": theirs.id})
        assert "You are signed out." in answer.text
        assert "evil" not in answer.text
    answer = http.get(HERE, params={**request, "id_token_hint": tokens["id_token"]})
    assert answer.headers["location"].startswith("https://evil.example/out")  # who came from there goes back
    assert not signed_in(http)


def test_another_site_cannot_answer_for_the_person(http: httpx2.Client) -> None:
    kept = asked(http.get(HERE))
    for fields, origin in (
        ({**kept, "csrf_token": "0" * 64}, str(http.base_url).rstrip("/")),
        ({**kept, "csrf_token": ""}, str(http.base_url).rstrip("/")),
        (kept, "https://evil.example"),
        (kept, "null"),
    ):
        answer = http.post(HERE, data=fields, headers={"origin": origin})
        assert answer.status_code == 403
        assert signed_in(http)
    answer = http.post(HERE, data={"do": "end"}, headers={"origin": "https://evil.example"})
    assert answer.headers["location"].startswith(HERE)  # where a page asks
    assert signed_in(http)


def test_must_3_a_redirect_corpus_gets_no_redirect(http: httpx2.Client, app: App) -> None:
    hint = id_token(http, app)["id_token"]
    for uri in URIS:
        for more in ({"client_id": app.id}, {"id_token_hint": hint}):
            answer = http.get(HERE, params={**more, "post_logout_redirect_uri": uri, "state": "s"})
            if uri:
                assert answer.status_code == 400, uri
                assert "refresh" not in answer.text, uri
            assert "location" not in answer.headers, uri
            assert "url=" not in answer.text, uri


def test_a_place_of_nobody_is_nobodys(http: httpx2.Client) -> None:
    assert http.get(HERE, params={"post_logout_redirect_uri": AFTER}).status_code == 400
    assert http.get(HERE, params={"post_logout_redirect_uri": AFTER, "client_id": "cli_none"}).status_code == 400
    assert signed_in(http)


def test_cve_2026_39999_11800_what_is_no_id_token_is_no_hint(server: Live, http: httpx2.Client, app: App) -> None:
    from tests.lifecycle.outside.test_relying import by_hmac, compact

    from watchword.codec.jose import SigningKey

    tokens = id_token(http, app)
    head, body, signature = tokens["id_token"].split(".")
    kid = server.watchword.keys.signing_key().kid
    key = server.watchword.keys.signing_key()
    claims = server.watchword.tokens.openid.hinted(tokens["id_token"])
    assert claims is not None
    full = {"iss": server.url, "sub": claims.subject, "aud": app.id, "sid": claims.session, "at_hash": "x"}
    hints = {
        "access": tokens["access_token"],
        "cut": f"{head}.{body}.{signature[:-1]}",
        "no signature": f"{head}.{body}.",
        "none": compact({"alg": "none", "typ": "JWT", "kid": kid}, full),
        "hmac by the public key": by_hmac(
            {"alg": "HS256", "typ": "JWT", "kid": kid}, full, str(key.public_jwk()["x"]).encode()
        ),
        "another key": SigningKey.generate("EdDSA", kid=kid).sign(full),
        "logout token": key.sign({**full, "events": {}}, "logout+jwt"),
        "an event": key.sign({**full, "events": {}}),
        "a first-party token": http.post("/login", json={"username": "alice", "password": _PASSWORD}).json()["token"],
        "text": "x",
        "not ascii": "é.é.é",
        "long": "x" * 5_000,
    }
    for name, hint in hints.items():
        answer = http.get(HERE, params={"id_token_hint": hint, "client_id": app.id, "post_logout_redirect_uri": AFTER})
        assert answer.status_code == 400, name
        assert "location" not in answer.headers
    assert signed_in(http)


_PASSWORD = "correct horse battery staple"


def test_a_hint_for_another_client_is_refused(server: Live, http: httpx2.Client, app: App) -> None:
    other = App(server, post_logout_redirect_uris=["https://other.example/"])
    tokens = id_token(http, app)
    request = {"id_token_hint": tokens["id_token"], "client_id": other.id}
    assert http.get(HERE, params=request).status_code == 400
    only = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://other.example/"}
    assert http.get(HERE, params=only).status_code == 400
    assert signed_in(http)


def test_must_23_duplicates_are_refused(http: httpx2.Client, app: App) -> None:
    for name, value in (
        ("client_id", app.id),
        ("post_logout_redirect_uri", AFTER),
        ("state", "s"),
        ("id_token_hint", "x"),
    ):
        query = urlencode([("client_id", app.id), (name, value), (name, value)])
        assert http.get(f"{HERE}?{query}").status_code == 400
        head = {"content-type": "application/x-www-form-urlencoded"}
        assert http.post(HERE, content=query, headers=head).status_code == 400
    assert signed_in(http)


@pytest.mark.parametrize("state", ["x" * 513, "é", "a\nb"])
def test_a_state_is_short_and_plain(http: httpx2.Client, app: App, state: str) -> None:
    request = {"client_id": app.id, "post_logout_redirect_uri": AFTER, "state": state}
    assert http.get(HERE, params=request).status_code == 400


def test_a_query_of_the_registered_place_is_kept(server: Live, app: App) -> None:
    with server.client() as nobody:
        request = {"client_id": app.id, "post_logout_redirect_uri": AFTER + "?kept=1", "state": "s"}
        assert nobody.get(HERE, params=request).headers["location"] == AFTER + "?kept=1&state=s"


def test_what_is_too_large_or_no_form_is_refused(http: httpx2.Client) -> None:
    head = {"content-type": "application/x-www-form-urlencoded"}
    assert http.post(HERE, content="x=" + "y" * 7_000, headers=head).status_code == 400
    assert http.post(HERE, content="x=" + "y" * 70_000, headers=head).status_code == 413
    assert http.post(HERE, json={}).status_code == 400
    assert signed_in(http)
