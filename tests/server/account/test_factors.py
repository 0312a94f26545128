"""Set up second factors by pages and by JSON, each change soon after a proof."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.authenticator import Authenticator
from tests.server.account.test_sessions import tokens
from tests.server.account.town import PASSWORD, Browser, Town, town

from watchword.codec.otp import Totp

NOW = 1_900_000_000.0
LOCAL = 'issuer = "http://localhost:{port}"\n[accounts]\nlimit = "1000/min"\n[limits]\naccount = "1000/min"\n'


@pytest.fixture
def now() -> list[float]:
    return [NOW]


def built(tmp_path: Path, now: list[float], toml: str = LOCAL) -> Any:
    return town(tmp_path, toml, clock=lambda: now[0])


def signed_in(server: Town, **more: Any) -> Browser:
    server.user("alice")
    return server.browser(**more).log_in("alice")


def code(secret: str, now: list[float]) -> str:
    return Totp(secret.replace(" ", "")).code(int(now[0]) // 30)


def app(browser: Browser, now: list[float], **fields: str) -> Any:
    """Go from the picture to what comes of the code."""
    page = browser.get("/account/factors/app").text
    secret = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', page)[0]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return browser.http.post("/account/factors/app", data={**hidden, "code": code(secret, now), **fields})


def rows(http: Any) -> list[dict[str, Any]]:
    return list(http.get("/account/factors", headers={"accept": "application/json"}).json()["factors"])


def test_an_app_takes_three_screens_and_ends_with_recovery_codes(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        first = browser.get("/account/factors").text
        assert 'href="/account/factors/app"' in first
        second = browser.get("/account/factors/app").text
        assert 'class="qr"' in second
        assert "style=" not in second
        third = app(browser, now, name="Phone")
        assert third.status_code == 200
        codes = re.findall(r'<code class="secret">([0-9a-z-]{19})</code>', third.text)
        assert len(set(codes)) == 10
        assert [(row["kind"], row["name"]) for row in rows(browser.http)] == [("totp", "Phone")]
        now[0] += 60
        another = app(browser, now, name="Tablet")  # codes are there already
        assert (another.status_code, another.headers["location"]) == (303, "/account/factors")
        page = browser.get("/account/factors").text
        assert "10 are left" in page
        assert not any(each in page for each in codes)


def test_a_wrong_code_shows_the_same_picture_again(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        again = app(browser, now, code="000000")
        assert again.status_code == 422
        assert "This code does not fit" in again.text
        secret = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', again.text)[0]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', again.text))
        done = browser.http.post("/account/factors/app", data={**hidden, "code": code(secret, now)})
        assert done.status_code == 200
        assert rows(browser.http)[0]["name"] == "Authenticator app"


def test_a_picture_that_is_too_old_is_replaced(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        late = app(browser, now, handle="wd_none")
        assert late.status_code == 422
        assert "This took too long" in late.text
        assert 'class="qr"' in late.text
        assert rows(browser.http) == []


def test_the_name_of_a_new_factor_is_in_the_language_of_its_owner(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server, language="de")
        page = browser.get("/account/factors/app").text
        assert "QR-Code für eine Authenticator-App" in page
        assert "Wiederherstellungscodes" in app(browser, now, name="").text
        assert rows(browser.http)[0]["name"] == "Authenticator-App"


def test_a_passkey_by_the_page(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        page = browser.get("/account/factors/passkey")
        assert b"script-src 'self'" in dict(page.headers.raw)[b"content-security-policy"]
        options = json.loads(re.findall(r'data-options="([^"]*)"', page.text)[0].replace("&#34;", '"'))
        authenticator = Authenticator(origin=f"http://localhost:{server.port}")
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        response = json.dumps(authenticator.create(options))
        fields = {**hidden, "response": response, "name": "Blue key"}
        done = browser.http.post("/account/factors/passkey", data=fields)
        assert done.status_code == 200, done.text
        assert done.text.count('class="secret"') == 10
        assert [(row["kind"], row["name"]) for row in rows(browser.http)] == [("passkey", "Blue key")]
        again = browser.http.post("/account/factors/passkey", data=fields)
        assert again.status_code == 422
        assert "could not be used" in again.text


def test_passkeys_and_apps_by_json(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        server.user("alice")
        program = tokens(server)
        asked = program.get("/account/factors/passkey").json()
        authenticator = Authenticator(origin=f"http://localhost:{server.port}")
        response = json.dumps(authenticator.create(asked["publicKey"]))
        made = program.post("/account/factors/passkey", json={"passkey": asked["passkey"], "response": response})
        assert made.status_code == 201, made.text
        assert len(made.json()["recovery_codes"]) == 10
        now[0] += 1  # the older first
        draft = program.get("/account/factors/app").json()
        assert draft["uri"].startswith("otpauth://totp/")
        fields = {"handle": draft["handle"], "code": code(draft["secret"], now), "name": "Phone"}
        made = program.post("/account/factors/app", json=fields)
        assert (made.status_code, "recovery_codes" in made.json()) == (201, False)
        id = made.json()["factor"]["id"]
        assert program.post("/account/factors", json={"rename": id, "name": "Old phone"}).status_code == 200
        assert [row["name"] for row in rows(program)] == ["Passkey", "Old phone"]
        assert program.post("/account/factors", json={"remove": id}).status_code == 200
        assert [row["name"] for row in rows(program)] == ["Passkey"]
        assert len(program.post("/account/factors/recovery", json={}).json()["recovery_codes"]) == 10


@pytest.mark.parametrize("response", ["", "[]", "{}", "not json", '{"id": 1}', "[" * 5000])
def test_what_is_no_passkey_is_refused(tmp_path: Path, now: list[float], response: str) -> None:
    with built(tmp_path, now) as server:
        server.user("alice")
        program = tokens(server)
        handle = program.get("/account/factors/passkey").json()["passkey"]
        refused = program.post("/account/factors/passkey", json={"passkey": handle, "response": response})
        assert refused.status_code == 422, refused.text
        assert rows(program) == []


def test_where_browsers_make_no_passkeys_none_is_offered(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now, "") as server:  # by its address
        browser = signed_in(server)
        assert "/account/factors/passkey" not in browser.get("/account/factors").text
        refused = browser.get("/account/factors/passkey")
        assert refused.status_code == 422
        assert "Browsers make no passkeys" in refused.text


def test_renaming_and_removing_on_the_page(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        app(browser, now)
        id = rows(browser.http)[0]["id"]
        token = re.findall(r'name="csrf_token" value="(\w+)"', browser.get("/account/factors").text)[0]

        def post(**fields: str) -> Any:
            return browser.http.post("/account/factors", data={"csrf_token": token, **fields})

        assert post(rename=id, name="My phone").status_code == 303
        assert rows(browser.http)[0]["name"] == "My phone"
        for fields in ({"rename": id, "name": ""}, {"rename": "otp_none", "name": "x"}, {"remove": "otp_none"}, {}):
            assert post(**fields).status_code == 422, fields
        assert post(remove=id).status_code == 303
        assert rows(browser.http) == []
        assert server.do(server.watchword.factors.enrolled("user:alice")) == ()


def test_nobody_changes_anothers(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        app(browser, now)
        id = rows(browser.http)[0]["id"]
        server.user("bob")
        bob = tokens(server, "bob")
        for fields in ({"rename": id, "name": "Mine"}, {"remove": id}):
            assert bob.post("/account/factors", json=fields).status_code == 422
        assert rows(browser.http)[0]["name"] == "Authenticator app"
        handle = bob.get("/account/factors/app").json()["handle"]
        assert app(browser, now, handle=handle).status_code == 422  # another's draft


@pytest.mark.parametrize("path", ["/account/factors", "/account/factors/recovery"])
def test_changes_ask_for_a_fresh_login(tmp_path: Path, now: list[float], path: str) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        app(browser, now)
        id = rows(browser.http)[0]["id"]
        page = browser.get("/account/factors").text
        token = re.findall(r'name="csrf_token" value="(\w+)"', page)[0]
        now[0] += 700
        stale = browser.http.post(path, data={"csrf_token": token, "remove": id})
        assert stale.headers["location"].startswith("/login/step-up?")
        for place in ("/account/factors/app", "/account/factors/passkey"):
            assert browser.get(place).headers["location"].startswith("/login/step-up?")
        assert browser.get("/account/factors").status_code == 200
        assert browser.get("/account/factors/recovery").headers["location"] == "/account/factors"
        assert [row["id"] for row in rows(browser.http)] == [id]


def test_a_password_alone_neither_takes_a_second_factor_away_nor_gets_around_it(
    tmp_path: Path, now: list[float]
) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        secret = re.findall(
            r'<code class="secret">([A-Z2-7 ]+)</code>', (page := browser.get("/account/factors/app").text)
        )[0]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        browser.http.post("/account/factors/app", data={**hidden, "code": code(secret, now)})
        id = rows(browser.http)[0]["id"]
        now[0] += 700
        place = "/login/step-up?factors=otp&next=/account/factors"
        assert browser.submit(place, password=PASSWORD).status_code == 401  # a password is not what is asked for
        assert browser.submit("/login/step-up?next=/account", password=PASSWORD).headers["location"] == "/account"
        for path, fields in {
            "/account/factors": {"remove": id},
            "/account/factors/recovery": {},
            "/account/factors/app": {},
            "/account/keys": {"name": "CI"},
        }.items():
            token = re.findall(r'name="csrf_token" value="(\w+)"', browser.get("/account/keys").text)[0]
            refused = browser.http.post(path, data={"csrf_token": token, **fields})
            wanted = f"/login/step-up?factors=otp%20recovery&next={path}"
            assert (refused.status_code, refused.headers["location"]) == (303, wanted)
        assert [row["id"] for row in rows(browser.http)] == [id]
        assert browser.submit(place, code=code(secret, now)).headers["location"] == "/account/factors"
        token = re.findall(r'name="csrf_token" value="(\w+)"', browser.get("/account/factors").text)[0]
        browser.http.post("/account/factors", data={"csrf_token": token, "remove": id})
        assert rows(browser.http) == []


def test_another_sites_form_changes_nothing(tmp_path: Path, now: list[float]) -> None:
    with built(tmp_path, now) as server:
        browser = signed_in(server)
        app(browser, now)
        id = rows(browser.http)[0]["id"]
        for path in ("/account/factors", "/account/factors/recovery", "/account/factors/app"):
            assert browser.http.post(path, data={"remove": id}).status_code == 403
        assert [row["id"] for row in rows(browser.http)] == [id]
