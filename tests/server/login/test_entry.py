"""Log in, refresh and log out, over real HTTP."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live

from watchword.client import SessionAuth
from watchword.model.credential import Kind

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("login"), '[limits]\naddress = "100000/min"\naccount = "1000/min"\n') as running:
        running.user("alice", scopes=("orders:read",))
        running.user("bob")
        yield running


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def tokens(client: httpx2.Client, username: str = "alice") -> dict[str, str]:
    answer = client.post("/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def hidden(page: httpx2.Response) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def log_in(client: httpx2.Client, *, next: str | None = None, **fields: str) -> httpx2.Response:
    token = hidden(client.get("/login"))
    form = {"username": "alice", "password": PASSWORD, "csrf_token": token, **fields}
    if next is not None:
        form["next"] = next
    return client.post("/login", data=form)


def test_json_login_gives_a_token_that_says_who_and_how(browser: httpx2.Client) -> None:
    given = tokens(browser, "Alice")
    assert given.keys() == {"token", "token_type", "expires_in", "refresh_token"}
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 600)
    who = browser.get("/whoami", headers=bearer(given["token"])).json()
    assert (who["subject"], who["scheme"], who["factors"], who["scopes"]) == (
        "user:alice",
        "jwt",
        ["pwd"],
        ["orders:read"],
    )
    assert who["credential"].startswith("fam_")


def test_tokens_may_not_be_stored(browser: httpx2.Client) -> None:
    answer = browser.post("/login", json={"username": "alice", "password": PASSWORD})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_unknown_user_and_wrong_password_are_the_same_bytes(browser: httpx2.Client, server: Live) -> None:
    answers = [
        browser.post("/login", json={"username": name, "password": "wrong wrong wrong"}) for name in ("alice", "nobody")
    ]
    faces, codes = [], []
    for answer in answers:
        reference = answer.json()["reference"]
        codes.append(server.by_reference(reference).reason)
        fields = [(name, value) for name, value in answer.headers.raw if name.lower() != b"date"]
        faces.append((answer.status_code, fields, answer.content.replace(reference.encode(), b"-")))
    assert faces[0] == faces[1]
    assert faces[0][0] == 401
    assert "www-authenticate" in answers[0].headers
    assert codes == ["wrong_secret", "unknown_credential"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json;x=1", "application/jsonp", "text/json", "", "application/json, text/plain"]
)
def test_cve_2021_32677_json_of_another_media_type_is_refused(browser: httpx2.Client, kind: str) -> None:
    body = json.dumps({"username": "alice", "password": PASSWORD})
    assert browser.post("/login", content=body, headers={"content-type": kind}).status_code == 415
    given = tokens(browser)["refresh_token"]
    assert browser.post("/refresh", json={"refresh_token": given}, headers={"content-type": kind}).status_code == 415


def test_cve_2023_25577_multipart_is_refused(browser: httpx2.Client) -> None:
    assert browser.post("/login", files={"username": (None, "alice")}).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"username": "alice"}',
        b'{"username": 1, "password": "x"}',
        b'{"username": "alice", "username": "bob", "password": "x"}',
        b'{"username": "alice", "password": NaN}',
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"[" * 50_000,
        b'{"username": "\xff", "password": "x"}',
        b'{"username": ' + b"9" * 30_000 + b', "password": "x"}',
    ],
)
def test_json_that_is_malformed_or_a_bomb_is_400(browser: httpx2.Client, body: bytes) -> None:
    answer = browser.post("/login", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("place", ["/login", "/refresh", "/logout", "/oauth/token"])
def test_huge_content_is_413(browser: httpx2.Client, place: str) -> None:
    answer = browser.post(place, content=b"x" * 3_000_000, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["title"] == "The content is too large"


def test_a_password_in_the_url_is_refused(browser: httpx2.Client) -> None:
    answer = browser.post(f"/login?username=alice&password={PASSWORD}", json={})
    assert answer.json()["type"].endswith("credential_in_url")


def test_the_page_is_plain_and_strict(browser: httpx2.Client) -> None:
    page = browser.get("/login")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|\son\w+=|style=", page.text)
    assert page.text.count("<label") == 2
    assert 'lang="en"' in page.text
    style = browser.get("/static/watchword.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text


def test_form_login_starts_a_session(browser: httpx2.Client, server: Live) -> None:
    answer = log_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = {value.partition("=")[0]: value for value in answer.headers.get_list("set-cookie")}
    assert "HttpOnly" in cookies["session"]
    assert "SameSite=Lax" in cookies["session"]
    assert "Path=/" in cookies["session"]
    assert "HttpOnly" not in cookies["csrf"]
    who = browser.get("/whoami").json()
    assert (who["subject"], who["scheme"], who["scopes"]) == ("user:alice", "session", ["orders:read"])
    record = server.do(server.watchword.store.credential(who["credential"]))
    assert record is not None
    assert record.expires_at == record.created_at + 12 * 3600
    home = browser.get("/")
    assert "user:alice" in home.text
    assert hidden(home) == browser.cookies["csrf"]


def test_behind_tls_the_cookie_is_bound_to_the_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("tls"), '[server]\ntrusted_proxies = ["127.0.0.1"]\n') as server:
        server.user("alice")
        said = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
        with server.client(headers=said) as client:
            page = client.get("/login")
            assert "max-age" in page.headers["strict-transport-security"]
            visit = page.headers["set-cookie"].partition(";")[0]
            form = {"username": "alice", "password": PASSWORD, "csrf_token": hidden(page)}
            answer = client.post("/login", data=form, headers={"cookie": visit})
        cookies = answer.headers.get_list("set-cookie")
        assert any(re.fullmatch(r"__Host-session=ws_\w+; Path=/; SameSite=Lax; HttpOnly; Secure", c) for c in cookies)
        assert any(c.startswith("__Host-csrf=") and "Secure" in c for c in cookies)


def test_a_wrong_password_shows_the_page_again(browser: httpx2.Client) -> None:
    answer = log_in(browser, password="wrong wrong wrong", username="<b>alice")
    assert answer.status_code == 401
    assert "is wrong" in answer.text
    assert "<b>" not in answer.text
    assert html.escape("<b>alice") in answer.text
    assert "session=ws_" not in str(answer.headers)


def test_cve_2022_25896_a_session_from_before_the_login_does_not_live_on(browser: httpx2.Client, server: Live) -> None:
    log_in(browser)
    planted = browser.cookies["session"]
    first = browser.get("/whoami").json()["credential"]
    log_in(browser, username="bob")
    assert browser.cookies["session"] != planted
    assert browser.get("/whoami").json()["subject"] == "user:bob"
    with server.client(cookies={"session": planted}) as attacker:
        assert attacker.get("/whoami").status_code == 401
    record = server.do(server.watchword.store.credential(first))
    assert record is not None
    assert record.revoked_at is not None


def test_a_made_up_session_is_not_adopted(server: Live) -> None:
    with server.client(cookies={"session": "ws_chosen-by-an-attacker"}) as client:
        log_in(client)
        values = [cookie.value for cookie in client.cookies.jar if cookie.name == "session"]
        assert any(value.startswith("ws_") and len(value) == 39 for value in values)


def test_login_from_another_site_is_refused(server: Live) -> None:
    with server.client() as client:
        token = hidden(client.get("/login"))
        form = {"username": "alice", "password": PASSWORD, "csrf_token": token}
        for field in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            assert client.post("/login", data=form, headers=field).status_code == 403, field
        own = {"origin": server.url, "sec-fetch-site": "same-origin"}
        assert client.post("/login", data=form, headers=own).status_code == 303


def test_login_needs_the_token_of_this_visitor(server: Live) -> None:
    form = {"username": "alice", "password": PASSWORD}
    for says in ({"origin": server.url}, {"sec-fetch-site": "same-origin"}, {"referer": f"{server.url}/login"}):
        with server.client() as attacker, server.client() as victim, server.client() as fresh:
            foreign = hidden(attacker.get("/login"))
            victim.get("/login")
            assert victim.post("/login", data=form, headers=says).status_code == 403
            assert victim.post("/login", data={**form, "csrf_token": "0" * 64}, headers=says).status_code == 403
            assert victim.post("/login", data={**form, "csrf_token": foreign}, headers=says).status_code == 403
            assert fresh.post("/login", data={**form, "csrf_token": foreign}, headers=says).status_code == 403


def test_a_program_posts_the_form_without_fetching_the_page(server: Live) -> None:
    """It sends none of the fields by which a browser says where a form comes from."""
    with server.client() as program:
        answer = program.post("/login", data={"username": "alice", "password": PASSWORD})
        assert answer.status_code == 303
        assert program.get("/whoami").json()["scheme"] == "session"


def test_the_client_logs_in_for_a_session(server: Live) -> None:
    """``watchword.client.SessionAuth`` and the server mean the same form."""
    with httpx2.Client(auth=SessionAuth(server.url, "alice", PASSWORD)) as program:
        assert program.get(f"{server.url}/whoami").json()["subject"] == "user:alice"
        assert program.post(f"{server.url}/logout").status_code == 204


def test_the_visitors_cookie_cannot_fetch_a_sessions_token(server: Live, browser: httpx2.Client) -> None:
    log_in(browser)
    session = browser.get("/whoami").json()["credential"]
    with server.client(cookies={"login": session}) as attacker:
        assert hidden(attacker.get("/login")) != browser.cookies["csrf"]


def test_two_tabs_can_both_log_in(browser: httpx2.Client) -> None:
    first, second = hidden(browser.get("/login")), hidden(browser.get("/login"))
    for token in (first, second):
        assert first == second == token
    assert log_in(browser).status_code == 303


SAFE = ["/", "/account", "/orders/7?sort=up&page=2", "/a%20b", "/a-b_c~d/e.f"]
ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5cevil.example",
    "/%2fevil.example",
    "/%252fevil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/ /evil.example",
    "evil.example",
    "javascript:alert(1)",
    "/.//evil.example",
    "/..//evil.example",
    "/a/../../evil.example",
    "/%2e%2e/evil",
    "/a\r\nSet-Cookie: x=1",
    "/%0d%0aSet-Cookie:%20x=1",
    "http:evil.example",
    "/\u2028evil",
    "/a#//evil",
    "/" + "a" * 3000,
    "",
]


@pytest.mark.parametrize("place", SAFE)
def test_next_leads_on_within_the_site(browser: httpx2.Client, place: str) -> None:
    assert log_in(browser, next=place).headers["location"] == place


@pytest.mark.parametrize("place", ELSEWHERE)
def test_next_leads_nowhere_else(browser: httpx2.Client, place: str) -> None:
    page = browser.get("/login", params={"next": place})
    assert 'name="next"' not in page.text
    answer = log_in(browser, next=place)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "x" not in browser.cookies


def test_logout_of_a_session_needs_its_csrf_token(browser: httpx2.Client, server: Live) -> None:
    log_in(browser)
    value, token = browser.cookies["session"], browser.cookies["csrf"]
    assert browser.post("/logout").status_code == 403
    assert browser.post("/logout", headers={"x-csrf-token": "0" * 64}).status_code == 403
    foreign = {"x-csrf-token": token, "origin": "https://evil.example"}
    assert browser.post("/logout", headers=foreign).status_code == 403
    assert browser.get("/whoami").status_code == 200
    answer = browser.post("/logout", headers={"x-csrf-token": token})
    assert answer.status_code == 204
    assert all("Max-Age=0" in each for each in answer.headers.get_list("set-cookie"))
    with server.client(cookies={"session": value}) as kept:
        assert kept.get("/whoami").status_code == 401


def test_the_pages_button_signs_out(browser: httpx2.Client) -> None:
    log_in(browser)
    answer = browser.post("/logout", data={"csrf_token": hidden(browser.get("/"))})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.get("/").headers["location"] == "/login"


def test_refresh_replaces_the_token(browser: httpx2.Client) -> None:
    first = tokens(browser)
    second = browser.post("/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert browser.get("/whoami", headers=bearer(second["token"])).status_code == 200


def test_a_refresh_token_used_twice_ends_everything(browser: httpx2.Client) -> None:
    first = tokens(browser)
    second = browser.post("/refresh", json={"refresh_token": first["refresh_token"]}).json()
    raced = browser.post("/refresh", json={"refresh_token": first["refresh_token"]})
    assert (raced.status_code, raced.headers["retry-after"]) == (401, "2")  # so soon it may be a race: no harm done
    third = browser.post("/refresh", json={"refresh_token": second["refresh_token"]}).json()
    assert browser.post("/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert browser.post("/refresh", json={"refresh_token": third["refresh_token"]}).status_code == 401
    assert browser.get("/whoami", headers=bearer(second["token"])).status_code == 401


def test_a_stolen_refresh_token_is_of_no_use_outside_its_networks(tmp_path_factory: pytest.TempPathFactory) -> None:
    """RFC 9700 section 4.14.2: the bounds of the credential that began a family bound its refreshing, too."""
    toml = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'
    inside, outside = ({"x-forwarded-for": each, "x-forwarded-proto": "https"} for each in ("10.1.2.3", "203.0.113.9"))
    with live(tmp_path_factory.mktemp("networks"), toml) as server, server.client() as client:
        server.do(server.watchword.lifecycle.add_subject("user:carol", by="test"))
        server.issue(Kind.PASSWORD, "user:carol", networks=["10.0.0.0/8"], options={"password": PASSWORD})
        begun = client.post("/login", json={"username": "carol", "password": PASSWORD}, headers=inside).json()
        spent = {"refresh_token": begun["refresh_token"]}
        stolen = client.post("/refresh", json=spent, headers=outside)
        assert stolen.status_code == 403
        assert server.by_reference(stolen.json()["reference"]).credential.startswith("fam_")
        assert client.post("/refresh", json=spent, headers=inside).status_code == 200  # nothing was spent


def test_refresh_refuses_with_one_face(browser: httpx2.Client) -> None:
    used = tokens(browser)["refresh_token"]
    browser.post("/refresh", json={"refresh_token": used})
    faces = set()
    for text in (used, "rt_nonsense", "x", used[:-1] + "A", "rt_a.b.0.c"):
        answer = browser.post("/refresh", json={"refresh_token": text})
        faces.add((answer.status_code, answer.content.replace(answer.json()["reference"].encode(), b"")))
    assert len(faces) == 1
    assert faces.pop()[0] == 401


def test_concurrent_refreshes_have_one_winner(server: Live, browser: httpx2.Client) -> None:
    token = tokens(browser)["refresh_token"]

    def redeem(_: int) -> int:
        with server.client() as client:
            return client.post("/refresh", json={"refresh_token": token}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(redeem, range(8))) == [200] + [401] * 7


@pytest.mark.parametrize("by", ["refresh", "access"])
def test_logout_of_a_family_voids_its_access_tokens(browser: httpx2.Client, by: str) -> None:
    given = tokens(browser)
    if by == "refresh":
        answer = browser.post("/logout", json={"refresh_token": given["refresh_token"]})
    else:
        answer = browser.post("/logout", headers=bearer(given["token"]))
    assert answer.status_code == 204
    assert browser.get("/whoami", headers=bearer(given["token"])).status_code == 401
    assert browser.post("/refresh", json={"refresh_token": given["refresh_token"]}).status_code == 401


def test_logout_of_nothing_is_401(browser: httpx2.Client) -> None:
    assert browser.post("/logout").status_code == 401
    assert browser.post("/logout", json={"refresh_token": "rt_x"}).status_code == 401
    assert browser.post("/logout", headers=bearer("ak_live_x")).status_code == 401


def test_a_disabled_user_is_out_everywhere(server: Live, browser: httpx2.Client) -> None:
    server.user("carol")
    given = tokens(browser, "carol")
    log_in(browser, username="carol")
    server.do(server.watchword.lifecycle.set_enabled("user:carol", False, by="test"))
    time.sleep(0.15)  # the feed is read every 0.1 s
    assert browser.get("/whoami").status_code == 401
    browser.cookies.clear()
    assert browser.get("/whoami", headers=bearer(given["token"])).status_code == 401
    assert browser.post("/refresh", json={"refresh_token": given["refresh_token"]}).status_code == 401
    assert browser.post("/login", json={"username": "carol", "password": PASSWORD}).status_code == 401


def test_another_key_cannot_be_logged_out_by_its_id(server: Live, browser: httpx2.Client) -> None:
    key = server.issue(Kind.API_KEY, "user:bob").material["secret"]
    assert browser.post("/logout", headers=bearer(key)).status_code == 401
    assert browser.get("/whoami", headers=bearer(key)).status_code == 200


def test_a_login_is_in_the_audit_once_and_as_it_ended(server: Live) -> None:
    with server.client() as program:
        before = len(server.events())
        program.post("/login", json={"username": "alice", "password": "wrong horse battery staple"})
        told = [(event.action, event.outcome) for event in server.events()[before:]]
    assert told == [("decide", "refused")]


def test_a_refresh_token_of_nobody_and_one_that_ended_look_alike(browser: httpx2.Client, server: Live) -> None:
    given = tokens(browser)
    family = browser.get("/whoami", headers=bearer(given["token"])).json()["credential"]
    wrong = given["refresh_token"].rsplit(".", 1)[0] + "." + "0" * 36
    unknown = "rt_" + "0" * 20 + given["refresh_token"][given["refresh_token"].index(".") :]
    server.do(server.watchword.lifecycle.revoke(family, reason="test", by="test"))
    sent = (given["refresh_token"], wrong, unknown)
    answers = [browser.post("/refresh", json={"refresh_token": token}) for token in sent]
    assert {answer.status_code for answer in answers} == {401}
    shown = [{**answer.json(), "reference": ""} for answer in answers]
    assert shown[0] == shown[1] == shown[2]
    assert len({len(answer.content) for answer in answers}) == 1
    fields = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
    assert fields[0] == fields[1] == fields[2]
