"""One person or service: what is theirs, logged out, disabled, enabled."""

from __future__ import annotations

from typing import Any

from tests.server.account.town import Browser, Town
from tests.server.console.house import ALL, follow, operator, recent

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add


def act(browser: Browser, what: str, name: str) -> Any:
    csrf = browser.http.cookies["csrf"]
    return browser.http.post(f"/console/subject/{what}?id={name}", data={"csrf_token": csrf})


def test_what_is_theirs(town: Town, root: Browser, ids: dict[str, str]) -> None:
    page = root.get("/console/subject?id=service:billing").text
    assert all(id in page for id in ids.values())
    mine = root.get("/console/subject?id=user:root").text
    assert "/console/credential?id=ses_" in mine
    for span in ("1h", "24h", "7d", "90d", "x"):
        assert root.get(f"/console/subject?id=user:root&span={span}").status_code == 200


def test_logged_out_everywhere(town: Town, root: Browser) -> None:
    town.user("dora")
    theirs = operator(town, "dora")
    assert theirs.get("/account").status_code == 200
    assert "user:dora" in root.get("/console/subject/log-out?id=user:dora").text
    assert follow(root, act(root, "log-out", "user:dora")).status_code == 200
    assert theirs.get("/account").status_code == 303


def test_disabled_and_enabled(town: Town, root: Browser) -> None:
    town.service("swing")
    secret = town.issue(Kind.API_KEY, "service:swing").material["secret"]
    with town.client(headers={"x-api-key": secret}) as http:
        assert http.get("/whoami").status_code == 200
        page = follow(root, act(root, "disable", "service:swing")).text
        assert "disabled" in page
        assert "/console/subject/enable" in page
        assert http.get("/whoami").status_code == 401
        assert follow(root, act(root, "enable", "service:swing")).status_code == 200
        assert http.get("/whoami").status_code == 200
    assert {"disable", "enable"} <= {event.action for event in recent(town) if event.subject == "service:swing"}


def test_one_is_warned_of_acting_on_oneself(root: Browser) -> None:
    assert "That is you." in root.get("/console/subject/disable?id=user:root").text
    assert "That is you." not in root.get("/console/subject/disable?id=service:billing").text


def test_nobody_disables_who_may_more(town: Town) -> None:
    town.user("clerk", scopes=("admin:subjects:read", "admin:subjects:write"))
    town.user("boss", scopes=ALL)
    browser = operator(town, "clerk")
    for what in ("disable", "log-out", "enable"):
        assert act(browser, what, "user:boss").status_code == 403
        assert browser.get(f"/console/subject/{what}?id=user:boss").status_code == 403
    subject = town.do(town.watchword.store.subject("user:boss"))
    assert subject is not None
    assert subject.disabled_at is None


def test_without_other_scopes_the_other_parts_are_missing(town: Town) -> None:
    town.user("porter", scopes=("admin:subjects:read",))
    page = operator(town, "porter").get("/console/subject?id=service:billing").text
    assert "/console/credential" not in page.replace("/console/credentials", "")
    assert "Log out everywhere" not in page


def test_the_server_itself_is_not_disabled(town: Town, root: Browser) -> None:
    """Nothing that it signed would be believed any more."""
    assert act(root, "disable", "service:watchword").status_code == 409
    assert "/console/subject/disable" not in root.get("/console/subject?id=service:watchword").text
    itself = town.do(town.watchword.store.subject("service:watchword"))
    assert itself is not None
    assert itself.disabled_at is None


def test_many_logins_make_no_long_page(town: Town, root: Browser) -> None:
    """Whoever knows a password can log in as often as they like."""
    town.user("busy")
    assert "/console/sessions?subject" not in root.get("/console/subject?id=user:busy").text
    now = int(town.watchword.clock())
    many = [Credential(f"ses_busy{n:012}", Kind.SESSION, "user:busy", now, expires_at=now + 900) for n in range(45)]
    town.do(town.watchword.store.write(*map(Add, many)))
    page = root.get("/console/subject?id=user:busy").text
    assert page.count("/console/credential?id=ses_busy") == 20
    assert "/console/sessions?subject=user%3Abusy" in page
    assert root.get("/console/sessions?subject=user%3Abusy").text.count("/console/credential?id=ses_busy") == 45
