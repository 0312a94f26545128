"""Operators in a real browser: every page in every look, by keyboard alone, without script, and brought up to date."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.person import Clock, Person
from tests.server.account.town import Town
from tests.server.console.house import ALL, furnish, operator
from watchword.model.alerts import Alert
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Event
from watchword.model.usage import Observed, Origin, Point, Tally

pytestmark = pytest.mark.processes

NOW = 1_900_000_000.0  # a Sunday evening
DAY = 86400
DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "pictures"
MOST_BYTES = 60_000
SCHEMES = {"api-key": 900, "hmac": 400, "jwt": 700, "session": 120, "mtls": 60}


class Office(Town):
    """A town whose clock stands still, with an operator, credentials of each kind, and a week of traffic."""

    def __init__(self, folder: Path) -> None:
        self.now = [NOW]
        super().__init__(folder, '[[route]]\npath = "/orders"\naccept = "api-key | jwt"\n', clock=lambda: self.now[0])

    def furnished(self) -> Office:
        self.start()
        self.user("root", scopes=ALL)
        self.ids = furnish(self)
        now, store = int(NOW), self.watchword.store
        key: dict[str, Any] = {"created_at": now - 80 * DAY, "expires_at": now + 9 * DAY}
        old: dict[str, Any] = {"created_at": now - 300 * DAY, "last_used_at": now - 200 * DAY}
        rows = [
            Credential("key_7Lx2Nightly0000001", Kind.API_KEY, "service:billing", **key),
            Credential("hk_live_4PbWarehouse01", Kind.HMAC, "service:billing", **old),
        ]
        self.do(store.write(*map(Add, rows)))
        self.do(store.append([Event(NOW, "decide", "accepted")], self.observed(self.ids["api-key"])))
        told = "a credential is used from a network that it was never used from before"
        about = (self.ids["api-key"], "service:billing", "198.51.100.7", {"told": told, "advice": "ask its owner"})
        alert = Alert("alr_1", now - 900, "new-network", "medium", "k", *about)
        self.do(self.watchword.operations.alerts.raised(alert))
        return self

    def observed(self, id: str) -> Observed:
        dice, points, tallies = random.Random(7), [], []
        for hour in range(24 * 7):
            start = int(NOW) // 3600 * 3600 - hour * 3600
            busy = 1.0 + 0.8 * ((hour * 7) % 24 < 12)
            for scheme, usual in SCHEMES.items():
                count = int(usual * busy * dice.uniform(0.7, 1.3))
                points += [Point(start, scheme, "accepted", count), Point(start, scheme, "refused", count // 12)]
            for verdict, count in (("accepted", dice.randrange(80, 120)), ("refused", dice.randrange(4))):
                row = (start, id, "service:billing", "api-key", "GET /orders", "203.0.113.0/24", verdict, "", count)
                tallies += [Tally(*row)] * bool(count)
        return Observed(tallies, [Origin(id, "203.0.113.0/24", int(NOW) - 30 * DAY, int(NOW))], points)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    server = Office(tmp_path_factory.mktemp("office")).furnished()
    yield server
    server.stop()


def signed_in(chromium: Any, office: Office, **options: Any) -> Person:
    someone = Person(chromium, office, Clock(), **options)
    cookie = operator(office).http.cookies["session"]
    someone.context.add_cookies([{"name": "session", "value": cookie, "url": someone.url}])
    return someone


@pytest.fixture
def root(chromium: Any, office: Office) -> Iterator[Person]:
    someone = signed_in(chromium, office)
    yield someone
    someone.close()
    assert someone.troubles == []


def test_from_the_overview_to_a_new_secret(root: Person, office: Office) -> None:
    root.go("/console")
    assert root.page.locator("svg.bars rect").count() > 100
    root.go(f"/console/credential?id={office.ids['api-key']}")
    root.press("Rotate")
    root.press("Rotate")
    root.look()
    assert root.page.locator("code.secret").inner_text().startswith("ak_live_")
    root.page.get_by_role("button", name="Copy", exact=True).wait_for()
    sent_once(root, office)
    root.go("/console/alerts", look=False)
    root.page.get_by_role("button", name="I have looked at it").click()
    root.page.get_by_text("Nothing looks like a leak.").wait_for()


def sent_once(root: Person, office: Office) -> None:
    """Who presses twice, because nothing seems to happen, gets one credential, and is told to wait for what is long."""
    root.go("/console/credentials/issue?kind=api-key&subject=service:billing", look=False)
    posts: list[str] = []
    root.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    with root.page.expect_navigation():
        root.page.evaluate(
            "const form = document.querySelector('main form'); form.requestSubmit(); form.requestSubmit()"
        )
    assert len(posts) == 1
    root.go("/console/audit/verify", look=False)
    root.page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    root.page.get_by_role("button", name="Check now").click()
    root.page.get_by_text("Checking. A long log takes minutes.").wait_for()


@pytest.mark.soak
def test_every_page_in_every_look_and_in_german(chromium: Any, office: Office) -> None:
    for options in ({}, {"locale": "de-DE"}):
        someone = signed_in(chromium, office, **options)
        for path in every_page(office):
            someone.page.goto(someone.url + path)
            someone.look(f"{options.get('locale', 'en')} {path.strip('/').replace('/', '-').replace('?', '_')[:60]}")
        someone.close()
        assert someone.troubles == []


def every_page(office: Office) -> list[str]:
    ids = office.ids
    acts = [f"/console/credential/{act}?id={ids['hmac']}" for act in ("rotate", "revoke", "leaked")]
    return [
        "/console", "/console?span=90d", "/console/credentials", "/console/credentials?q=none", "/console/sessions",
        *(f"/console/credentials/issue?kind={kind}" for kind in ("api-key", "hmac", "oauth-client", "password")),
        *(f"/console/credential?id={id}" for id in ids.values()), *acts,
        "/console/subjects", "/console/subjects/add", "/console/subject?id=user:root",
        "/console/subject?id=service:billing", "/console/subject/disable?id=user:root", "/console/clients",
        f"/console/client?id={ids['oauth-client']}", f"/console/client/disable?id={ids['oauth-client']}",
        "/console/audit", "/console/audit?reason=none", "/console/audit/verify", "/console/alerts",
        "/console/alerts?all=1",
        "/console/lint", "/console/explain", "/console/advise", "/console/advise?callers=people&through=browser",
        "/console/credential?id=nope",
    ]  # fmt: skip


def test_by_keyboard_alone_and_up_to_date(root: Person, office: Office) -> None:
    """One browser for three things: beginning one costs more than what is asked of it."""
    by_keyboard(root, office)
    root.page.clock.install()  # from here on the page's time is ours: minutes pass at once
    asked: list[str] = []
    root.page.on("request", lambda request: asked.append(request.url))
    left_alone(root, asked)
    brought_up_to_date(root, office, asked)


def by_keyboard(root: Person, office: Office) -> None:
    page = root.page
    root.go("/console/credentials", look=False)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type(office.ids["client-cert"])
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith(office.ids["client-cert"])
    root.go("/console/credentials", look=False)
    page.locator(".rows tbody a").first.focus()
    first = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.innerText") == first != second
    page.keyboard.press("ArrowDown")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert root.path() == "/console/credential"


def left_alone(root: Person, asked: list[str]) -> None:
    """A page that nobody looks at asks for nothing, so that it keeps no session alive."""
    root.go("/console", look=False)
    root.page.clock.fast_forward(601_000)
    root.page.clock.run_for(20_500)
    root.page.get_by_text("Paused: nobody looks.").wait_for()
    asked.clear()
    root.page.clock.run_for(60_000)
    assert asked == []
    root.page.keyboard.press("Shift")
    with root.page.expect_response("**/console"):
        root.page.clock.run_for(11_000)


def brought_up_to_date(root: Person, office: Office, asked: list[str]) -> None:
    """What is new comes by itself, by one request at a time, until the session ends."""
    root.go("/console/subjects?q=service:late", look=False)
    assert root.page.get_by_text("service:latecomer").count() == 0
    office.service("latecomer")
    asked.clear()
    root.page.clock.run_for(10_500)
    root.page.get_by_text("service:latecomer").wait_for()
    assert len(asked) == 1
    for each in office.do(office.watchword.store.credentials(kind=Kind.SESSION, limit=500)):
        office.do(office.watchword.lifecycle.revoke(each.id, reason="over", by="test"))
    root.page.clock.run_for(10_500)
    root.page.get_by_text("You are signed out").wait_for()
    asked.clear()
    root.page.clock.run_for(120_000)
    assert asked == []


PICTURES = {
    "overview": "/console",
    "credential": "/console/credential?id={api-key}",
    "findings": "/console/lint",
}


def test_without_script_and_for_the_documentation(chromium: Any, office: Office, tmp_path: Path) -> None:
    """The pictures of docs/console.md are made here: ``PICTURES=1`` keeps them."""
    someone = signed_in(chromium, office, java_script_enabled=False, color_scheme="light")
    page, folder = someone.page, DOCS if os.environ.get("PICTURES") else tmp_path
    page.set_viewport_size({"width": 960, "height": 440})
    for name, path in PICTURES.items():
        page.goto(someone.url + path.format(**office.ids))
        page.screenshot(path=folder / f"console-{name}.png")
        assert 5_000 < (folder / f"console-{name}.png").stat().st_size <= MOST_BYTES, name
        assert (DOCS / f"console-{name}.png").stat().st_size <= MOST_BYTES, "PICTURES=1 makes them"
    page.goto(someone.url + "/console")
    assert page.locator("svg.bars rect").count() > 100
    page.goto(someone.url + "/console/credentials/issue?kind=hmac")
    page.get_by_label("Whose").fill("service:billing")
    page.locator("main").get_by_role("button", name="Issue", exact=True).click()
    assert page.locator("#secret").inner_text().startswith("hs_live_")
    assert page.get_by_role("button", name="Copy").count() == 0
    someone.close()
