"""The code flow over real HTTP: RFC 6749 section 4.1, RFC 7636, RFC 9207, OpenID Connect Core 1.0."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.flow import CALLBACK, App, answer_of, code_of, login

from watchword.codec.jose import key_set, verify
from watchword.codec.oidc import challenge_of, half_hash
from watchword.codec.otp import Totp
from watchword.model.credential import Kind, State

TOML = '[limits]\naddress = "100000/min"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("authorize"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def app(server: Live) -> App:
    return App(server)


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    """A browser in which alice is signed in."""
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


@pytest.fixture
def stranger(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        yield http


def claims_of(http: httpx2.Client, token: str) -> dict[str, object]:
    keys = key_set(http.get("/oauth/jwks").content)
    assert keys
    found = [claims for key in keys.values() if isinstance(claims := verify(token.encode(), key), dict)]
    assert len(found) == 1
    return found[0]


# --- the flow ---------------------------------------------------------------------------------------------------------


def test_rfc6749_4_1_code_flow(server: Live, browser: httpx2.Client, app: App) -> None:
    answer = answer_of(browser.get(app.place()))
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("af0ifjsldkj", server.watchword.issuer)
    given = app.redeem(browser, answer["code"])
    assert given.status_code == 200
    assert given.headers["cache-control"] == "no-store"
    tokens = given.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert tokens["scope"] == "openid orders:read"
    who = browser.get("/whoami", headers={"authorization": f"Bearer {tokens['access_token']}"}).json()
    assert (who["subject"], who["scheme"], who["actor"]) == ("user:alice", "oauth2", app.id)
    assert who["credential"].startswith("fam_")
    assert who["factors"] == ["pwd"]


def test_openid_core_2_id_token(server: Live, browser: httpx2.Client, app: App) -> None:
    before = int(time.time())
    tokens = app.redeem(browser, code_of(browser, app)).json()
    claims = claims_of(browser, tokens["id_token"])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (server.watchword.issuer, "user:alice", app.id)
    assert (claims["nonce"], claims["amr"], claims["acr"]) == ("n-0S6_WzA2Mj", ["pwd"], "aal1")
    assert claims["at_hash"] == half_hash(tokens["access_token"], "EdDSA")
    assert isinstance(claims["auth_time"], int)
    assert before - 60 <= claims["auth_time"] <= time.time()


def test_an_id_token_is_no_access_token(browser: httpx2.Client, app: App) -> None:
    """MUST 10: what says who logged in opens nothing."""
    token = app.redeem(browser, code_of(browser, app)).json()["id_token"]
    assert browser.get("/whoami", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_without_openid_there_is_no_id_token(browser: httpx2.Client, app: App) -> None:
    tokens = app.redeem(browser, code_of(browser, app, scope="orders:read", nonce=None)).json()
    assert "id_token" not in tokens


def test_scopes_are_what_person_and_client_both_have(browser: httpx2.Client, app: App) -> None:
    tokens = app.redeem(browser, code_of(browser, app, scope="orders:read orders:write openid")).json()
    assert tokens["scope"] == "openid orders:read"


def test_who_is_not_signed_in_signs_in_and_comes_back(server: Live, stranger: httpx2.Client, app: App) -> None:
    first = stranger.get(app.place())
    assert first.status_code == 303
    place = urlsplit(first.headers["location"])
    assert place.path == "/login"
    back = dict(parse_qsl(place.query))["next"]
    done = login(stranger, next=back)
    assert (done.status_code, done.headers["location"]) == (303, back)
    onward = stranger.get(back)
    # A redirect here would be one that follows the login's form, and end at the page's form-action.
    assert onward.status_code == 200
    assert onward.headers["referrer-policy"] == "same-origin"
    answer = answer_of(onward)
    assert answer["state"] == "af0ifjsldkj"
    assert app.redeem(stranger, answer["code"]).status_code == 200


def test_a_posted_request_becomes_one_to_get(browser: httpx2.Client, app: App) -> None:
    first = browser.post("/oauth/authorize", data=app.request())
    assert first.status_code == 303
    assert "code" in answer_of(browser.get(first.headers["location"]))


def test_client_secret_basic(browser: httpx2.Client, app: App) -> None:
    from tests.server.oauth.test_token import basic

    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": app.verifier}
    code = code_of(browser, app)
    assert browser.post("/oauth/token", data={**form, "code": code}, headers=basic(app.id, app.secret)).is_success


def test_a_public_client_proves_itself_by_the_verifier_alone(server: Live, browser: httpx2.Client) -> None:
    native = App(server, public=True, redirect_uris=["http://127.0.0.1/cb", "com.example.app:/cb"])
    callback = "http://127.0.0.1:49152/cb"  # RFC 8252 section 7.3: whichever port is free
    place = browser.get(native.place(redirect_uri=callback)).headers["location"]
    assert place.startswith(callback + "?code=")
    code = dict(parse_qsl(urlsplit(place).query))["code"]
    given = native.redeem(browser, code, redirect_uri=callback)
    assert given.status_code == 200
    assert native.refresh(browser, given.json()["refresh_token"]).status_code == 200


def test_a_confidential_client_needs_its_secret(browser: httpx2.Client, app: App) -> None:
    code = code_of(browser, app)
    refused = app.redeem(browser, code, client_secret=None)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert app.redeem(browser, code).status_code == 200  # the code was not spent by who is nobody


def test_a_client_goes_on_while_its_secret_rotates(server: Live, browser: httpx2.Client) -> None:
    app = App(server)
    code = code_of(browser, app)
    new = server.do(server.watchword.lifecycle.rotate(app.id, overlap=3600, by="test"))
    assert app.redeem(browser, code).status_code == 200
    again = code_of(browser, app)
    assert app.redeem(browser, again, client_secret=new.material["client_secret"]).status_code == 200


# --- the login's freshness --------------------------------------------------------------------------------------------


def test_a_client_goes_on_after_many_rotations_by_its_own_name_alone(server: Live, browser: httpx2.Client) -> None:
    app = App(server)
    id = app.id
    for _ in range(10):
        id = server.do(server.watchword.lifecycle.rotate(id, overlap=0, by="test")).credential.id
    assert "code" in answer_of(browser.get(app.place()))
    assert browser.get(app.place(client_id=id)).status_code == 400


def test_prompt_none_shows_nothing(stranger: httpx2.Client, browser: httpx2.Client, app: App) -> None:
    """MUST 16."""
    answer = answer_of(stranger.get(app.place(prompt="none")))
    assert (answer["error"], answer["state"]) == ("login_required", "af0ifjsldkj")
    assert "iss" in answer
    assert "code" in answer_of(browser.get(app.place(prompt="none")))


def test_prompt_login_asks_once(browser: httpx2.Client, app: App) -> None:
    first = browser.get(app.place(prompt="login"))
    back = dict(parse_qsl(urlsplit(first.headers["location"]).query))["next"]
    login(browser, next=back)
    assert "code" in answer_of(browser.get(back))


def test_prompt_login_cannot_be_talked_out_of_it(server: Live, browser: httpx2.Client, app: App) -> None:
    """A mark of another request, or one that was made up, is none."""
    first = browser.get(app.place(prompt="login", state="another"))
    back = dict(parse_qsl(urlsplit(first.headers["location"]).query))["next"]
    mark = dict(parse_qsl(urlsplit(back).query))["resumed"]
    for resumed in (mark, "1-00", "0-" + mark.partition("-")[2], "", "-", "x" * 40):
        answer = browser.get(app.place(prompt="login", resumed=resumed))
        assert answer.headers["location"].startswith("/login?"), resumed


def test_prompt_login_counts_a_login_for_an_hour(
    server: Live, browser: httpx2.Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = dict(parse_qsl(urlsplit(browser.get(app.place(prompt="login")).headers["location"]).query))["next"]
    login(browser, next=way)
    with monkeypatch.context() as later:
        later.setattr(server.watchword, "clock", lambda: time.time() + 3_600)
        assert browser.get(way).headers["location"].startswith("/login?")
    assert "code" in answer_of(browser.get(way))


def test_max_age(server: Live, browser: httpx2.Client, app: App) -> None:
    assert "code" in answer_of(browser.get(app.place(max_age="300")))
    session = server.do(server.watchword.store.credentials(kind=Kind.SESSION))[-1]
    assert session.detail["authenticated_at"] <= time.time()
    time.sleep(1.0 - time.time() % 1.0)  # until the login is a second old
    time.sleep(0.05)
    sent = browser.get(app.place(max_age="0"))
    assert sent.headers["location"].startswith("/login?")
    back = dict(parse_qsl(urlsplit(sent.headers["location"]).query))["next"]
    login(browser, next=back)
    assert "code" in answer_of(browser.get(back))


def test_rfc9470_5_two_factors_where_nothing_less_will_do(server: Live, stranger: httpx2.Client, app: App) -> None:
    server.user("ivy")
    login(stranger, "ivy")
    assert "code" in answer_of(stranger.get(app.place(acr_values="aal2 aal1")))
    none = answer_of(stranger.get(app.place(acr_values="aal2", prompt="none")))
    assert none["error"] == "unmet_authentication_requirements"
    sent = stranger.get(app.place(acr_values="aal2")).headers["location"]
    assert sent.startswith("/login/step-up?factors=mfa&next=")
    back = dict(parse_qsl(urlsplit(sent).query))["next"]
    assert answer_of(stranger.get(back))["error"] == "unmet_authentication_requirements"  # there was nothing to prove
    factors, me = server.watchword.factors, "user:ivy"
    draft = server.do(factors.begin_totp(me))
    phone, step = Totp(draft.secret), int(time.time()) // 30
    server.do(factors.finish_totp(me, draft.handle, phone.code(step - 1), name="App", by=me))
    sent = stranger.get(app.place(acr_values="aal2")).headers["location"]
    page = stranger.get(sent)
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in form.items()} | {"code": phone.code(step)}
    done = stranger.post("/login/step-up", data=form, headers={"origin": str(stranger.base_url).rstrip("/")})
    tokens = app.redeem(stranger, answer_of(stranger.get(done.headers["location"]))["code"]).json()
    claims = claims_of(stranger, tokens["id_token"])
    assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "otp", "mfa"])


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"nonce": "é"}, "invalid_request"),
    ],
)
def test_rfc6749_4_1_2_1_errors_go_back_with_state_and_iss(
    server: Live, browser: httpx2.Client, app: App, change: dict[str, str | None], error: str
) -> None:
    answer = answer_of(browser.get(app.place(**change)))
    assert answer.pop("error_description")
    assert answer == {"error": error, "state": "af0ifjsldkj", "iss": server.watchword.issuer}
    told = server.last()
    assert (told.credential, told.detail.split(":")[0]) == (app.id, error)  # an operator sees whose request it was


def test_rfc6749_4_1_2_1_who_may_not_from_here_goes_back_with_that(
    server: Live, stranger: httpx2.Client, app: App
) -> None:
    """They got a problem document, and the application no answer."""
    away = server.issue(Kind.SESSION, "user:alice", networks=("192.0.2.0/24",))
    stranger.cookies.set("session", away.material["cookie"])
    for extra in ({}, {"prompt": "none"}):
        answer = answer_of(stranger.get(app.place(**extra)))
        assert answer == {"error": "access_denied", "state": "af0ifjsldkj", "iss": server.watchword.issuer}


def test_what_comes_twice_is_refused_on_our_page(browser: httpx2.Client, app: App) -> None:
    """MUST 23."""
    for name in ("state", "redirect_uri", "client_id", "code_challenge"):
        answer = browser.get(app.place() + f"&{name}=x")
        assert (answer.status_code, answer.headers.get("location")) == (400, None)


HOSTILE = (
    "https://app.example/cb/",
    "https://app.example/cb?x=1",
    "https://app.example/cb#",
    "https://app.example/cb#f",
    "https://app.example/cb;a=b",
    "https://app.example/cb/../evil",
    "https://app.example/cb/..;/evil",
    "https://app.example/x/../cb",
    "https://app.example//cb",
    "https://app.example\\cb",
    "https://app.example:443/cb",
    "https://APP.example/cb",
    "https://app.example./cb",
    "https://app.example/CB",
    "https://app.example/%63b",
    "https://app.example/cb%00",
    "https://app.example/cb%0d%0aSet-Cookie:x",
    "https://app.example/cb\r\nSet-Cookie: x=1",
    "https://app.example/cb ",
    " https://app.example/cb",
    "https://app.example@evil.example/cb",
    "https://evil.example@app.example/cb",
    "https://app.example.evil.example/cb",
    "https://evil.example/?https://app.example/cb",
    "https://evil.example/#https://app.example/cb",
    "https://evil.example\\@app.example/cb",
    "https://evil.example%2f@app.example/cb",
    "http://app.example/cb",
    "//app.example/cb",
    "/cb",
    "cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://аpp.example/cb",
    "https://app。example/cb",
    "https:app.example/cb",
    "https:///app.example/cb",
    "https://app.example",
    "https://app.example/cb\u0000",
    "HTTPS://app.example/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:80@evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1:1/cb/../evil",
    "http://127.0.0.1:1/other",
    "http://localhost:1/native",
    "http://[::1]:1/native",
    "http://127.0.0.1:/native@evil.example",
    "http://127.0.0.1:1\\@evil.example/native",
    "http://127.1:1/native",
    "http://2130706433:1/native",
    "https://127.0.0.1:1/native",
    "http://127.0.0.1:१/native",
    "",
)


@pytest.mark.parametrize("extra", [{}, {"prompt": "none"}, {"scope": "no such"}, {"response_type": "x"}], ids=str)
def test_cve_2026_7504_28512_redirect_corpus(server: Live, browser: httpx2.Client, extra: dict[str, str]) -> None:
    """CVE-2026-44681: no error redirects before the redirect URI is known to be the client's."""
    app = App(server, redirect_uris=[CALLBACK, "http://127.0.0.1/native"])
    for uri in (*HOSTILE, *(() if extra else URIS[::4])):  # all of them: tests/lifecycle/test_authorization.py
        answer = browser.get(app.place(redirect_uri=uri, **extra))
        assert answer.status_code == 400, uri
        assert "location" not in answer.headers, uri
        assert "http-equiv" not in answer.text, uri
    without = browser.get(app.place(redirect_uri=None, **extra))
    assert (without.status_code, without.headers.get("location")) == (400, None)


