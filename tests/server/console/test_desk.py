"""Who may see what, who may do what, and how lately they must have proved themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.server.account.town import PASSWORD, Browser, Town
from tests.server.console.house import ALL, house, operator

from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Kind
from watchword.server.console.desk import sentence

PAGES = {
    "/console": "",
    "/console/credentials": "credentials:read",
    "/console/sessions": "subjects:read",
    "/console/credentials/issue": "credentials:write",
    "/console/subjects": "subjects:read",
    "/console/subjects/add": "subjects:write",
    "/console/clients": "clients:read",
    "/console/audit": "audit:read",
    "/console/audit/verify": "audit:read",
    "/console/lint": "configuration:read",
    "/console/explain": "configuration:read",
}


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_log_in(town: Town, path: str) -> None:
    with town.client() as http:
        assert http.get(path).status_code == 401
    away = town.browser().get(path)
    assert (away.status_code, away.headers["location"]) == (303, f"/login?next={path}")


@pytest.fixture(scope="module")
def nobody(town: Town) -> Browser:
    town.user("nobody", scopes=("orders:read", "administrator", "admin"))
    return operator(town, "nobody")


@pytest.mark.parametrize(("path", "scope"), PAGES.items())
def test_who_has_no_scope_of_administration_sees_what_is_missing(nobody: Browser, path: str, scope: str) -> None:
    page = nobody.get(path)
    assert page.status_code == 403
    assert f"admin:{scope or 'credentials:read'}" in page.text
    assert '<a href="/console/credentials"' not in page.text


@pytest.mark.parametrize("scope", sorted({scope for scope in PAGES.values() if scope}))
def test_one_scope_opens_its_pages_and_no_others(town: Town, scope: str) -> None:
    name = scope.replace(":", "-")
    town.user(name, scopes=(f"admin:{scope}",))
    browser = operator(town, name)
    for path, wanted in PAGES.items():
        assert browser.get(path).status_code == (200 if wanted in ("", scope) else 403), path


def test_the_menu_shows_only_what_one_may_see(town: Town, root: Browser) -> None:
    town.user("auditor", scopes=("admin:audit:read",))
    page = operator(town, "auditor").get("/console").text
    places = re.findall(r'<li><a href="(/console[^"]*)"', page)
    assert places == ["/console", "/console/audit"]
    assert len(re.findall(r'<li><a href="/console', root.get("/console").text)) >= 10


def test_machines_and_applications_are_no_operators(town: Town) -> None:
    """A key of a person, or their password by Basic, opens no page: only a session does."""
    town.user("keyed", scopes=ALL)
    key = town.issue(Kind.API_KEY, "user:keyed", scopes=ALL).material["secret"]
    with town.client(headers={"accept": "text/html"}) as http:
        assert http.get("/console", headers={"x-api-key": key}).status_code == 303
        assert http.get("/console", auth=("keyed", PASSWORD)).status_code == 303
        tokens = http.post("/login", json={"username": "keyed", "password": PASSWORD}).json()
        assert http.get("/console", headers={"authorization": f"Bearer {tokens['token']}"}).status_code == 303


def test_a_page_may_run_our_script_alone_and_nothing_inline(root: Browser) -> None:
    page = root.get("/console")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|\sstyle=|\son\w+=", page.text)


def test_other_sites_send_no_forms(town: Town, root: Browser, ids: dict[str, str]) -> None:
    """CSRF: without the token of the session nothing is done, whatever the cookie."""
    place = f"/console/credential/revoke?id={ids['hmac']}"
    assert root.http.post(place, data={"reason": "x"}).status_code == 403
    assert root.http.post(place, data={"reason": "x", "csrf_token": "0" * 64}).status_code == 403
    evil = root.http.post(place, data={"reason": "x"}, headers={"origin": "https://evil.example"})
    assert evil.status_code == 403
    assert town.do(town.watchword.lifecycle.show(ids["hmac"])).revoked_at is None


def test_programs_have_the_api_instead(root: Browser) -> None:
    csrf = root.http.cookies["csrf"]
    sent = root.http.post("/console/subjects/add", json={"name": "x"}, headers={"x-csrf-token": csrf})
    assert sent.status_code == 415


def test_what_reveals_or_destroys_asks_for_a_fresh_proof_and_comes_back(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    with house(tmp_path, clock=lambda: now[0]) as server:
        server.service("billing")
        id = server.issue(Kind.API_KEY, "service:billing").credential.id
        browser = operator(server)
        now[0] += 700
        assert browser.get("/console").status_code == 200
        assert browser.get(f"/console/credential?id={id}").status_code == 200
        for path in ("credentials/issue", f"credential/revoke?id={id}", "subject/disable?id=service:billing"):
            away = browser.get(f"/console/{path}")
            assert away.status_code == 303, path
            assert away.headers["location"].startswith("/login/step-up?next=/console/"), path
        away = browser.get(f"/console/credential/revoke?id={id}").headers["location"]
        step = browser.submit(away, password=PASSWORD)
        assert step.status_code == 303, step.text
        assert step.headers["location"] == f"/console/credential/revoke?id={id}"
        assert browser.get(step.headers["location"]).status_code == 200
        now[0] += 700
        csrf = browser.http.cookies["csrf"]
        late = browser.http.post(f"/console/credential/revoke?id={id}", data={"reason": "x", "csrf_token": csrf})
        assert late.status_code == 303
        assert "/login/step-up" in late.headers["location"]
        assert server.do(server.watchword.lifecycle.show(id)).revoked_at is None


def test_bounds_of_administration_bound_the_console(tmp_path: Path) -> None:
    from tests.server.account.town import Town

    server = Town(tmp_path, '[admin]\nnetworks = ["192.0.2.0/24"]\n')
    server.start()
    try:
        server.user("root", scopes=ALL)
        assert operator(server).get("/console").status_code == 403
    finally:
        server.stop()


def test_what_is_wrong_is_said_as_sentences() -> None:
    assert sentence(LifecycleError("there is no x", "did you mean y?")) == "There is no x. Did you mean y?"
    assert sentence(LifecycleError("bad", "")) == "Bad."


def test_what_is_not_there_is_said_on_a_page(root: Browser) -> None:
    for path in ("credential?id=key_nope", "subject?id=service:nope", "client?id=cli_nope", "subject?id=<b>"):
        page = root.get(f"/console/{path}")
        assert page.status_code == 404, path
        assert "<b>" not in page.text.split("<main")[1].replace("<b>", "", 0).replace("&lt;b&gt;", "")


def test_the_account_leads_operators_here_and_nobody_else(nobody: Browser, root: Browser) -> None:
    assert 'href="/console"' in root.get("/account").text
    assert 'href="/console"' not in nobody.get("/account").text
