"""One credential, whatever its kind: looked at, replaced, revoked, called leaked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import ALL, eventually, follow, operator

from watchword.lifecycle.clients.book import Bounds, ClientBook
from watchword.model.credential import Credential, Kind, State
from watchword.model.records import Swap
from watchword.server.console import credential


def made(town: Town, kind: Kind = Kind.API_KEY, **more: Any) -> tuple[str, str]:
    issued = town.issue(kind, "service:billing", **more)
    return issued.credential.id, issued.material.get("secret", "")


def stored(town: Town, id: str) -> Credential:
    return town.do(town.watchword.lifecycle.show(id))


def state(town: Town, id: str) -> State:
    return stored(town, id).state(town.watchword.clock())


def whoami(town: Town, secret: str) -> int:
    with town.client(headers={"x-api-key": secret}) as http:
        return http.get("/whoami").status_code


def test_every_kind_is_shown_and_nothing_of_what_proves_it(town: Town, root: Browser, ids: dict[str, str]) -> None:
    for kind, id in ids.items():
        page = root.get(f"/console/credential?id={id}")
        assert page.status_code == 200, kind
        record = stored(town, id)
        assert id in page.text
        assert kind in page.text
        for hidden in (record.secret.hex(), (record.lookup or b"none").hex()):
            assert not hidden or hidden not in page.text


def test_its_use_is_drawn_and_told(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town)
    assert whoami(town, secret) == 200
    eventually(lambda: stored(town, id).last_used_at)
    page = root.get(f"/console/credential?id={id}&span=1h").text
    assert "127.0.0.0/24" in page
    assert re.search(r'<rect class="bar-accepted"', page)
    assert "GET /whoami" in page
    for span in ("24h", "7d", "90d", "nonsense"):
        assert root.get(f"/console/credential?id={id}&span={span}").status_code == 200


def act(browser: Browser, what: str, id: str, **fields: str) -> Any:
    csrf = browser.http.cookies["csrf"]
    return browser.http.post(f"/console/credential/{what}?id={id}", data={"csrf_token": csrf, **fields})


def test_a_rotation(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town, scopes=["orders:read"])
    assert "Rotate" in root.get(f"/console/credential/rotate?id={id}").text
    done = act(root, "rotate", id, overlap="1h")
    assert done.status_code == 201, done.text
    (new,) = re.findall(r'id="secret">(ak_live_\w+)<', done.text)
    assert (whoami(town, secret), whoami(town, new)) == (200, 200)
    old = stored(town, id)
    assert old.replaced_by is not None
    page = root.get(f"/console/credential?id={old.replaced_by}").text
    assert "History" in page
    assert id in page
    eventually(lambda: stored(town, id).last_used_at)
    assert "Somebody still uses it" in root.get(f"/console/credential?id={id}").text
    assert act(root, "rotate", id, overlap="1h").status_code == 409
    assert act(root, "rotate", old.replaced_by, overlap="soon").status_code == 422


def test_a_rotation_without_overlap_ends_the_old_one(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town)
    assert act(root, "rotate", id, overlap="0").status_code == 201
    assert whoami(town, secret) == 401


@pytest.mark.parametrize("kind", ["hmac", "client-cert", "oauth-client"])
def test_every_kind_rotates(town: Town, root: Browser, ids: dict[str, str], kind: str) -> None:
    id, _ = made(town, Kind(kind))
    done = act(root, "rotate", id, overlap="1h")
    assert done.status_code == 201, done.text
    assert stored(town, id).replaced_by is not None


def test_the_servers_own_keys_rotate(town: Town, root: Browser) -> None:
    for kind in (Kind.SIGNING_KEY, Kind.CA):
        records = town.do(town.watchword.store.credentials(kind=kind))
        active = next(each for each in records if each.state(town.watchword.clock()) is State.ACTIVE)
        done = act(root, "rotate", active.id)
        assert done.status_code == 201, done.text
        assert "private" not in done.text.split("<main")[1]
    with town.client() as http:
        assert http.get("/healthz").status_code in (200, 404)


def test_revoked_for_a_reason(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town)
    assert act(root, "revoke", id, reason="  ").status_code == 422
    assert whoami(town, secret) == 200
    page = follow(root, act(root, "revoke", id, reason="left the   team"))
    assert "left the team" in page.text
    assert whoami(town, secret) == 401
    record = stored(town, id)
    assert (record.revoked_by, record.leaked) == ("user:root", False)
    assert "/console/credential/revoke" not in page.text


def test_leaked_is_marked_so(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town)
    assert whoami(town, secret) == 200
    eventually(lambda: stored(town, id).last_used_at)
    page = act(root, "leaked", id, where="a paste")
    assert "1 requests were accepted" in page.text
    assert "127.0.0.0/24" in page.text
    assert whoami(town, secret) == 401
    assert state(town, id) is State.LEAKED
    assert "a paste" in (stored(town, id).revoke_reason or "")


def test_leaked_and_issued_anew(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, secret = made(town)
    page = act(root, "leaked", id, reissue="on").text
    (new,) = re.findall(r'id="secret">(ak_live_\w+)<', page)
    assert (whoami(town, secret), whoami(town, new)) == (401, 200)


def test_a_client_goes_with_all_its_secrets(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id, _ = made(town, Kind.OAUTH_CLIENT)
    assert act(root, "rotate", id, overlap="1h").status_code == 201
    assert act(root, "revoke", id, reason="gone").status_code == 303
    assert state(town, stored(town, id).replaced_by or "") is State.REVOKED


def test_a_session_is_ended_here_too(town: Town, root: Browser) -> None:
    town.user("visitor")
    other = operator(town, "visitor")
    (session,) = town.do(town.watchword.store.credentials(kind=Kind.SESSION, subject="user:visitor"))
    assert act(root, "revoke", session.id, reason="not theirs").status_code == 303
    assert other.get("/account").status_code == 303


def test_areas_keep_to_themselves(town: Town, ids: dict[str, str]) -> None:
    town.user("keeper", scopes=("admin:credentials:read", "admin:credentials:write"))
    browser = operator(town, "keeper")
    (session, *_) = town.do(town.watchword.store.credentials(kind=Kind.SESSION, subject="user:keeper"))
    (key,) = town.do(town.watchword.store.credentials(kind=Kind.SIGNING_KEY, limit=1))
    for id in (session.id, key.id, ids["oauth-client"]):
        assert browser.get(f"/console/credential?id={id}").status_code == 403
        assert act(browser, "revoke", id, reason="x").status_code == 403
    assert act(browser, "leaked", ids["hmac"]).status_code == 403
    town.user("finder", scopes=("admin:leaks:write",))
    assert act(operator(town, "finder"), "leaked", ids["hmac"], reissue="on").status_code == 403
    assert stored(town, ids["hmac"]).revoked_at is None


def test_a_client_is_judged_by_all_its_secrets(town: Town, ids: dict[str, str]) -> None:
    """The first secret says what the client might once: who replaces that gets the newest, and what it may now."""
    first, _ = made(town, Kind.OAUTH_CLIENT)
    book = ClientBook(town.watchword.store, town.watchword.lifecycle)
    town.do(book.rotate(first, overlap=0, by="test"))
    town.do(book.change(first, {}, Bounds(scopes=["admin:audit:write"]), by="test"))
    assert (stored(town, first).scopes, state(town, first)) == (frozenset(), State.RETIRED)
    areas = ("clients", "leaks", "credentials")
    town.user("registrar", scopes=tuple(f"admin:{area}:{act}" for area in areas for act in ("read", "write")))
    browser = operator(town, "registrar")
    for what, fields in (("rotate", {"overlap": "1h"}), ("revoke", {"reason": "x"}), ("leaked", {"reissue": "on"})):
        done = act(browser, what, first, **fields)
        assert (done.status_code, "admin:audit:write" in done.text) == (403, True), what
    newest = town.do(book.find(first)).newest
    assert (newest.revoked_at, newest.replaced_by) == (None, None)


@pytest.mark.parametrize("kind", ["api-key", "oauth-client"])
def test_what_was_judged_is_what_is_rotated(
    town: Town, root: Browser, ids: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right that comes between the judgement and the act is not given away."""
    id, _ = made(town, Kind(kind))
    judge = credential.rights_to_touch

    async def judged(records: Any, record: Credential, clock: Any) -> frozenset[str]:
        found = await judge(records, record, clock)
        assert await records.write(Swap(record.changed(scopes=frozenset({"admin:audit:write"}))))
        return found

    monkeypatch.setattr(credential, "rights_to_touch", judged)
    assert act(root, "rotate", id, overlap="1h").status_code == 409
    assert stored(town, id).replaced_by is None


