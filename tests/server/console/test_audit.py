"""The audit, the newest first, and whether it is whole."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
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


def test_two_proofs_are_found_by_each_and_what_somebody_did_by_their_name(town: Town, root: Browser) -> None:
    events = [
        Event(2e9, "decide", "refused", "revoked", "refboth", "both", "key_both+crt_both", "service:x"),
        Event(2e9, "disable", "done", reference="refdid", subject="service:x", actor="user:doer"),
    ]
    town.do(town.watchword.store.append(events))
    for query, reference in (("credential=crt_both", "refboth"), ("subject=user:doer", "refdid")):
        page = root.get(f"/console/audit?{query}").text
        assert re.findall(r"<code>(ref\w+)</code>", page) == [reference]
    page = root.get("/console/audit?reference=refboth").text
    assert {"/console/credential?id=key_both", "/console/credential?id=crt_both"} <= set(
        re.findall(r'href="([^"]+)', page)
    )


def test_one_looks_through_all_of_it_at_a_time(town: Town, root: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look may take minutes: those who come meanwhile take no thread from others, and the next may look again."""
    begun, done = threading.Event(), threading.Event()
    prove = town.watchword.operations.checkpoints.prove

    async def slowly() -> Any:
        begun.set()
        assert done.wait(30)  # in a thread of its own: the server answers others meanwhile
        return await prove()

    monkeypatch.setattr(town.watchword.operations.checkpoints, "prove", slowly)
    other = operator(town)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(root.submit, "/console/audit/verify")
        assert begun.wait(30)
        assert other.submit("/console/audit/verify").status_code == 409
        assert other.submit("/console/lint").status_code == 409
        done.set()
        assert "The audit is whole." in first.result(30).text
    assert other.submit("/console/lint").status_code == 200


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
