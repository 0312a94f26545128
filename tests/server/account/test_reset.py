"""Choosing a new password by a link in a mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.server.account.town import OTHER, PASSWORD, Town, link_in, token_in, town

from watchword.model.credential import Kind


@pytest.fixture(scope="module")
def one_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty_box(one_town: Town) -> None:
    one_town.settled().clear()


def person(server: Town, name: str) -> str:
    server.user(name, scopes=("orders:read",))
    server.do(server.watchword.accounts.add_address(f"user:{name}", f"{name}@example.com", by="test"))
    return f"{name}@example.com"


def test_a_forgotten_password_is_replaced_by_a_link(one_town: Town) -> None:
    address = person(one_town, "alice")
    session = one_town.browser().log_in("alice")
    with one_town.client() as http:
        tokens = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()
    browser = one_town.browser()
    asked = browser.submit("/reset", login="ALICE")
    assert asked.status_code == 200
    letter = one_town.letter(address)
    assert "alice" not in letter.text.replace(address, "")
    page = browser.get(link_in(letter))
    assert page.headers["referrer-policy"] == "same-origin"
    assert "Password set" in browser.submit(link_in(letter), password=OTHER).text
    assert one_town.letter(address).subject.startswith("Your password at")
    with one_town.client() as http:
        assert http.post("/login", json={"username": "alice", "password": PASSWORD}).status_code == 401
        assert http.post("/login", json={"username": "alice", "password": OTHER}).status_code == 200
        assert http.post("/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
        whoami = http.get("/whoami", headers={"authorization": f"Bearer {tokens['token']}"})
        assert whoami.status_code == 401
    assert session.get("/").status_code == 303
    used = browser.get(link_in(letter))
    assert used.status_code == 400


def test_what_the_password_allows_stays(one_town: Town) -> None:
    address = person(one_town, "scoped")
    with one_town.client() as http:
        http.post("/reset", json={"login": address})
        token = token_in(one_town.letter(address))
        assert http.post("/reset/new", json={"token": token, "password": OTHER}).json() == {"status": "changed"}
        tokens = http.post("/login", json={"username": "scoped", "password": OTHER}).json()
        who = http.get("/whoami", headers={"authorization": f"Bearer {tokens['token']}"}).json()
    assert who["scopes"] == ["orders:read"]


def test_the_answer_is_the_same_for_names_known_and_unknown(one_town: Town) -> None:
    person(one_town, "known")
    one_town.user("without-address")
    with one_town.client() as http:
        answers = set()
        for login in ("known", "known@example.com", "without-address", "nobody", "nobody@example.com", "a b\u200b"):
            answer = http.post("/reset", json={"login": login})
            headers = {name: value for name, value in answer.headers.items() if name != "date"}
            answers.add((answer.status_code, answer.content, json.dumps(headers)))
        assert len(answers) == 1
        pages = {one_town.browser().submit("/reset", login=login).content for login in ("known", "nobody")}
        assert len({len(page) for page in pages}) == 1
    assert {each.to for each in one_town.settled()} == {"known@example.com"}


def test_of_two_links_one_works(one_town: Town) -> None:
    address = person(one_town, "twice")
    with one_town.client() as http:
        http.post("/reset", json={"login": "twice"})
        first = token_in(one_town.letter(address))
        http.post("/reset", json={"login": "twice@EXAMPLE.com"})
        second = token_in(one_town.letter(address))
        assert http.post("/reset/new", json={"token": first, "password": OTHER}).status_code == 200
        assert http.post("/reset/new", json={"token": second, "password": OTHER}).status_code == 400


def test_a_link_is_void_once_the_password_changed(one_town: Town) -> None:
    address = person(one_town, "changed")
    with one_town.client() as http:
        http.post("/reset", json={"login": "changed"})
        token = token_in(one_town.letter(address))
        assert one_town.do(one_town.watchword.accounts.change_password("user:changed", PASSWORD, OTHER)) == ()
        assert http.post("/reset/new", json={"token": token, "password": PASSWORD}).status_code == 400
        assert http.get(f"/reset/new?token={token}").status_code == 400


def test_a_bad_password_does_not_spend_the_link(one_town: Town) -> None:
    address = person(one_town, "tries")
    with one_town.client() as http:
        http.post("/reset", json={"login": "tries"})
        token = token_in(one_town.letter(address))
        refused = http.post("/reset/new", json={"token": token, "password": "short"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "password"
        assert http.post("/reset/new", json={"token": token, "password": OTHER}).status_code == 200


def test_a_disabled_person_gets_no_link_and_uses_none(one_town: Town) -> None:
    address = person(one_town, "gone")
    with one_town.client() as http:
        http.post("/reset", json={"login": "gone"})
        token = token_in(one_town.letter(address))
        one_town.do(one_town.watchword.lifecycle.set_enabled("user:gone", False, by="test"))
        assert http.post("/reset/new", json={"token": token, "password": OTHER}).status_code == 400
        http.post("/reset", json={"login": "gone"})
    assert one_town.settled() == []


@pytest.mark.parametrize("token", ["", "lk_", "rt_x", "lk_" + "0" * 36, "\u0000", "x" * 5000])
def test_tokens_that_are_none_are_refused_alike(one_town: Town, token: str) -> None:
    with one_town.client() as http:
        refused = http.post("/reset/new", json={"token": token, "password": OTHER})
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:watchword:problem:spent_link")


def test_cve_2019_19844_the_link_goes_to_the_spelling_that_was_confirmed(one_town: Town) -> None:
    """A look-alike that folds to somebody's address gets no mail: the confirmed one does."""
    one_town.user("mike")
    one_town.do(one_town.watchword.accounts.add_address("user:mike", "mike@example.com", by="test"))
    with one_town.client() as http:
        http.post("/reset", json={"login": "mi\u212ae@example.com"})  # KELVIN SIGN
    assert [each.to for each in one_town.settled()] == ["mike@example.com"]


def test_one_link_is_used_by_one_of_a_hundred(one_town: Town) -> None:
    address = person(one_town, "raced")
    with one_town.client() as http:
        http.post("/reset", json={"login": "raced"})
    token = token_in(one_town.letter(address))

    def use(number: int) -> int:
        with one_town.client() as http:
            body = {"token": token, "password": f"{OTHER} {number}"}
            return http.post("/reset/new", json=body).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(use, range(100)))
    assert codes.count(200) == 1
    assert codes.count(400) == 99
    held = one_town.do(one_town.watchword.store.credentials(kind=Kind.PASSWORD, subject="user:raced"))
    assert len([each for each in held if each.refusal(one_town.watchword.clock()) is None]) == 1


def test_without_a_mail_server_the_link_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from tests.server.live import live

    with live(tmp_path) as server, server.client() as http:
        server.user("alice")
        server.do(server.watchword.accounts.add_address("user:alice", "alice@example.com", by="test"))
        http.post("/reset", json={"login": "alice"})
        server.do(server.app.post.outbox.drained())
    assert "no mail server is configured. To alice@example.com" in caplog.text
    assert "/reset/new?token=lk_" in caplog.text
