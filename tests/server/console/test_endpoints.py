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
