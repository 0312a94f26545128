"""Whose account it is."""

from __future__ import annotations

import pytest
from tests.server.account.town import PASSWORD, Town, town

from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Kind

PATHS = ["/account/profile", "/account/email", "/account/password", "/account/export", "/account/delete"]


@pytest.fixture(scope="module")
def one_town(tmp_path_factory: pytest.TempPathFactory) -> object:
    with town(tmp_path_factory.mktemp("town")) as server:
        server.user("alice")
        yield server


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_asked_to_log_in(one_town: Town, path: str) -> None:
    with one_town.client() as http:
        assert http.get(path).status_code == 401
        if path != "/account/export":
            assert http.post(path, json={}).status_code == 401
    away = one_town.browser().get(path)
    assert (away.status_code, away.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize("path", PATHS)
def test_a_login_of_ones_own_opens_them(one_town: Town, path: str) -> None:
    assert one_town.browser().log_in("alice").get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_keys_and_passwords_of_a_person_open_none(one_town: Town, path: str) -> None:
    """An API key in a script is not the person: it must not change what proves the person."""
    key = one_town.issue(Kind.API_KEY, "user:alice").material["secret"]
    with one_town.client() as http:
        assert http.get(path, headers={"x-api-key": key}).status_code == 401
        assert http.get(path, auth=("alice", PASSWORD)).status_code == 401


def test_a_token_of_an_application_opens_none(one_town: Town) -> None:
    watchword = one_town.watchword

    async def token() -> str:
        client = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "user:alice", by="test")
        return (await watchword.tokens.for_client(client.credential, Terms(frozenset()))).text

    with one_town.client(headers={"authorization": f"Bearer {one_town.do(token())}"}) as http:
        assert [http.get(path).status_code for path in PATHS] == [401] * len(PATHS)


def test_somebody_elses_account_is_never_named(one_town: Town) -> None:
    """CVE-2025-61928: whose account it is says the proof alone, never a field."""
    one_town.user("bob")
    browser = one_town.browser().log_in("bob")
    csrf = browser.http.cookies["csrf"]
    done = browser.http.post(
        "/account/profile",
        json={"display": "Mallory", "subject": "user:alice", "username": "alice"},
        headers={"x-csrf-token": csrf},
    )
    assert done.status_code == 200
    assert one_town.do(one_town.watchword.accounts.profile("user:alice"))["display"] == ""
    assert one_town.do(one_town.watchword.accounts.profile("user:bob"))["display"] == "Mallory"


def test_a_session_without_its_csrf_token_changes_nothing(one_town: Town) -> None:
    browser = one_town.browser().log_in("alice")
    refused = browser.http.post("/account/profile", json={"display": "x"})
    assert refused.status_code == 403