def test_unknown_clients_are_told_on_our_page(server: Live, browser: httpx2.Client, app: App) -> None:
    for id in ("cli_nobody", "", "user:alice", "sig_x", app.id + "x"):
        answer = browser.get(app.place(client_id=id))
        assert (answer.status_code, answer.headers.get("location")) == (400, None)
    gone = App(server)
    server.do(server.watchword.lifecycle.revoke(gone.id, reason="test", by="test"))
    assert browser.get(gone.place()).status_code == 400


def test_a_client_without_the_grant(server: Live, browser: httpx2.Client) -> None:
    app = App(server, grants=["client_credentials"])
    assert answer_of(browser.get(app.place()))["error"] == "unauthorized_client"


def test_a_request_too_long_for_the_way_through_the_login(stranger: httpx2.Client, app: App) -> None:
    assert answer_of(stranger.get(app.place(login_hint="x" * 2000)))["error"] == "invalid_request"


def test_a_post_that_is_no_form(browser: httpx2.Client) -> None:
    assert browser.post("/oauth/authorize", content=b"{}", headers={"content-type": "text/plain"}).status_code == 400
    assert browser.post("/oauth/authorize", content=b"x" * 70_000).status_code == 413


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://app.example/cb2"},
        {"redirect_uri": None},
        {"code_verifier": "x" * 43},
        {"code_verifier": "é" * 43},
    ],
    ids=str,
)
def test_a_code_is_bound_and_gone_with_the_first_wrong_use(
    browser: httpx2.Client, app: App, change: dict[str, str | None]
) -> None:
    """MUST 4, MUST 5."""
    code = code_of(browser, app)
    refused = app.redeem(browser, code, **change)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})
    assert app.redeem(browser, code).status_code == 400


