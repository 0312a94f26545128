"""Applications ask a person in a real browser: the page in every look, by keyboard alone, and taking it back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser.person import Person
from tests.browser.test_people import sign_in, sign_up
from tests.server.account.town import Town
from tests.server.oauth.consenting import Native
from tests.server.oauth.flow import CALLBACK, App
from tests.server.oauth.keyed import edit

pytestmark = pytest.mark.processes

PAYMENT = {"type": "payment", "amount": {"currency": "EUR", "value": "12.50"}, "creditor": "Donaudampfschifffahrt"}


@pytest.fixture
def app(town: Town) -> App:
    town.service("app")
    made = App(town, first_party=False, authorization_details_types=["payment"])
    town.do(
        edit(town, made, client_name="Tally", client_uri="https://tally.example/", tos_uri="https://tally.example/t")
    )
    return made


def arrive(person: Person) -> list[str]:
    """Let the application's own place answer; return where the browser was sent."""
    seen: list[str] = []

    def answer(route: Any) -> None:
        seen.append(route.request.url)
        route.fulfill(body="<!doctype html><title>app</title>", content_type="text/html")

    person.page.route("https://app.example/**", answer)
    return seen


def test_allowed_by_keyboard_then_taken_back(person: Person, town: Town, app: App) -> None:
    seen = arrive(person)
    sign_up(person, town)
    person.go(app.place(scope="openid email orders:read"), look=False)
    assert person.path() == "/login"
    person.fill(User_name_or_email_address="alice", Password="four horses eat the long grass")
    person.press("Sign in")
    assert person.heading() == "Allow Tally?"
    person.look("consent")
    text = person.page.locator("main").inner_text()
    assert "See your orders" in text
    assert "See your email address" in text
    assert "The answer goes to app.example." in text
    person.page.get_by_label("See your email address").focus()
    person.page.keyboard.press("Space")  # unticked
    person.page.get_by_role("button", name="Allow", exact=True).focus()
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("https://app.example/**")
    answer = dict(parse_qsl(urlsplit(seen[-1]).query))
    assert seen[-1].startswith(CALLBACK)
    with town.client() as program:
        given = app.redeem(program, answer["code"]).json()
        assert given["scope"] == "openid orders:read"
        person.go("/account/apps")
        assert "Tally" in person.page.locator("main").inner_text()
        person.press("Take back what Tally may do")
        assert "None yet." in person.page.locator("main").inner_text()
        assert app.refresh(program, given["refresh_token"]).status_code == 400


def test_denied_and_back_again(person: Person, town: Town, app: App) -> None:
    seen = arrive(person)
    sign_up(person, town)
    sign_in(person)
    person.go(app.place(), look=False)
    person.press("Do not allow")
    person.page.wait_for_url("https://app.example/**")
    assert "error=access_denied" in seen[-1]
    assert "code=" not in seen[-1]


def test_every_face_of_the_page(person: Person, town: Town, app: App) -> None:
    sign_up(person, town)
    sign_in(person)
    person.go(app.place(authorization_details=json.dumps([PAYMENT])), look=False)
    person.look("consent for one act")
    town.do(edit(town, app, source="registered", client_name="x" * 190))
    person.go(app.place(), look=False)
    person.look("consent of one that registered itself")
    native = Native(town)
    person.go(native.place(), look=False)
    person.look("consent of a program")
    person.go("/account/profile", look=False)
    person.page.get_by_label("Language").select_option("de")
    person.press("Save")
    person.go(app.place(), look=False)
    assert "Nicht zulassen" in person.page.locator("main").inner_text()
    person.look("consent in German")


def test_not_you_leads_to_another_account(person: Person, town: Town, app: App) -> None:
    seen = arrive(person)
    sign_up(person, town)
    sign_up(person, town, "bob")
    sign_in(person)
    person.go(app.place(scope="openid"), look=False)
    person.press("Not alice?")
    assert person.path() == "/login"
    person.fill(User_name_or_email_address="bob", Password="four horses eat the long grass")
    person.press("Sign in")
    assert "Not bob?" in person.page.locator("main").inner_text()
    person.press("Allow")
    person.page.wait_for_url("https://app.example/**")
    assert "code=" in seen[-1]
