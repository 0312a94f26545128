"""Taking one's data along, and leaving."""

from __future__ import annotations

from pathlib import Path

from tests.server.account.town import PASSWORD, Town, town

from watchword.model.credential import Kind


def _town_with_alice(server: Town) -> str:
    server.user("alice")
    server.do(server.watchword.accounts.add_address("user:alice", "alice@example.com", by="test"))
    return server.issue(Kind.API_KEY, "user:alice").material["secret"]


def test_what_is_held_is_exported_without_secrets(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        key = _town_with_alice(server)
        browser = server.browser().log_in("alice")
        cookie = browser.http.cookies["session"]
        answer = browser.get("/account/export")
        assert answer.headers["content-disposition"].startswith("attachment")
        value = answer.json()
        assert {each["kind"] for each in value["credentials"]} == {"password", "email", "api-key", "session"}
        assert not any(secret in answer.text for secret in (key, cookie, "$argon2"))
        assert "alice@example.com" in answer.text


def test_leaving_ends_everything_and_keeps_the_name(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        key = _town_with_alice(server)
        tokens = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()
        browser = server.browser().log_in("alice")
        unsure = browser.submit("/account/delete", username="bob")
        assert unsure.status_code == 422
        gone = browser.submit("/account/delete", username="Alice")
        assert "Account deleted" in gone.text
        assert server.letter("alice@example.com").subject.endswith("was deleted")
        assert "session" not in browser.http.cookies
        for secret in (key, tokens["token"]):
            assert http.get("/whoami", headers={"authorization": f"Bearer {secret}"}).status_code == 401
        assert http.post("/login", json={"username": "alice", "password": PASSWORD}).status_code == 401
        assert http.post("/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
        body = {"username": "alice", "email": "alice@example.com", "password": PASSWORD}
        assert http.post("/sign-up", json=body).status_code == 202
        assert server.letter("alice@example.com").subject.startswith("Choose another user name")
        store = server.watchword.store
        subject = server.do(store.subject("user:alice"))
        assert subject is not None
        assert set(subject.detail) == {"deleted_at"}
        for record in server.do(store.credentials(subject="user:alice")):
            assert record.revoked_at is not None
            assert record.lookup is None
            assert record.secret == b""
            assert not {"address", "agent", "name"} & set(record.detail)
