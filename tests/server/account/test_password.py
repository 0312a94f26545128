"""Changing one's password."""

from __future__ import annotations

from pathlib import Path

from tests.server.account.town import OTHER, PASSWORD, town

from watchword.model.credential import Kind


def test_a_browser_changes_it_and_every_other_session_ends(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        server.do(server.watchword.accounts.add_address("user:alice", "alice@example.com", by="test"))
        here, there = server.browser().log_in("alice"), server.browser().log_in("alice")
        wrong = here.submit("/account/password", current="wrong horse battery staple", password=OTHER)
        assert wrong.status_code == 422
        assert "current password is wrong" in wrong.text
        weak = here.submit("/account/password", current=PASSWORD, password="short")
        assert weak.status_code == 422
        done = here.submit("/account/password", current=PASSWORD, password=OTHER)
        assert "Password changed" in done.text
        assert here.get("/").status_code == 200
        assert there.get("/").status_code == 303
        assert server.letter("alice@example.com").subject.startswith("Your password")
        server.browser().log_in("alice", OTHER)


def test_a_program_changes_it_with_a_token_and_logs_in_again(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        server.user("alice")
        tokens = [http.post("/login", json={"username": "alice", "password": PASSWORD}).json() for _ in range(2)]
        http.headers["authorization"] = f"Bearer {tokens[0]['token']}"
        body = {"current": PASSWORD, "password": OTHER}
        assert http.post("/account/password", json=body).json() == {"status": "changed"}
        codes = [http.post("/refresh", json={"refresh_token": each["refresh_token"]}).status_code for each in tokens]
        assert codes == [401, 401]
        assert http.post("/login", json={"username": "alice", "password": OTHER}).status_code == 200


def test_cross_site_forms_and_strangers_change_nothing(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        browser = server.browser().log_in("alice")
        form = {"current": PASSWORD, "password": OTHER}
        assert browser.http.post("/account/password", data=form).status_code == 403
        assert server.client().post("/account/password", data=form).status_code == 401
        away = server.browser().get("/account/password")
        assert (away.status_code, away.headers["location"]) == (303, "/login?next=/account/password")
        server.service("billing")
        key = server.issue(Kind.API_KEY, "user:alice").material["secret"]
        with server.client(headers={"authorization": f"Bearer {key}"}) as http:
            assert http.post("/account/password", json=form).status_code == 401


def test_guesses_at_the_current_password_are_counted_with_those_at_the_login(tmp_path: Path) -> None:
    with town(tmp_path, '[limits]\naccount = "3/h"\n') as server, server.client() as http:
        server.user("alice")
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        http.headers["authorization"] = f"Bearer {token}"
        body = {"current": "wrong horse battery staple", "password": OTHER}
        codes = [http.post("/account/password", json=body).status_code for _ in range(6)]
        assert codes[:3] == [422] * 3
        assert codes[-1] == 429


def test_who_has_no_password_sets_one_soon_after_a_login(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        issued = server.user("alice")
        browser = server.browser().log_in("alice")
        sessions = server.do(server.watchword.store.credentials(kind=Kind.SESSION, subject="user:alice"))
        record = server.do(server.watchword.store.credential(issued.credential.id))
        assert record is not None
        from watchword.model.records import Swap

        server.do(server.watchword.store.write(Swap(record.changed(expires_at=1))))
        assert sessions[0].revoked_at is None
        assert 'name="current"' not in browser.get("/account/password").text
        assert "Password changed" in browser.submit("/account/password", password=OTHER).text
