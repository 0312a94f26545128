"""What a thief of a session tries, to keep the account or to keep its owner out, and what a stranger tries by mail."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from tests.server.account.test_sessions import listed, tokens
from tests.server.account.town import OPEN, OTHER, PASSWORD, Browser, Town, link_in, token_in, town

from watchword.codec.otp import Totp
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Kind
from watchword.model.records import Swap
from watchword.model.verdict import Principal

NOW = 1_900_000_000.0
FEW = OPEN.replace('mails = "1000/min"', 'mails = "2/h"')


def person(server: Town, name: str = "alice") -> str:
    server.user(name)
    server.do(server.watchword.accounts.add_address(f"user:{name}", f"{name}@example.com", by="test"))
    return f"user:{name}"


def asked(server: Town) -> tuple[Browser, Browser, str]:
    """Let a thief with a stolen session ask for another address; return both browsers and the link's secret."""
    person(server)
    owner, thief = server.browser().log_in("alice"), server.browser().log_in("alice")
    assert thief.submit("/account/email", email="thief@example.net").status_code == 200
    return owner, thief, token_in(server.letter("thief@example.net"))


# --- another address --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["password", "everywhere", "others", "one"])
def test_who_throws_a_thief_out_voids_the_address_that_the_thief_asked_for(tmp_path: Path, act: str) -> None:
    with town(tmp_path) as server:
        owner, thief, token = asked(server)
        if act == "password":
            assert owner.submit("/account/password", current=PASSWORD, password=OTHER).status_code == 200
        else:
            stolen = str(listed(thief.http)[0]["id"])
            assert owner.submit("/account/sessions", end=stolen if act == "one" else act).status_code == 303
        assert thief.get("/account").status_code == 303
        assert thief.get(f"/confirm?token={token}").status_code == 400
        assert server.client().post("/confirm", json={"token": token}).status_code == 400
        assert server.do(server.watchword.accounts.address("user:alice")) == "alice@example.com"


