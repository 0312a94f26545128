"""Pages that few people see: shown with values of the longest kind, in German, whose words are long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.person import Clock, Person
from tests.server.account.town import Town
from watchword.codec.otp import Totp, totp_svg
from watchword.server.pages.language import SPOKEN
from watchword.server.pages.rendering import Pages

pytestmark = pytest.mark.processes

PICTURE = totp_svg(Totp("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").uri("alice", "Watchword"))
LONG = "dr.alice-wilhelmina.von-und-zu-hohenstaufen@customer-relations.example.co.uk"
PROVIDERS = (("google", "Google"), ("work", "Donaudampfschifffahrtsgesellschaft"))

WIDER = """[...document.querySelectorAll('main button, main .button, main input')].filter(
  (each) => each.getBoundingClientRect().right > each.closest('main').getBoundingClientRect().right - 16
).map((each) => each.outerHTML.slice(0, 99))"""

PAGES: dict[str, dict[str, Any]] = {
    "login/enrol.html": {
        "username": "alice",
        "picture": PICTURE,
        "secret": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "draft": "d",
    },
    "login/enrolled.html": {"codes": ["4k7q-9x2m-b1zz-0t5w"] * 10, "next": "/"},
    "account/identities.html": {"identities": [("idt_1", "Google", LONG)], "providers": PROVIDERS},
    "login/outside.html": {"provider": "Google", "identity": LONG, "subject": "", "sign_up": True, "login": "/login"},
    "login/login.html": {"providers": PROVIDERS, "username": LONG, "next": "/", "passkeys": True, "script": True},
    "refused.html": {"message": "Signing in with Google did not work.", "reference": "5b5df67e7aba30f3"},
    "onward.html": {"place": "#", "host": "login.example.com"},
    "account/invitation.html": {"email": LONG, "fields": {"username": "", "token": "lk_x"}},
    "account/confirm.html": {"moving": ("user:alice", LONG), "pending": None, "fields": {"token": "lk_x"}},
    "account/confirmed.html": {"email": LONG},
    "account/deleted.html": {},
    "oauth/logged_out.html": {},
    "oauth/logout.html": {
        "application": "Donaudampfschifffahrtsgesellschaftskapitänskajütenverwaltung",
        "person": LONG,
        "kept": {"client_id": "cli_1", "state": "s"},
    },
    "account/password_done.html": {},
    "login/step_up.html": {"username": "alice", "factors": ("fed",), "providers": PROVIDERS, "wanted": "", "next": "/"},
}


@pytest.fixture
def reader(chromium: Any, town: Town, clock: Clock) -> Iterator[Person]:
    someone = Person(chromium, town, clock)
    yield someone
    someone.close()
    assert someone.troubles == []


def test_pages_that_need_an_occasion(reader: Person) -> None:
    pages, shown = Pages(offers=("identities", "sign-up", "reset")), {"csrf_token": "0", "faults": {}}

    def answer(route: Any) -> None:
        token = SPOKEN.set("de")
        try:
            name = route.request.url.partition("/occasion/")[2].partition("?")[0]
            page = pages.page(name, 200, (), **{**shown, **PAGES[name]})
        finally:
            SPOKEN.reset(token)
        headers = {key.decode(): value.decode() for key, value in page.raw_headers}
        route.fulfill(body=bytes(page.body).decode(), headers=headers)

    reader.page.route("**/occasion/**", answer)
    for name in PAGES:
        reader.go(f"/occasion/{name}", look=False)
        assert reader.page.locator("html").get_attribute("lang") == "de"
        reader.look(name.replace("/", "-"))
        for wide in reader.page.evaluate(WIDER):
            reader.troubles.append(f"{name}: {wide} is wider than what it stands in")
