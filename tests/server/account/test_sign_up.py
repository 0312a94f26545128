"""Signing up, by oneself and by invitation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.account.town import OTHER, PASSWORD, Town, link_in, token_in, town
from tests.server.live import live

from watchword.model.credential import Kind


@pytest.fixture(scope="module")
def open_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as server:
        yield server


def test_a_person_signs_up_confirms_and_logs_in(open_town: Town) -> None:
    browser = open_town.browser()
    sent = browser.submit("/sign-up", username="Alice", email="Alice@Example.com", password=PASSWORD)
    assert sent.status_code == 200
    assert "Alice@example.com" in sent.text
    letter = open_town.letter("Alice@example.com")
    assert letter.subject.startswith("Confirm your address")
    assert open_town.do(open_town.watchword.store.subject("user:alice")) is None  # nothing is kept before
    assert browser.get(link_in(letter)).status_code == 200
    made = browser.submit(link_in(letter))
    assert "Your account is ready" in made.text
    browser.log_in("alice")
    (password,) = open_town.do(open_town.watchword.store.credentials(kind=Kind.PASSWORD, subject="user:alice"))
    assert password.scopes == {"orders:read"}
    assert browser.get(link_in(letter)).status_code == 400


def test_the_same_by_json(open_town: Town) -> None:
    with open_town.client() as http:
        body = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
        sent = http.post("/sign-up", json=body)
        assert (sent.status_code, sent.json()) == (202, {"status": "sent"})
        token = token_in(open_town.letter("bob@example.com"))
        asked = http.post("/confirm", json={"token": token})
        assert asked.status_code == 422
        assert [each["field"] for each in asked.json()["errors"]] == ["password"]
        made = http.post("/confirm", json={"token": token, "password": PASSWORD})
        assert (made.status_code, made.json()) == (201, {"subject": "user:bob"})
        again = http.post("/confirm", json={"token": token, "password": PASSWORD})
        assert again.status_code == 400
        assert again.json()["type"] == "urn:watchword:problem:spent_link"
        assert http.post("/login", json={"username": "bob", "password": PASSWORD}).status_code == 200


def test_what_cannot_be_is_said_field_by_field(open_town: Town) -> None:
    with open_town.client() as http:
        body = {"username": "eve@example.com", "email": "eve", "password": "short"}
        refused = http.post("/sign-up", json=body)
        assert refused.status_code == 422
        errors = refused.json()["errors"]
        assert {each["field"] for each in errors} == {"username", "email", "password"}
        assert all(each["code"] and each["text"] for each in errors)
        assert "short" not in json.dumps([each["code"] for each in errors if each["field"] != "password"])


def test_the_answer_is_the_same_for_names_and_addresses_known_and_unknown(open_town: Town) -> None:
    open_town.user("known")
    open_town.do(open_town.watchword.accounts.add_address("user:known", "known@example.com", by="test"))
    with open_town.client() as http:
        answers = set()
        for name, email in [
            ("known", "new1@example.com"),
            ("fresh1", "known@example.com"),
            ("fresh2", "KNOWN@EXAMPLE.COM"),
            ("fresh3", "new2@example.com"),
        ]:
            answer = http.post("/sign-up", json={"username": name, "email": email, "password": PASSWORD})
            headers = {name: value for name, value in answer.headers.items() if name != "date"}
            answers.add((answer.status_code, answer.content, json.dumps(headers)))
        assert len(answers) == 1
    letters = {(each.to, each.subject.split(" at ")[0].split(" for ")[0]) for each in open_town.settled()}
    assert ("new1@example.com", "Choose another user name") in letters
    assert ("known@example.com", "You have an account") in letters
    assert ("new2@example.com", "Confirm your address") in letters


def test_a_mail_scanner_that_opens_the_link_spends_nothing(open_town: Town) -> None:
    with open_town.client() as http:
        http.post("/sign-up", json={"username": "scanned", "email": "s@example.com", "password": PASSWORD})
        link = link_in(open_town.letter("s@example.com"))
        for _ in range(3):
            assert http.get(link).status_code == 200
            assert http.head(link).status_code in (200, 405)
        made = http.post("/confirm", json={"token": link.partition("=")[2], "password": PASSWORD})
        assert made.status_code == 201


def test_pre_hijacking_a_click_in_another_browser_does_not_take_over_a_strangers_password(open_town: Town) -> None:
    """A stranger signs up with somebody's address; the owner's click must not make their account."""
    stranger = open_town.browser()
    stranger.submit("/sign-up", username="victim", email="victim@example.com", password="the stranger's own password")
    link = link_in(open_town.letter("victim@example.com"))
    owner = open_town.browser()
    refused = owner.submit(link)
    assert refused.status_code == 422
    assert open_town.do(open_town.watchword.store.subject("user:victim")) is None


def test_another_sites_form_signs_nobody_up(open_town: Town) -> None:
    with open_town.client(headers={"origin": "https://evil.example"}) as http:
        form = {"username": "forged", "email": "forged@example.com", "password": PASSWORD}
        assert http.post("/sign-up", data=form).status_code == 403
        assert http.post("/reset", data={"login": "known"}).status_code == 403
    assert "forged@example.com" not in [each.to for each in open_town.settled()]


def test_host_header_poisoning_changes_no_link(open_town: Town) -> None:
    with open_town.client(headers={"host": "evil.example", "x-forwarded-host": "evil.example"}) as http:
        http.post("/sign-up", json={"username": "hosted", "email": "hosted@example.com", "password": PASSWORD})
        letter = open_town.letter("hosted@example.com")
        assert open_town.watchword.issuer + "/confirm?token=" in letter.text
        assert "evil" not in letter.text + letter.subject


def test_letters_come_in_the_browsers_language(open_town: Town) -> None:
    browser = open_town.browser(language="fr, de-CH;q=0.9, en;q=0.5")
    browser.submit("/sign-up", username="heidi", email="heidi@example.com", password=PASSWORD)
    assert "bestätigen" in open_town.letter("heidi@example.com").subject


def test_who_is_invited_chooses_name_and_password(open_town: Town) -> None:
    watchword = open_town.watchword
    invited = open_town.do(watchword.accounts.invite("carol@example.com", scopes=["orders:write"], by="cli:op"))
    path = link_in(open_town.app.post.invitation(invited))
    browser = open_town.browser()
    assert "carol@example.com" in browser.get(path).text
    taken = browser.submit(path, username="known", password=PASSWORD)
    assert taken.status_code == 422
    assert "taken" in taken.text
    assert "Your account is ready" in browser.submit(path, username="carol", password=OTHER).text
    browser.log_in("carol", OTHER)
    assert open_town.do(watchword.accounts.address("user:carol")) == "carol@example.com"
    (password,) = open_town.do(watchword.store.credentials(kind=Kind.PASSWORD, subject="user:carol"))
    assert password.scopes == {"orders:write"}
    assert browser.get(path).status_code == 400


def test_an_address_may_ask_only_so_often(tmp_path: Path) -> None:
    with town(tmp_path, '[accounts]\nsign_up = "open"\nlimit = "3/h"\n') as server, server.client() as http:
        codes = [
            http.post("/sign-up", json={"username": f"n{n}", "email": f"n{n}@example.com", "password": PASSWORD})
            for n in range(4)
        ]
        assert [each.status_code for each in codes] == [202, 202, 202, 429]
        assert int(codes[-1].headers["retry-after"]) > 0


def test_a_mailbox_is_not_flooded_and_nobody_learns_of_it(tmp_path: Path) -> None:
    with town(tmp_path, '[accounts]\nsign_up = "open"\nmails = "2/h"\n') as server, server.client() as http:
        for number in range(5):
            body = {"username": f"n{number}", "email": "Same@example.com", "password": PASSWORD}
            assert http.post("/sign-up", json=body).status_code == 202
        assert len(server.settled()) == 2


@pytest.mark.parametrize("setting", ["off", "invitation"])
def test_a_closed_house_has_no_sign_up(tmp_path: Path, setting: str) -> None:
    with live(tmp_path, f'[accounts]\nsign_up = "{setting}"\n') as server, server.client() as http:
        assert http.get("/sign-up").status_code == 404
        assert http.post("/sign-up", json={}).status_code == 404
        assert http.get("/invitation").status_code == (404 if setting == "off" else 400)


def test_a_password_does_not_travel_in_the_open(tmp_path: Path) -> None:
    toml = '[accounts]\nsign_up = "open"\n[server]\ntrusted_proxies = ["127.0.0.1"]\n'
    with town(tmp_path, toml) as server, server.client(headers={"x-forwarded-for": "192.0.2.1"}) as http:
        body = {"username": "n", "email": "n@example.com", "password": PASSWORD}
        assert http.post("/sign-up", json=body).status_code == 401
