"""Every page of accounts is there, and what it links to is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.server.account.town import town

from watchword.server.account import CONFIRM, INVITATION, NEW_PASSWORD, link


def test_pages_link_to_pages_that_exist(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        browser = server.browser().log_in("alice")
        seen, todo = set[str](), {"/sign-up", "/reset", "/account/profile", "/account/delete", "/confirm"}
        while todo:
            path = todo.pop()
            seen.add(path)
            page = browser.get(path)
            assert page.status_code in (200, 303, 400), path
            todo |= set(re.findall(r'(?:href|action)="(/[a-z/-]*)"', page.text)) - seen - {"/logout"}
        assert {"/login", "/account/email", "/account/export"} <= seen


def test_links_lead_to_us() -> None:
    for path in (CONFIRM, INVITATION, NEW_PASSWORD):
        assert link("https://a.example", path, "lk_1") == f"https://a.example{path}?token=lk_1"
