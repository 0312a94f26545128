"""OAuth clients: listed, shown, disabled, enabled."""

from __future__ import annotations

from typing import Any

from tests.server.account.town import Browser, Town
from tests.server.console.house import follow, operator

from watchword.model.credential import Kind


def act(browser: Browser, what: str, id: str) -> Any:
    csrf = browser.http.cookies["csrf"]
    return browser.http.post(f"/console/client/{what}?id={id}", data={"csrf_token": csrf})


def token(town: Town, id: str, secret: str) -> int:
    with town.client() as http:
        return http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(id, secret)).status_code


def test_clients_are_listed_and_shown(root: Browser, ids: dict[str, str]) -> None:
    id = ids["oauth-client"]
    assert f"/console/client?id={id}" in root.get("/console/clients").text
    page = root.get(f"/console/client?id={id}").text
    assert "Tally" in page
    assert "client_credentials" in page
    assert f"/console/credential/revoke?id={id}" in page


def test_disabled_and_enabled(town: Town, root: Browser, ids: dict[str, str]) -> None:
    issued = town.issue(Kind.OAUTH_CLIENT, "service:billing", options={"client_name": "Swing"})
    id, secret = issued.credential.id, issued.material["client_secret"]
    assert token(town, id, secret) == 200
    assert "Swing" in root.get(f"/console/client/disable?id={id}").text
    assert "disabled" in follow(root, act(root, "disable", id)).text
    assert token(town, id, secret) == 401
    assert follow(root, act(root, "enable", id)).status_code == 200
    assert token(town, id, secret) == 200


def test_pages_follow_each_other(town: Town, root: Browser, ids: dict[str, str]) -> None:
    for number in range(52):
        town.issue(Kind.OAUTH_CLIENT, "service:billing", options={"client_name": f"App {number}"})
    first = root.get("/console/clients").text
    assert first.count('<th scope="row"') == 50
    assert 'rel="next"' in first


def test_the_area_of_clients_is_enough(town: Town, root: Browser, ids: dict[str, str]) -> None:
    """What is offered is what is allowed, and the other way round."""
    town.user("apps", scopes=("admin:clients:read", "admin:clients:write"))
    town.user("keys", scopes=("admin:clients:read", "admin:credentials:read", "admin:credentials:write"))
    apps, keys, id = operator(town, "apps"), operator(town, "keys"), ids["oauth-client"]
    add, rotate = "/console/credentials/issue?kind=oauth-client", f"/console/credential/rotate?id={id}"
    for browser, status in ((apps, 200), (keys, 403)):
        assert (add in browser.get("/console/clients").text) is (status == 200)
        assert (rotate in browser.get(f"/console/client?id={id}").text) is (status == 200)
        assert browser.get(add).status_code == browser.get(rotate).status_code == status
    assert "kind=api-key" not in apps.get(add).text
    assert "kind=oauth-client" not in keys.get("/console/credentials/issue").text
    assert "kind=api-key" in root.get(add).text
