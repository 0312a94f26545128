"""What a yes does not mean: another API, another day, a form twice, or what could not be read on the page."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.consenting import answered, form_of
from tests.server.oauth.flow import App, answer_of, login
from tests.server.oauth.keyed import KeyedApp, edit
from tests.tokens import compact, raw_sign

from watchword.model.records import Swap

API, OTHER = "https://api.example/v1", "https://other.example/"
BOTH = "openid orders:read orders:write"
TOML = f"""
[limits]
address = "100000/min"
[oauth.authorization_details]
payment = "Pay once"
[[resource]]
uri = "{API}"
[[resource]]
uri = "{OTHER}"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("limits"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read", "orders:write"))
        yield running


@pytest.fixture
def app(server: Live) -> App:
    return App(server, first_party=False)


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


def agreed(http: httpx2.Client, app: App, *, without: str = "", **more: str | None) -> dict[str, str]:
    """Agree, but for one scope, and return the answer."""
    page = http.get(app.place(**more))
    return answer_of(answered(http, page, **({f"scope:{without}": None} if without else {})))


def asks(http: httpx2.Client, app: App, **more: str | None) -> bool:
    """Return whether the page comes, and a client that wants nobody asked is told so."""
    page = http.get(app.place(**more))
    silent = answer_of(http.get(app.place(**more, prompt="none")))
    assert ("error" in silent) is (page.status_code == 200)
    assert silent.get("error", "consent_required") == "consent_required"
    return page.status_code == 200


# --- of which API -----------------------------------------------------------------------------------------------------


def test_rfc8707_a_yes_for_one_api_is_none_for_our_own(browser: httpx2.Client, app: App) -> None:
    agreed(browser, app, resource=API)
    assert not asks(browser, app, resource=API)
    assert asks(browser, app)


def test_rfc8707_a_yes_for_our_own_api_is_none_for_another(browser: httpx2.Client, app: App) -> None:
    agreed(browser, app)
    assert not asks(browser, app)
    assert asks(browser, app, resource=API)


def test_rfc8707_scopes_are_agreed_to_for_each_api(browser: httpx2.Client, app: App) -> None:
    agreed(browser, app, resource=API, scope="orders:read")
    agreed(browser, app, resource=OTHER, scope="orders:write")
    assert asks(browser, app, resource=API, scope="orders:write")
    assert asks(browser, app, resource=OTHER, scope="orders:read")
    assert not asks(browser, app, resource=OTHER, scope="orders:write")


# --- until when -------------------------------------------------------------------------------------------------------


def test_must_7_what_is_unticked_later_is_taken_back(server: Live, browser: httpx2.Client, app: App) -> None:
    first = app.redeem(browser, agreed(browser, app, scope=BOTH)["code"]).json()
    assert first["scope"] == BOTH
    waiting = answer_of(browser.get(app.place(scope=BOTH)))["code"]
    second = agreed(browser, app, without="orders:write", scope=BOTH, prompt="consent")
    assert app.redeem(browser, second["code"]).json()["scope"] == "openid orders:read"
    silent = answer_of(browser.get(app.place(scope=BOTH)))
    assert app.redeem(browser, silent["code"]).json()["scope"] == "openid orders:read"
    refreshed = app.refresh(browser, first["refresh_token"])
    assert refreshed.json()["scope"] == "openid orders:read"
    late = app.redeem(browser, waiting)  # agreed to before, redeemed after
    assert late.json()["scope"] == "openid orders:read"
    again = app.redeem(browser, agreed(browser, app, scope=BOTH, prompt="consent")["code"]).json()
    assert again["scope"] == BOTH


def test_a_form_of_a_client_whose_owner_was_disabled_meanwhile_gives_nothing(
    server: Live, browser: httpx2.Client, app: App
) -> None:
    page = browser.get(app.place())
    lifecycle = server.watchword.lifecycle
    server.do(lifecycle.set_enabled("service:app", False, by="test"))
    try:
        refused = answered(browser, page)
        assert (refused.status_code, "http-equiv" in refused.text) == (400, False)
        assert server.do(server.watchword.oauth.consents.of("user:alice", app.id)) is None
    finally:
        server.do(lifecycle.set_enabled("service:app", True, by="test"))


def test_who_declined_all_of_it_is_asked_again(browser: httpx2.Client, app: App) -> None:
    agreed(browser, app, without="orders:write", scope=BOTH)
    assert not asks(browser, app, scope=BOTH)
    assert asks(browser, app, scope="orders:write")  # else it would get a token for nothing


def test_a_client_that_lost_a_scope_meanwhile_gets_none_by_its_code(server: Live, browser: httpx2.Client) -> None:
    app = App(server)
    code = answer_of(browser.get(app.place(scope=BOTH)))["code"]
    record = server.do(server.watchword.store.credential(app.id))
    assert record is not None
    assert server.do(server.watchword.store.write(Swap(record.changed(scopes=frozenset({"orders:read"})))))
    assert app.redeem(browser, code).json()["scope"] == "openid orders:read"


def test_must_16_nobody_finds_out_by_guessing_who_is_signed_in(browser: httpx2.Client, app: App) -> None:
    """With prompt=none there was one answer for who was named in ``claims``, and another for everybody else."""

    def guessed(name: str) -> dict[str, str]:
        claims = json.dumps({"id_token": {"sub": {"value": name}}})
        return answer_of(browser.get(app.place(prompt="none", claims=claims)))

    assert guessed("user:bob") == guessed("user:alice")
    assert guessed("user:bob")["error"] == "consent_required"
    agreed(browser, app)
    assert guessed("user:bob")["error"] == "login_required"
    assert "code" in guessed("user:alice")


# --- what was shown ---------------------------------------------------------------------------------------------------


def test_a_form_is_good_for_an_hour(
    server: Live, browser: httpx2.Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser.get(app.place())
    with monkeypatch.context() as later:
        later.setattr(server.watchword, "clock", lambda: time.time() + 3_600)
        refused = answered(browser, page)
        assert (refused.status_code, "http-equiv" in refused.text) == (400, False)
    assert "code" in answer_of(answered(browser, page))


def test_a_form_spelt_otherwise_is_not_another_form(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    whole = form_of(page)["request"]
    assert "code" in answer_of(answered(browser, page))
    for text in (whole, whole + "=", whole + "==", whole + "\n", "!" + whole, f"{whole[:9]} {whole[9:]}"):
        assert answered(browser, page, request=text).status_code == 400, text


@pytest.mark.parametrize(
    ("detail", "seen"),
    [
        ({"to": "\u202e001 RUE"}, "\\u202e001 RUE"),
        ({"to": "Bob\u200b"}, "Bob\\u200b"),
        ({"to": "a\nb\x00"}, "a\\u000ab\\u0000"),
        ({"\u2066to": "x"}, "\\u2066to"),
        ({"actions": ["a" * 200, "delete_all"]}, "a, delete_all"),
        ({"to": "x" * 3_000 + "y"}, "x" * 3_000 + "y"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_rfc9396_nothing_of_a_single_act_is_hidden(
    server: Live, browser: httpx2.Client, app: App, detail: dict[str, Any], seen: str
) -> None:
    server.do(edit(server, app, authorization_details_types=["payment"]))
    text = json.dumps([{"type": "payment", **detail}])
    page = browser.get(app.place(authorization_details=text))
    shown = html.unescape("".join(re.findall(r"<d[td]>([^<]*)</d[td]>", page.text)))
    assert seen in shown
    assert shown.isprintable()
    given = app.redeem(browser, answer_of(answered(browser, page))["code"])
    assert given.json()["authorization_details"] == json.loads(text)


def test_rfc9396_5_a_type_that_is_not_the_clients_is_refused(browser: httpx2.Client, app: App) -> None:
    answer = answer_of(browser.get(app.place(authorization_details='[{"type": "payment"}]')))
    assert answer["error"] == "invalid_authorization_details"


def test_rfc9700_4_2_4_no_referrer_takes_the_answer_along(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    onward = answered(browser, page)
    silent = browser.get(app.place())
    assert "code" in answer_of(onward).keys() & answer_of(silent).keys()
    policies = [each.headers["referrer-policy"] for each in (page, onward, silent)]
    assert policies == ["same-origin", "same-origin", "no-referrer"]


def test_a_hundred_scopes_can_be_agreed_to(server: Live) -> None:
    scopes = tuple(f"s:{number}" for number in range(100))
    server.user("carol", scopes=scopes)
    app = App(server, first_party=False, scopes=scopes)
    with server.client() as http:
        login(http, "carol")
        given = app.redeem(http, agreed(http, app, scope=None)["code"]).json()
    assert set(given["scope"].split()) == set(scopes)


# --- what comes in a signed request -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["\ud800", "\x00", "é\u202e", "a\r\nset-cookie: x=1"], ids=ascii)
def test_rfc9101_no_text_of_a_signed_request_breaks_anything(server: Live, browser: httpx2.Client, bad: str) -> None:
    """JSON can say what no query can."""
    app = KeyedApp(server)
    names = "state scope nonce login_hint ui_locales redirect_uri claims id_token_hint acr_values prompt resource"
    for name in (
        *names.split(),
        "code_challenge",
        "dpop_jkt",
        "max_age",
        "response_mode",
        "authorization_details",
        "x",
    ):
        claims = {**app.request(), "iss": app.id, "aud": server.watchword.issuer, "exp": time.time() + 60, name: bad}
        head = {"typ": "oauth-authz-req+jwt", "alg": app.key.algorithm, "kid": "k1"}
        text = compact(head, claims, raw_sign(app.key)).decode()
        place = "/oauth/authorize?" + urlencode({"client_id": app.id, "request": text})
        with server.client() as nobody:
            for answer in (browser.get(place), nobody.get(place)):
                assert answer.status_code in (303, 400), name
                assert "set-cookie" not in answer.headers
                if answer.headers.get("location", "").startswith("/login"):
                    assert nobody.get(answer.headers["location"]).status_code == 200, name
        assert app.push(browser, request=text).status_code in (201, 400), name