def test_cve_2024_23647_pkce_downgrade(browser: httpx2.Client, app: App) -> None:
    code = code_of(browser, app)
    refused = app.redeem(browser, code, code_verifier=None)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_request"})
    plain = App(app.server)
    plain.verifier = challenge_of(app.verifier)  # the challenge itself, as by the method "plain"
    assert app.redeem(browser, code, code_verifier=plain.verifier).json() == {"error": "invalid_grant"}


def test_cve_2026_28513_cve_2026_55672_code_of_another_client(server: Live, browser: httpx2.Client, app: App) -> None:
    other = App(server)
    code = code_of(browser, app)
    refused = other.redeem(browser, code, code_verifier=app.verifier)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


def test_a_code_used_twice_revokes_what_it_gave(server: Live, browser: httpx2.Client, app: App) -> None:
    """RFC 6749 section 4.1.2."""
    code = code_of(browser, app)
    tokens = app.redeem(browser, code).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/whoami", headers=bearer).status_code == 200
    assert app.redeem(browser, code).json() == {"error": "invalid_grant"}
    assert browser.get("/whoami", headers=bearer).status_code == 401
    assert app.refresh(browser, tokens["refresh_token"]).json() == {"error": "invalid_grant"}


def test_100_uses_of_a_code_have_one_winner_who_keeps_nothing(server: Live, browser: httpx2.Client, app: App) -> None:
    code = code_of(browser, app)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: app.redeem(browser, code), range(100)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} == {200, 400}
    assert app.refresh(browser, won[0]["refresh_token"]).status_code == 400
    family = claims_of(browser, won[0]["access_token"])["sid"]
    assert server.do(server.watchword.lifecycle.show(str(family))).state(time.time()) is State.REVOKED


