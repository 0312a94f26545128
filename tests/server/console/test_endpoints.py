"""The console as a whole: every page in both languages, every form bound to its session."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import house, operator

from watchword.model.alerts import Alert
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Event, Subject
from watchword.model.usage import Observed, Origin, Point, Tally
from watchword.server.console.endpoints import console_endpoints


def test_every_place_is_under_console(town: Town) -> None:
    from watchword.server.pages.rendering import Pages

    routes = console_endpoints(town.watchword, town.settings, Pages())
    assert all(route.path == "/console" or route.path.startswith("/console/") for route in routes)
    assert len({route.path for route in routes}) == len(routes)


def test_every_form_carries_its_token_and_every_page_its_language(town: Town, root: Browser) -> None:
    from watchword.server.pages.rendering import Pages

    german = operator(town, language="de")
    for route in console_endpoints(town.watchword, town.settings, Pages()):
        for browser, language in ((root, "en"), (german, "de")):
            page = browser.get(f"{route.path}?id=user:root")
            assert page.status_code in (200, 303, 404), route.path
            if page.status_code == 303:
                continue
            assert f'<html lang="{language}">' in page.text
            forms = re.findall(r'<form method="post".*?</form>', page.text, re.S)
            assert all("csrf_token" in form for form in forms), route.path
            assert page.text.count("<h1") == 1, route.path


ODD = (
    *("%00", "%ED%A0%80", "%FF", "'", "%F4%8F%BF%BF", "9" * 40, "-1", "x" * 3000),
    *("0|%00|x", "3|a|b", "<script>", "${7*7}", "../.."),
)
FIELDS = (
    *("id", "q", "after", "before", "kind", "state", "subject", "span"),
    *("credential", "reason", "callers", "path", "all"),
)
PLACES = (
    *("", "/credentials", "/sessions", "/credentials/issue", "/credential", "/credential/revoke", "/subjects"),
    *("/subject", "/subject/disable", "/clients", "/client", "/audit", "/alerts", "/advise", "/explain"),
)


def test_odd_values_are_no_reason_to_break(root: Browser) -> None:
    """Each page with an odd value in every field that some page reads: answered, and never shown as markup."""
    for turn in range(0, len(ODD), 3):
        query = "&".join(f"{field}={ODD[(turn + place) % len(ODD)]}" for place, field in enumerate(FIELDS))
        for page in PLACES:
            answer = root.http.get(f"/console{page}?{query}")
            assert answer.status_code < 500, (page, query, answer.text)
            assert "<script>" not in answer.text


EVIL = """"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{0}{name}"""
CLIENT = {"client_id": "cli_0evil", "client_name": EVIL, "grants": [EVIL], "redirect_uris": [EVIL]}


def test_whatever_others_chose_is_text(tmp_path: Path) -> None:
    """Stored cross-site scripting, by every field that callers, people and machines fill in."""
    with house(tmp_path) as town:
        town.service("billing")
        fill(town)
        root = operator(town)
        german = operator(town, language="de")
        places = ["", "/credentials", "/sessions", "/clients", "/audit", "/alerts", "/subjects?q=user:evil"]
        places += ["/credential?id=key_0evil&span=1h", "/credential?id=ses_0evil", "/credential?id=cli_0evil"]
        places += ["/credential/revoke?id=cli_0evil", "/credential/rotate?id=cli_0evil", "/client?id=cli_0evil"]
        places += ["/client/disable?id=cli_0evil", "/subject?id=user:evil", "/subject?id=user:root"]
        for place in places:
            for browser in (root, german):
                page = browser.get(f"/console{place}")
                assert page.status_code == 200, (place, page.text)
                assert "script&gt;alert(1)" in page.text, place
                assert not re.search(r"<script>|<img|onerror=alert\(1\)>|49\{0", page.text), place


def fill(town: Town) -> None:
    store, now = town.watchword.store, int(town.watchword.clock())
    about: dict[str, Any] = {"scopes": frozenset({EVIL}), "networks": (EVIL,), "revoked_at": now, "revoked_by": EVIL}
    detail = dict.fromkeys(("name", "profile", "hint", "serial", "agent", "address", "client", "kid"), EVIL)
    rows = [
        Credential("key_0evil", Kind.API_KEY, "service:billing", now, revoke_reason=EVIL, detail=detail, **about),
        Credential("ses_0evil", Kind.SESSION, "user:root", now, expires_at=now + 900, detail=detail),
        Credential("cli_0evil", Kind.OAUTH_CLIENT, "service:billing", now, scopes=frozenset({EVIL}), detail=CLIENT),
    ]
    town.do(store.write(*map(Add, rows), Add(Subject("user:evil", now, detail={"display": EVIL}))))
    said = dict.fromkeys(("reason", "reference", "scheme", "credential", "subject", "actor", "detail"), EVIL)
    event = Event(float(now), EVIL, EVIL, **said, method=EVIL, path=EVIL, address=EVIL)
    tally = Tally(now // 60 * 60, "key_0evil", "service:billing", EVIL, EVIL, EVIL, EVIL, EVIL, 3)
    origin, point = Origin("key_0evil", EVIL, now, now), Point(now // 60 * 60, EVIL, EVIL, 3)
    town.do(store.append([event], Observed([tally], [origin], [point])))
    alert = Alert(
        "alr_0evil", now, EVIL, EVIL, EVIL, "key_0evil", EVIL, EVIL, {"told": EVIL, "advice": EVIL, EVIL: EVIL}
    )
    town.do(town.watchword.operations.alerts.raised(alert))


@pytest.mark.postgres
def test_odd_values_break_nothing_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """PostgreSQL holds no NUL, and numbers of 64 bits."""
    with house(tmp_path, toml=f'[store]\nurl = "{postgres_url}"\n') as server:
        browser = operator(server)
        for odd in ("0|%00|b%00", "9" * 18):
            query = "&".join(f"{field}={odd}" for field in FIELDS)
            for page in PLACES:
                answer = browser.http.get(f"/console{page}?{query}")
                assert answer.status_code < 500, (page, odd, answer.text)
        csrf = {"csrf_token": browser.http.cookies["csrf"]}
        for page in ("/find?q=x", "/subjects/add", "/credentials/issue", "/alerts/acknowledge", "/explain"):
            sent = dict.fromkeys(("q", "name", "subject", "scopes", "id", "url", "headers", "reason"), "a\0b")
            assert browser.http.post(f"/console{page}", data={**sent, **csrf}).status_code < 500, page


def test_head_is_answered_like_get(root: Browser) -> None:
    head = root.http.head("/console/credentials")
    assert (head.status_code, head.content) == (200, b"")
