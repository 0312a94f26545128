"""The console as a whole: every page in both languages, every form bound to its session."""

from __future__ import annotations

import re

from tests.server.account.town import Browser, Town
from tests.server.console.house import operator

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


def test_head_is_answered_like_get(root: Browser) -> None:
    head = root.http.head("/console/credentials")
    assert (head.status_code, head.content) == (200, b"")
