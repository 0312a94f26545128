"""The audit, the newest first, and whether it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tests.server.account.town import Browser, Town
from tests.server.console.house import house, operator

from watchword.model.credential import Kind
from watchword.model.records import Event


def test_the_newest_comes_first(town: Town, root: Browser) -> None:
    town.service("first")
    town.service("second")
    page = root.get("/console/audit?action=add").text
    assert page.index("service:second") < page.index("service:first")


def test_filters_and_pages(town: Town, root: Browser, ids: dict[str, str]) -> None:
    said = ("api-key", "key_x", "service:x")
    events = [Event(2e9 + at, "decide", "refused", "revoked", f"ref{at}", *said) for at in range(120)]
    town.do(town.watchword.store.append(events))
    found: list[str] = []
    place = "/console/audit?credential=key_x&outcome=refused"
    for _ in range(4):
        page = root.get(place).text
        found += re.findall(r"<code>(ref\d+)</code>", page)
        onward = re.search(r'href="(/console/audit\?[^"]*)" rel="next"', page)
        if onward is None:
            break
        place = onward[1].replace("&amp;", "&")
    assert found == [f"ref{at}" for at in reversed(range(120))]
    assert re.findall(r"<code>(ref\d+)</code>", root.get("/console/audit?reference=ref7").text) == ["ref7"]
    assert "None." in root.get("/console/audit?reason=no_such").text
    assert root.get("/console/audit?before=nonsense").status_code == 200


def test_a_whole_log_is_said_to_be_whole(root: Browser) -> None:
    assert "Check now" in root.get("/console/audit/verify").text
    assert "The audit is whole." in root.submit("/console/audit/verify").text


def edit() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Edit the log by the store's own connection: another library in this process would break its locks."""
    yield text("UPDATE audit SET events = replace(events, 'issue', 'ussie') WHERE position = 1"), {}
    yield text("UPDATE audit SET count = count + 1 WHERE position = 2"), {}


def test_an_edited_log_is_not(tmp_path: Path) -> None:
    with house(tmp_path) as server:
        server.service("billing")
        server.issue(Kind.API_KEY, "service:billing")
        browser = operator(server)
        server.events()
        server.do(server.watchword.store.carry_out(edit()))  # type: ignore[attr-defined]
        done = browser.submit("/console/audit/verify")
        assert done.status_code == 200
        assert "not whole" in done.text
