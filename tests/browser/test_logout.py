"""An application sends a person to sign out, in a real browser: asked, or not, and never by another site."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.browser.person import Person
from tests.browser.test_people import sign_in, sign_up
from tests.server.account.town import Town
from tests.server.oauth.flow import App, answer_of

pytestmark = pytest.mark.processes

AFTER = "https://app.example/bye"


@pytest.fixture
def app(town: Town) -> App:
    town.service("app")
    return App(town, client_name="Tally", post_logout_redirect_uris=[AFTER])


def answered(person: Person, place: str, body: str = "<!doctype html><title>app</title>") -> list[str]:
    """Let the application's own place, or another site's, answer; return where the browser was sent."""
    seen: list[str] = []

    def answer(route: Any) -> None:
        seen.append(route.request.url)
        route.fulfill(body=body, content_type="text/html")

    person.page.route(place, answer)
    return seen


def id_token(person: Person, town: Town, app: App) -> str:
    """Return an id_token of the session that the browser has."""
    with town.client() as http:
        http.cookies.update({each["name"]: each["value"] for each in person.context.cookies()})
        tokens = app.redeem(http, answer_of(http.get(app.place(scope="openid")))["code"]).json()
        return str(tokens["id_token"])


def test_asked_and_back_to_the_application(person: Person, town: Town, app: App) -> None:
    seen = answered(person, "https://app.example/**")
    sign_up(person, town)
    sign_in(person)
    query = urlencode({"client_id": app.id, "post_logout_redirect_uri": AFTER, "state": "s"})
    person.go(f"/oauth/logout?{query}")
    assert person.heading() == "Sign out?"
    assert "Tally would like to sign you out." in person.page.locator("main").inner_text()
    person.press("Stay signed in")
    assert person.path() in ("/", "/account")
    person.go(f"/oauth/logout?{query}", look=False)
    person.page.get_by_role("button", name="Sign out", exact=True).focus()
    person.page.keyboard.press("Enter")
    person.page.wait_for_url("https://app.example/**")
    assert seen == [AFTER + "?state=s"]
    person.go("/account", look=False)
    assert person.path() == "/login"


def test_not_asked_with_an_id_token_of_this_session(person: Person, town: Town) -> None:
    town.service("app")
    after = f"{town.url}/healthz"  # another site, as browsers see it: 127.0.0.1
    app = App(town, post_logout_redirect_uris=[after])
    sign_up(person, town)
    sign_in(person)
    query = urlencode({"id_token_hint": id_token(person, town, app), "post_logout_redirect_uri": after, "state": "s"})
    person.page.goto(f"{person.url}/oauth/logout?{query}")
    assert person.page.url == after + "?state=s"
    person.go("/oauth/logout")
    assert person.heading() == "Signed out"
    assert person.cookie("session") == ""


def test_another_site_signs_nobody_out(person: Person, town: Town) -> None:
    sign_up(person, town)
    sign_in(person)
    form = f"""<!doctype html><title>evil</title><form method="post" action="{person.url}/oauth/logout">
<input name="csrf_token" value="{"0" * 64}"></form><form method="post" action="{person.url}/oauth/logout"></form>
<img src="{person.url}/oauth/logout" alt="">"""
    answered(person, "https://evil.example/**", form)
    for number in (0, 1):
        person.page.goto("https://evil.example/")
        with person.page.expect_navigation(url=f"{person.url}/**"):
            person.page.evaluate(f"document.forms[{number}].submit()")
        person.troubles.clear()  # the pages of another site are no business of ours
        person.go("/account", look=False)
        assert person.path() == "/account"
