"""What people do, in a real browser: every page is looked at, and nothing may be hard to see, to hear or to reach."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.person import PASSWORD, Clock, Person
from tests.server.account.town import Town, link_in

pytestmark = pytest.mark.processes


def sign_up(person: Person, town: Town, name: str = "alice") -> None:
    person.go("/login")
    person.press("Make an account")
    person.look()
    person.fill(User_name=name, Email_address=f"{name}@example.com", Password=PASSWORD)
    person.press("Sign up")
    person.look()
    person.go(link_in(town.letter(f"{name}@example.com")))
    person.press("Confirm")
    person.look()


def sign_in(person: Person, name: str = "alice") -> None:
    person.go("/login")
    person.fill(User_name_or_email_address=name, Password=PASSWORD)
    person.press("Sign in")


def enrol_app(person: Person) -> str:
    """Set up an authenticator app on three screens: the list, the picture with the code, the recovery codes."""
    person.go("/account/factors")
    person.press("Set up an authenticator app")
    person.look()
    assert person.page.locator("svg.qr").is_visible()
    person.page.get_by_text("No camera?").click()
    secret = person.page.locator("details code").inner_text()
    person.fill(Code_from_your_authenticator_app=person.code(secret))
    person.press("Set up")
    person.look()
    assert person.page.locator("ul.codes li").count() == 10
    person.press("I have kept them")
    person.look("factors with an app")
    return str(secret)


def add_passkey(person: Person) -> None:
    person.press("Add a passkey")
    person.look()
    person.press("Add it now")


def test_sign_up_app_passkey_one_click_step_up_and_out_everywhere(person: Person, town: Town, clock: Clock) -> None:
    person.authenticator()
    sign_up(person, town)
    sign_in(person)
    assert person.path() == "/"
    person.look()
    person.go("/account")

    secret = enrol_app(person)
    add_passkey(person)
    person.look("factors with both")
    assert person.page.locator("ul.list h2").all_inner_texts() == ["Authenticator app", "Passkey"]

    person.press("Sign out", within="header")
    assert person.path() == "/login"
    person.press("Sign in with a passkey")  # the one click
    assert person.path() == "/"

    clock.ahead = 700  # the login is no longer fresh
    before = person.cookie("session")
    person.go("/account/factors/app", look=False)
    assert person.path() == "/login/step-up"
    person.look()
    person.press("Use a passkey")
    assert person.path() == "/account/factors/app"
    assert person.cookie("session") not in (before, "")

    person.go("/account/sessions")
    person.press("Sign out everywhere")
    assert person.path() == "/login"
    person.go("/account", look=False)
    assert person.path() == "/login"

    sign_in(person)
    assert person.path() == "/login/mfa"
    person.look()
    person.fill(Code_from_your_authenticator_app="123456")
    person.press("Continue")
    assert "did not fit" in person.page.locator("[role=alert]").first.inner_text()
    person.look("mfa refused")
    person.fill(Code_from_your_authenticator_app=person.code(secret))
    person.press("Continue")
    assert person.path() == "/"


def test_every_other_page_of_an_account(person: Person, town: Town) -> None:
    sign_up(person, town)
    sign_in(person)
    for path in ("/account/profile", "/account/email", "/account/password", "/account/sessions", "/account/delete"):
        person.go(path)
    person.go("/account/keys")
    person.page.get_by_label("orders:read").check()
    person.fill(What_it_is_for="Nightly report")
    person.press("Make the key")
    person.look()
    assert person.page.locator("code.secret").inner_text().startswith("ak_live_")
    person.press("Done")
    person.look("keys with one")
    person.press("Revoke Nightly report")
    assert "None yet." in person.page.locator("main").inner_text()

    person.go("/account/password", look=False)
    person.fill(Current_password="wrong", New_password="short")
    person.press("Change the password")
    person.look("password refused")
    assert person.page.locator("[aria-invalid=true]").count() >= 1

    person.go("/account/profile", look=False)
    person.page.get_by_label("Language").select_option("de")
    person.press("Save")
    person.go("/account", look=False)
    assert person.heading() == "Hallo, alice"
    person.go("/account/delete", look=False)
    person.page.locator("#username").fill("alice")
    person.press("Konto löschen")
    assert person.path() == "/account/delete"


def test_every_page_for_strangers(person: Person, town: Town) -> None:
    sign_up(person, town)
    person.go("/reset")
    person.fill(User_name_or_email_address="alice")
    person.press("Send a link")
    person.look()
    person.go(link := link_in(town.letter("alice@example.com")))
    person.fill(New_password="short")
    person.press("Set the password")
    person.look("reset refused")
    person.fill(New_password=PASSWORD + " and clover")
    person.press("Set the password")
    person.look()
    person.go(link)
    person.go("/sign-up", look=False)
    person.fill(User_name="not a name!", Email_address="alice@example.com", Password="short")
    person.press("Sign up")
    person.look("sign-up refused")
    sign_in(person)
    person.look("login refused")


def tab_to(page: Any, name: str) -> None:
    """Press Tab until what has this name has the focus, and can be seen to have it."""
    for _ in range(20):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "[document.activeElement.innerText || document.activeElement.id,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if found[0] == name:
            assert found[1] != "none", f"the focus on {name} is not visible"
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_by_keyboard_alone(person: Person, town: Town) -> None:
    sign_up(person, town)
    person.go("/login")
    page = person.page
    assert page.evaluate("document.activeElement.id") == "username"
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert person.path() == "/"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.goto(person.url + "/account")
    tab_to(page, "Sessions")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert person.path() == "/account/sessions"
    tab_to(page, "Sign out everywhere")
    with page.expect_navigation():
        page.keyboard.press("Space")
    assert person.path() == "/login"


def test_another_browser_is_ended_from_here(person: Person, chromium: Any, town: Town, clock: Clock) -> None:
    sign_up(person, town)
    sign_in(person)
    other = Person(chromium, town, clock, locale="de-DE")
    other.go("/login")
    assert other.heading() == "Anmelden"
    other.page.locator("#username").fill("alice")
    other.page.locator("#password").fill(PASSWORD)
    other.press("Anmelden")
    person.go("/account/sessions")
    assert person.page.locator("ul.list > li").count() == 2
    assert person.page.get_by_text("this network").count() == 1
    person.press("Sign out everywhere else")
    assert person.page.locator("ul.list > li").count() == 1
    other.go("/account", look=False)
    assert other.path() == "/login"
    other.close()
    assert other.troubles == []