def test_every_prefix_of_a_code_is_nothing(browser: httpx2.Client, app: App) -> None:
    """CVE-2026-27840."""
    code = code_of(browser, app)
    for text in (code[:-1], code[:10], code + "x", code.lower(), "ac_"):
        assert app.redeem(browser, text).json() == {"error": "invalid_grant"}
    assert app.redeem(browser, code).status_code == 200


def test_a_code_ends_with_the_session_that_it_came_from(server: Live, browser: httpx2.Client, app: App) -> None:
    code = code_of(browser, app)
    session = browser.get("/whoami").json()["credential"]
    server.do(server.watchword.lifecycle.revoke(session, reason="test", by="test"))
    assert app.redeem(browser, code).json() == {"error": "invalid_grant"}


def test_cve_2026_43983_nothing_for_the_disabled(server: Live, stranger: httpx2.Client, app: App) -> None:
    server.user("carol")
    login(stranger, "carol")
    code, first = code_of(stranger, app, scope="openid"), code_of(stranger, app, scope="openid")
    tokens = app.redeem(stranger, first).json()
    server.do(server.watchword.lifecycle.set_enabled("user:carol", False, by="test"))
    assert app.redeem(stranger, code).json() == {"error": "invalid_grant"}
    assert app.refresh(stranger, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert stranger.get("/oauth/userinfo", headers=bearer).status_code == 401


# --- refresh ----------------------------------------------------------------------------------------------------------


def test_rfc6749_6_refresh(browser: httpx2.Client, app: App) -> None:
    tokens = app.redeem(browser, code_of(browser, app)).json()
    again = app.refresh(browser, tokens["refresh_token"], scope="orders:read").json()
    assert again["scope"] == "orders:read"
    assert "id_token" not in again
    wider = app.refresh(browser, again["refresh_token"])
    assert wider.json()["scope"] == "openid orders:read"
    claims = claims_of(browser, wider.json()["id_token"])
    assert "nonce" not in claims  # OpenID Connect Core 1.0 section 12.2
    assert app.refresh(browser, wider.json()["refresh_token"], scope="orders:write").json()["error"] == "invalid_scope"


def test_refresh_is_for_the_client_alone(server: Live, browser: httpx2.Client, app: App) -> None:
    """MUST 7; and the login's own refresh, which asks for no client, continues no application's tokens."""
    tokens = app.redeem(browser, code_of(browser, app)).json()
    other = App(server)
    assert other.refresh(browser, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    assert browser.post("/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert app.refresh(browser, tokens["refresh_token"]).status_code == 200  # nobody else's try spent it


def test_a_logins_refresh_token_is_nothing_to_a_client(browser: httpx2.Client, app: App) -> None:
    from tests.server.live import PASSWORD

    mine = browser.post("/login", json={"username": "alice", "password": PASSWORD}).json()["refresh_token"]
    assert app.refresh(browser, mine).json() == {"error": "invalid_grant"}
    assert browser.post("/refresh", json={"refresh_token": mine}).status_code == 200


def test_a_replayed_refresh_token_ends_the_family(browser: httpx2.Client, app: App) -> None:
    tokens = app.redeem(browser, code_of(browser, app)).json()
    second = app.refresh(browser, tokens["refresh_token"]).json()
    third = app.refresh(browser, second["refresh_token"]).json()
    assert app.refresh(browser, tokens["refresh_token"]).status_code == 400  # an ancestor
    assert app.refresh(browser, third["refresh_token"]).status_code == 400


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_no_secret_is_kept_or_noted(server: Live, browser: httpx2.Client, app: App, tmp_path: Path) -> None:
    code = code_of(browser, app)
    tokens = app.redeem(browser, code).json()
    noted = json.dumps([event._asdict() for event in server.events()])
    stored = b"".join(path.read_bytes() for path in server.config.parent.rglob("live.db*") if path.is_file())
    for secret in (code, app.verifier, app.secret, tokens["refresh_token"], tokens["access_token"]):
        assert secret not in noted
        assert secret.encode() not in stored
    assert urlencode({"code": code}) not in noted
