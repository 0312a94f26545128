"""Consent over real HTTP: what applications of others may do for a person, and what they may not."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.consenting import answered, form_of
from tests.server.oauth.flow import App, answer_of, login
from tests.server.oauth.keyed import edit
from tests.server.oauth.test_par import place, pushed

from watchword.model.credential import Kind

TOML = """
[limits]
address = "100000/min"
[oauth.scopes]
"orders:read" = { en = "See your orders", de = "Ihre Bestellungen sehen" }
"orders:write" = "Place orders"
[oauth.authorization_details]
payment = "Pay once"
"""
SPA = "http://127.0.0.1/native"
PAYMENT = {"type": "payment", "amount": {"currency": "EUR", "value": "12.50"}, "actions": ["pay"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("consent"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read", "orders:write"))
        running.user("bob", scopes=("orders:read",))
        yield running


@pytest.fixture
def app(server: Live) -> App:
    """An application of somebody else, which nobody has agreed to yet."""
    return App(server, first_party=False)


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


def tokens_of(http: httpx2.Client, app: App, **more: str | None) -> dict[str, Any]:
    page = http.get(app.place(**more))
    answer = answer_of(page) if page.status_code == 303 else answer_of(answered(http, page))
    given = app.redeem(http, answer["code"])
    assert given.status_code == 200, given.text
    return dict(given.json())


def works(http: httpx2.Client, tokens: dict[str, Any]) -> bool:
    http.cookies.clear()
    return http.get("/whoami", headers={"authorization": f"Bearer {tokens['access_token']}"}).status_code == 200


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_person_is_asked_once(server: Live, browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    assert "See your orders" in page.text
    assert "Know who you are" in page.text
    assert "Place orders" not in page.text
    assert "app.example" in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    answer = answer_of(answered(browser, page))
    assert answer.keys() == {"code", "state", "iss"}
    assert app.redeem(browser, answer["code"]).json()["scope"] == "openid orders:read"
    assert browser.get(app.place()).status_code == 303  # remembered
    assert answer_of(browser.get(app.place(prompt="none"))).keys() == {"code", "state", "iss"}


def test_in_the_language_of_the_person_or_of_the_application(browser: httpx2.Client, app: App) -> None:
    assert "Ihre Bestellungen sehen" in browser.get(app.place(), headers={"accept-language": "de"}).text
    assert "Ihre Bestellungen sehen" in browser.get(app.place(ui_locales="fr de-AT")).text
    assert "See your orders" in browser.get(app.place(ui_locales="fr"), headers={"accept-language": "de;q=0"}).text


def test_must_16_prompt_none_never_asks(browser: httpx2.Client, app: App) -> None:
    answer = answer_of(browser.get(app.place(prompt="none")))
    assert (answer["error"], answer["state"]) == ("consent_required", "af0ifjsldkj")


def test_asked_again_for_more_and_where_the_application_wants_that(browser: httpx2.Client, app: App) -> None:
    answered(browser, browser.get(app.place()))
    more = browser.get(app.place(scope="openid orders:read orders:write"))
    assert "Place orders" in more.text
    answered(browser, more)
    assert browser.get(app.place(scope="openid orders:read orders:write")).status_code == 303
    assert 'action="/oauth/consent"' in browser.get(app.place(prompt="consent")).text


def test_first_party_applications_ask_nobody_unless_they_want_to(server: Live, browser: httpx2.Client) -> None:
    own = App(server)
    assert browser.get(own.place()).status_code == 303
    assert 'action="/oauth/consent"' in browser.get(own.place(prompt="consent")).text


def test_what_a_person_has_not_is_neither_shown_nor_given(server: Live, app: App) -> None:
    with server.client() as http:
        login(http, "bob")
        page = http.get(app.place(scope="openid orders:read orders:write"))
        assert "Place orders" not in page.text
        answer = answer_of(answered(http, page, **{"scope:orders:write": "on"}))
        assert app.redeem(http, answer["code"]).json()["scope"] == "openid orders:read"


def test_boxes_can_be_left_out(browser: httpx2.Client, app: App) -> None:
    wanted = "openid orders:read orders:write"
    answer = answer_of(answered(browser, browser.get(app.place(scope=wanted)), **{"scope:orders:write": None}))
    assert app.redeem(browser, answer["code"]).json()["scope"] == "openid orders:read"
    again = browser.get(app.place(scope=wanted))  # and nobody is asked for it each time
    assert app.redeem(browser, answer_of(again)["code"]).json()["scope"] == "openid orders:read"


def test_only_what_was_shown_is_given(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place(scope="openid"))
    answer = answer_of(answered(browser, page, **{"scope:orders:write": "on", "scope:orders:read": "on"}))
    assert app.redeem(browser, answer["code"]).json()["scope"] == "openid"


def test_claims_by_name_are_asked_for_too_and_can_be_left_out(browser: httpx2.Client, app: App) -> None:
    """OpenID Connect Core 1.0 section 5.5: what ``claims`` wants is no way around the person."""
    claims = json.dumps({"id_token": {"preferred_username": None}, "userinfo": {"preferred_username": None}})
    page = browser.get(app.place(scope="openid", claims=claims))
    assert "See your name" in page.text
    answer = answer_of(answered(browser, page, **{"scope:profile": None}))
    tokens = app.redeem(browser, answer["code"]).json()
    assert tokens["scope"] == "openid"
    assert "preferred_username" not in claims_in(tokens["id_token"])
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    with app.server.client() as program:
        assert "preferred_username" not in program.get("/oauth/userinfo", headers=bearer).json()
    again = answer_of(answered(browser, browser.get(app.place(scope="openid", claims=claims, prompt="consent"))))
    assert claims_in(app.redeem(browser, again["code"]).json()["id_token"])["preferred_username"] == "alice"


def claims_in(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def test_denied(browser: httpx2.Client, app: App) -> None:
    for decision, boxes in (("deny", {}), ("", {}), ("Allow", {})):
        answer = answer_of(answered(browser, browser.get(app.place()), decision, **boxes))
        assert (answer["error"], answer["state"], "code" in answer) == ("access_denied", "af0ifjsldkj", False)
    page = browser.get(app.place(scope="orders:read"))
    assert answer_of(answered(browser, page, **{"scope:orders:read": None}))["error"] == "access_denied"
    assert 'action="/oauth/consent"' in browser.get(app.place()).text  # nothing was remembered


def test_names_are_text(server: Live, browser: httpx2.Client, app: App) -> None:
    server.do(edit(server, app, client_name="<script>alert(1)</script>", client_uri="https://maker.example/x"))
    page = browser.get(app.place())
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "maker.example" in page.text
    assert "<img" not in page.text


def test_who_vouches_for_an_application(server: Live, browser: httpx2.Client, app: App) -> None:
    server.do(edit(server, app, source="registered"))
    assert "registered itself" in browser.get(app.place()).text


# --- whose answer it is -----------------------------------------------------------------------------------------------


def test_consent_of_another_session_is_none(server: Live, browser: httpx2.Client, app: App) -> None:
    """Consent confusion: a request that one person was shown is not granted in the session of another."""
    page = browser.get(app.place())
    with server.client() as other:
        login(other, "bob")
        mine = form_of(other.get(app.place()))
        refused = answered(other, page, csrf_token=mine["csrf_token"])
        assert (refused.status_code, "http-equiv" in refused.text) == (400, False)
    with server.client() as again:
        login(again)
        mine = form_of(again.get(app.place()))
        assert answered(again, page, csrf_token=mine["csrf_token"]).status_code == 400


def test_a_forged_or_altered_request_is_none(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    whole = form_of(page)["request"]
    for request in ("", "x", whole[:-4], whole[:-6] + "AAAA==", "é", whole.swapcase()):
        refused = answered(browser, page, request=request)
        assert (refused.status_code, "http-equiv" in refused.text) == (400, False)


def test_rfc6819_5_3_5_another_site_cannot_agree(browser: httpx2.Client, app: App) -> None:
    form = {**form_of(browser.get(app.place())), "decision": "allow"}
    for change, headers in (
        ({"csrf_token": "0" * 64}, {"origin": str(browser.base_url).rstrip("/")}),
        ({"csrf_token": ""}, {"origin": str(browser.base_url).rstrip("/")}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"origin": "null"}),
        ({}, {"sec-fetch-site": "cross-site"}),
    ):
        refused = browser.post("/oauth/consent", data={**form, **change}, headers=headers)
        assert (refused.status_code, "http-equiv" in refused.text) == (403, False)


def test_100_answers_to_one_page_give_one_code(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: answered(browser, page), range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 99


def test_signed_out_meanwhile(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    fields = {**form_of(page), "decision": "allow"}
    browser.cookies.clear()
    refused = browser.post("/oauth/consent", data=fields)
    assert (refused.status_code, "http-equiv" in refused.text) == (401, False)


def test_a_client_that_changed_meanwhile_is_judged_anew(server: Live, browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    server.do(edit(server, app, redirect_uris=["https://app.example/other"]))
    refused = answered(browser, page)
    assert (refused.status_code, "http-equiv" in refused.text) == (400, False)
    gone = App(server, first_party=False)
    page = browser.get(gone.place())
    server.do(server.watchword.lifecycle.revoke(gone.id, reason="test", by="test"))
    assert answered(browser, page).status_code == 400


# --- who cannot be told -----------------------------------------------------------------------------------------------


def test_rfc8252_8_6_native_applications_are_asked_for_every_time(server: Live, browser: httpx2.Client) -> None:
    native = App(server, first_party=False, public=True, redirect_uris=[SPA])
    where = {"redirect_uri": "http://127.0.0.1:4711/native"}
    page = browser.get(native.place(**where))
    assert "a program on this device" in page.text
    assert "http://127.0.0.1:4711/native?code=" in answered(browser, page).text
    assert 'action="/oauth/consent"' in browser.get(native.place(**where)).text
    assert "error=consent_required" in browser.get(native.place(**where, prompt="none")).headers["location"]


# --- taking back ------------------------------------------------------------------------------------------------------


def consent_of(server: Live, app: App, subject: str = "user:alice") -> str:
    record = server.do(server.watchword.oauth.consents.of(subject, app.id))
    assert record is not None
    return record.id


def test_must_7_withdrawing_takes_tokens_codes_and_the_memory(server: Live, browser: httpx2.Client, app: App) -> None:
    tokens = tokens_of(browser, app)
    waiting = answer_of(browser.get(app.place()))["code"]
    others = tokens_of(browser, App(server, first_party=False))
    with server.client() as program:
        assert works(program, tokens)
        server.do(server.watchword.lifecycle.revoke(consent_of(server, app), reason="test", by="user:alice"))
        assert not works(program, tokens)
        assert works(program, others)
        assert app.refresh(program, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
        assert app.redeem(program, waiting).json() == {"error": "invalid_grant"}
    assert 'action="/oauth/consent"' in browser.get(app.place()).text
    fresh = tokens_of(browser, app)  # agreed to again: only what is new works
    with server.client() as program:
        assert works(program, fresh)
        assert not works(program, tokens)


def test_withdrawn_while_the_code_is_redeemed(
    server: Live, browser: httpx2.Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(browser, browser.get(app.place()))
    code, consent = answer_of(browser.get(app.place()))["code"], consent_of(server, app)
    begin = server.watchword.families.start

    async def late(*given: Any, **more: Any) -> Any:
        await server.watchword.lifecycle.revoke(consent, reason="test", by="user:alice")
        return await begin(*given, **more)

    monkeypatch.setattr(server.watchword.families, "start", late)
    assert app.redeem(browser, code).json() == {"error": "invalid_grant"}
    families = server.do(server.watchword.store.credentials(kind=Kind.REFRESH, subject="user:alice", limit=1000))
    assert all(each.revoked_at for each in families if each.detail.get("client") == app.id)


# --- pushed, signed, and for one act ----------------------------------------------------------------------------------


def test_pushed_requests_are_spent_by_the_answer(server: Live, browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app)
    first, second = browser.get(place(app, uri)), browser.get(place(app, uri))  # reloaded
    assert "code" in answer_of(answered(browser, first))
    late = answered(browser, second)
    assert (late.status_code, "http-equiv" in late.text) == (400, False)
    other = pushed(browser, app, prompt="consent")
    page = browser.get(place(app, other))
    assert answer_of(answered(browser, page, "deny"))["error"] == "access_denied"
    assert browser.get(place(app, other)).status_code == 400


def test_rfc9396_single_acts_are_shown_given_and_asked_for_each_time(
    server: Live, browser: httpx2.Client, app: App
) -> None:
    server.do(edit(server, app, authorization_details_types=["payment"]))
    details = json.dumps([PAYMENT])
    page = browser.get(app.place(authorization_details=details))
    assert "Pay once" in page.text
    assert "currency: EUR, value: 12.50" in page.text
    given = app.redeem(browser, answer_of(answered(browser, page))["code"]).json()
    assert given["authorization_details"] == [PAYMENT]
    assert 'action="/oauth/consent"' in browser.get(app.place(authorization_details=details)).text
    more = json.dumps([{**PAYMENT, "amount": {"currency": "EUR", "value": "1000"}}])
    assert app.refresh(browser, given["refresh_token"], authorization_details=more).json()["error"] == (
        "invalid_authorization_details"
    )
    again = app.refresh(browser, given["refresh_token"]).json()
    assert again["authorization_details"] == [PAYMENT]
    unknown = answer_of(browser.get(app.place(authorization_details='[{"type": "admin"}]')))
    assert unknown["error"] == "invalid_authorization_details"


def test_rfc9396_single_acts_of_a_client_itself(server: Live, browser: httpx2.Client) -> None:
    own = App(server, grants=["client_credentials"], authorization_details_types=["payment"])
    form = {"grant_type": "client_credentials", "client_id": own.id, "client_secret": own.secret}
    given = browser.post("/oauth/token", data={**form, "authorization_details": json.dumps([PAYMENT])}).json()
    assert given["authorization_details"] == [PAYMENT]
    assert claims_in(given["access_token"])["authorization_details"] == [PAYMENT]
    refused = browser.post("/oauth/token", data={**form, "authorization_details": '[{"type": "admin"}]'})
    assert refused.json()["error"] == "invalid_authorization_details"


def test_the_way_to_another_account(server: Live, browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    assert "Not alice?" in page.text
    assert "/login?next=%2Foauth%2Fauthorize" in page.text
    long = browser.get(app.place(login_hint="x" * 2000))
    assert "Not alice?" not in long.text


def test_login_hint_names_whom_to_log_in(server: Live, app: App) -> None:
    with server.client() as http:
        away = http.get(app.place(login_hint='bob"><script>'))
        page = http.get(away.headers["location"])
        assert 'value="bob&#34;&gt;&lt;script&gt;"' in page.text


def test_get_is_no_answer(browser: httpx2.Client) -> None:
    assert browser.get("/oauth/consent?" + urlencode({"decision": "allow"})).status_code == 405