def test_a_client_keeps_its_secret_as_long_as_the_rules_say(town: Town, root: Browser, ids: dict[str, str]) -> None:
    """No overlap said is not none wanted: its callers would be refused at once."""
    id, _ = made(town, Kind.OAUTH_CLIENT)
    assert act(root, "rotate", id, overlap="").status_code == 201
    old = stored(town, id)
    assert (old.retire_at or 0) - town.watchword.clock() > town.watchword.operations.rotation.rules.overlap - 60


def test_nobody_touches_who_may_more(town: Town, ids: dict[str, str]) -> None:
    town.user("junior", scopes=("admin:credentials:read", "admin:credentials:write", "admin:leaks:write"))
    browser = operator(town, "junior")
    id, secret = made(town, scopes=ALL)
    for what in ("rotate", "revoke", "leaked"):
        assert act(browser, what, id, reason="x", overlap="1h").status_code == 403
    assert whoami(town, secret) == 200


def test_nobody_takes_what_somebody_above_them_logs_in_by(town: Town) -> None:
    """Who could replace the password of an operator would be that operator."""
    town.user("deputy", scopes=("admin:credentials:read", "admin:credentials:write", "admin:subjects:write"))
    town.user("chief")
    town.issue(Kind.API_KEY, "user:chief", scopes=ALL)
    (password,) = town.do(town.watchword.store.credentials(kind=Kind.PASSWORD, subject="user:chief"))
    browser = operator(town, "deputy")
    for what in ("rotate", "revoke"):
        assert act(browser, what, password.id, reason="x", overlap="1h").status_code == 403
    assert stored(town, password.id).replaced_by is None