def test_a_reset_voids_the_address_that_a_thief_asked_for(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        _, _, token = asked(server)
        assert http.post("/reset", json={"login": "alice"}).status_code == 202
        reset = token_in(server.letter("alice@example.com"))
        assert http.post("/reset/new", json={"token": reset, "password": OTHER}).status_code == 200
        assert http.post("/confirm", json={"token": token}).status_code == 400


def test_no_flood_of_letters_hides_that_the_address_was_changed_or_the_account_deleted(tmp_path: Path) -> None:
    with town(tmp_path, FEW) as server, server.client() as http:
        person(server)
        for _ in range(4):
            http.post("/reset", json={"login": "alice"})
            http.post("/sign-up", json={"username": "x", "email": "alice@example.com", "password": PASSWORD})
        server.settled().clear()
        thief = server.browser().log_in("alice")
        thief.submit("/account/email", email="thief@example.net")
        assert http.post("/confirm", json={"token": token_in(server.letter("thief@example.net"))}).status_code == 200
        assert server.letter("alice@example.com").subject.endswith("was changed")


def test_a_login_that_is_under_way_while_the_password_changes_begins_no_session(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        owner = server.browser().log_in("alice")
        watchword = server.watchword
        who = server.do(watchword.parts.password_check().check("alice", PASSWORD, "login"))
        assert isinstance(who, Principal)
        assert owner.submit("/account/password", current=PASSWORD, password=OTHER).status_code == 200
        begun = server.do(watchword.logins.session(Proven(who, {"pwd": who.authenticated_at}), Visitor()))
        with server.client(cookies={"session": begun.material["cookie"]}) as thief:
            assert thief.get("/whoami").status_code == 401
        assert owner.get("/account").status_code == 200  # the one that changed it goes on,
        later = server.do(watchword.store.credentials(kind=Kind.PASSWORD, subject="user:alice", limit=10))
        (usable,) = [each for each in later if each.revoked_at is None]
        server.do(watchword.lifecycle.revoke(usable.id, reason="leaked", by="test"))
        assert owner.get("/account").status_code == 303  # until the new one ends


def test_who_is_enabled_again_begins_without_the_sessions_and_tokens_of_before(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        person(server)
        thief = server.browser().log_in("alice")
        given = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()
        who = server.do(server.watchword.parts.password_check().check("alice", PASSWORD, "login"))
        assert isinstance(who, Principal)
        lifecycle = server.watchword.lifecycle
        server.do(lifecycle.set_enabled("user:alice", False, by="test"))
        late = server.do(server.watchword.families.start(who, by="test"))  # was being made meanwhile
        server.do(lifecycle.set_enabled("user:alice", True, by="test"))
        assert thief.get("/account").status_code == 303
        for token in (given["refresh_token"], late.token):
            assert http.post("/refresh", json={"refresh_token": token}).status_code == 401
        assert server.browser().log_in("alice").get("/account").status_code == 200


# --- letters ----------------------------------------------------------------------------------------------------------


def test_a_stranger_who_keeps_asking_does_not_keep_the_owner_from_a_reset(tmp_path: Path) -> None:
    """Neither voids a newer link the one that is being opened, nor use other letters up those of resets."""
    with town(tmp_path, FEW) as server, server.client() as http:
        person(server)
        for _ in range(4):
            http.post("/sign-up", json={"username": "x", "email": "alice@example.com", "password": PASSWORD})
        server.settled().clear()
        assert http.post("/reset", json={"login": "alice"}).status_code == 202
        letter = server.letter("alice@example.com")
        assert "/reset/new?token=" in letter.text
        for _ in range(4):
            http.post("/reset", json={"login": "ALICE@example.com"})
        assert len(server.settled()) == 1  # of two an hour
        browser = server.browser()
        assert browser.submit(link_in(letter), password=OTHER).status_code == 200
        assert browser.get(link_in(server.letters[0])).status_code == 400  # and then none works


def test_tags_in_an_address_bring_no_more_letters_to_its_mailbox(tmp_path: Path) -> None:
    with town(tmp_path, FEW) as server, server.client() as http:
        for number in range(5):
            fields = {"username": f"u{number}", "email": f"victim+{number}@example.com", "password": PASSWORD}
            assert http.post("/sign-up", json=fields).status_code == 202
        assert len(server.settled()) == 2


# --- second factors ---------------------------------------------------------------------------------------------------


def set_up(browser: Browser, now: float) -> str:
    page = browser.get("/account/factors/app").text
    secret = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', page)[0].replace(" ", "")
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    code = Totp(secret).code(int(now) // 30)
    assert "Recovery codes" in browser.http.post("/account/factors/app", data={**hidden, "code": code}).text
    return str(browser.get("/account/factors").text.split('name="remove" value="')[1].partition('"')[0])


def test_a_factor_that_was_just_set_up_is_no_proof_for_another_session(tmp_path: Path) -> None:
    """Who has an old session must not undo what its owner sets up because of that."""
    now = [NOW]
    with town(tmp_path, clock=lambda: now[0]) as server:
        person(server)
        thief = server.browser().log_in("alice")
        stolen = tokens(server)
        now[0] += 1200
        owner = server.browser().log_in("alice")
        factor = set_up(owner, now[0])
        csrf = thief.http.cookies["csrf"]
        form = {"remove": factor, "csrf_token": csrf}
        led = thief.http.post("/account/factors", data=form)
        assert (led.status_code, led.headers["location"].partition("?")[0]) == (303, "/login/step-up")
        assert "otp" in led.headers["location"]
        for path, body in (("/account/factors", {"remove": factor}), ("/account/keys", {"name": "mine"})):
            refused = thief.http.post(path, json=body, headers={"x-csrf-token": csrf, "accept": "*/*"})
            assert refused.status_code == 401, path
            assert stolen.post(path, json=body).status_code == 401, path
        form = {"remove": factor, "csrf_token": owner.http.cookies["csrf"]}
        again = owner.http.post("/account/factors", data=form)
        assert (again.status_code, again.headers["location"]) == (303, "/account/factors")  # its own may think again


@pytest.mark.parametrize("path", ["/account/email", "/account/delete"])
def test_a_password_alone_gets_around_no_second_factor_by_mail(tmp_path: Path, path: str) -> None:
    now = [NOW]
    with town(tmp_path, clock=lambda: now[0]) as server:
        person(server)
        browser = server.browser().log_in("alice")
        set_up(browser, now[0])
        now[0] += 1200
        assert browser.submit("/login/step-up", password=PASSWORD).status_code == 303  # fresh, by the password
        led = browser.get(path)
        assert (led.status_code, "factors=otp" in led.headers["location"]) == (303, True)


# --- what breaks nothing ----------------------------------------------------------------------------------------------


def test_a_key_does_not_outlast_a_year_by_leading_zeros(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        program = tokens(server)
        for days in ("000000365999", "000000365" + "9" * 30, "0000"):
            refused = program.post("/account/keys", json={"name": "mine", "days": days})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "days")
        assert program.get("/account/keys").json()["keys"] == []


def test_a_key_does_not_outlast_the_password_of_its_owner(tmp_path: Path) -> None:
    now = [NOW]
    with town(tmp_path, clock=lambda: now[0]) as server:
        server.do(server.watchword.lifecycle.add_subject("user:temp", by="test"))
        more = {"options": {"password": PASSWORD}, "expires_at": int(NOW) + 7 * 86400}
        server.issue(Kind.PASSWORD, "user:temp", **more)
        program = tokens(server, "temp")
        made = program.post("/account/keys", json={"name": "mine", "days": "365"})
        assert (made.status_code, made.json()["expires_at"]) == (201, NOW + 7 * 86400)
        assert program.post("/account/keys", json={"name": "two", "days": "1"}).json()["expires_at"] == NOW + 86400


@pytest.mark.parametrize("host", ["[", "a/b?c#d", "evil.example/x?", "", "a:b:c"])
def test_a_host_that_is_none_leads_nowhere_and_breaks_nothing(tmp_path: Path, host: str) -> None:
    with town(tmp_path) as server:
        for path in ("/account/email", "/account/factors/app"):
            away = server.browser().http.get(path, headers={"host": host})
            assert (away.status_code, away.headers.get("location")) == (303, f"/login?next={path}")


def test_a_form_whose_session_is_over_leads_to_the_login(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        browser = server.browser().log_in("alice")
        form = {"display": "Alice", "csrf_token": browser.http.cookies["csrf"]}
        del browser.http.cookies["session"]
        away = browser.http.post("/account/profile", data=form)
        assert (away.status_code, away.headers["location"]) == (303, "/login?next=/account/profile")


def test_a_form_of_another_session_is_refused_on_a_page(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        browser = server.browser().log_in("alice")
        refused = browser.http.post("/account/profile", data={"display": "x", "csrf_token": "0" * 64})
        assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "too old or came from another site" in refused.text
        assert 'href="/account/profile"' in refused.text


def test_a_session_that_may_not_be_used_here_is_told_so(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        browser = server.browser().log_in("alice")
        (session,) = server.do(server.watchword.store.credentials(kind=Kind.SESSION, subject="user:alice", limit=9))
        server.do(server.watchword.store.write(Swap(session.changed(networks=("192.0.2.0/24",)))))
        refused = browser.get("/account")
        assert (refused.status_code, refused.headers["content-type"][:9]) == (403, "text/html")
        assert "That is not possible here" in refused.text
        program = browser.http.get("/account", headers={"accept": "application/json"})
        assert program.headers["content-type"] == "application/problem+json"


def test_who_signs_out_too_late_or_from_an_old_page_is_told_on_a_page(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        browser = server.browser().log_in("alice")
        refused = browser.http.post("/logout", data={"csrf_token": "0" * 64})
        assert (refused.status_code, refused.headers["content-type"][:9]) == (403, "text/html")
        assert "set-cookie" not in refused.headers
        late = server.browser().http.post("/logout", data={"csrf_token": "0" * 64})
        assert (late.status_code, late.headers["location"]) == (303, "/login")
        assert "set-cookie" not in late.headers
        assert browser.get("/account").status_code == 200


def test_guesses_at_the_password_of_a_sign_up_are_counted(tmp_path: Path) -> None:
    """Each costs a hash, and who has a link could ask for any number."""
    with town(tmp_path, OPEN.replace('limit = "1000/min"', 'limit = "5/h"')) as server, server.client() as http:
        fields = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
        assert http.post("/sign-up", json=fields).status_code == 202
        token = token_in(server.letter("bob@example.com"))
        tries = [http.post("/confirm", json={"token": token, "password": f"{n}"}).status_code for n in range(6)]
        assert tries == [422] * 4 + [429] * 2


def test_a_name_that_is_taken_meanwhile_can_be_chosen_anew(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        browser = server.browser()
        assert browser.submit("/sign-up", username="bob", email="b@example.com", password=PASSWORD).status_code == 200
        letter = server.letter("b@example.com")
        server.user("bob")
        done = browser.submit(link_in(letter))
        assert done.status_code == 422
        assert "This user name is taken" in done.text
        assert 'action="/sign-up"' in done.text


def test_an_address_that_got_an_account_meanwhile_is_named_as_the_reason(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        browser = server.browser()
        browser.submit("/sign-up", username="bob", email="b@example.com", password=PASSWORD)
        letter = server.letter("b@example.com")
        server.user("carol")
        server.do(server.watchword.accounts.add_address("user:carol", "b@example.com", by="test"))
        done: httpx2.Response = browser.submit(link_in(letter))
        assert (done.status_code, "has an account already" in done.text) == (422, True)
        assert "user name is taken" not in done.text
