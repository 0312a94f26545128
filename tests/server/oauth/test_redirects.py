"""Nobody is sent anywhere but to a client's own place: the hostile corpus over each way in and each error path."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.consenting import answered, form_of
from tests.server.oauth.flow import CALLBACK, App, answer_of, login
from tests.server.oauth.keyed import KeyedApp

TOML = '[limits]\naddress = "1000000/min"\n[oauth]\nregistration = "open"\nregistration_limit = "100000/min"\n'
ERRORS: list[dict[str, str | None]] = [
    {},
    {"prompt": "none"},
    {"prompt": "consent"},
    {"prompt": "none login"},
    {"scope": 'a"b'},
    {"response_type": "token"},
    {"response_type": None},
    {"response_mode": "fragment"},
    {"code_challenge": None},
    {"resource": "https://other.example"},
    {"authorization_details": "[]"},
    {"claims": "["},
    {"id_token_hint": "x"},
    {"max_age": "-1"},
    {"registration": "{}"},
    {"state": "\x00"},
    {"state": "x" * 600},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("redirects"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def app(server: Live) -> App:
    """An application of somebody else: whom a consent page is shown for, too."""
    return App(server, first_party=False, redirect_uris=[CALLBACK, "http://127.0.0.1/native"])


@pytest.fixture(scope="module")
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


def stays(answer: httpx2.Response) -> bool:
    """Return whether the answer is a page of ours that leads nowhere and asks for nothing."""
    moves = "location" in answer.headers or "refresh" in answer.headers or "http-equiv" in answer.text
    return answer.status_code == 400 and not moves and "/oauth/consent" not in answer.text


def hostile(http: httpx2.Client, app: KeyedApp, hint: str, uri: str) -> Iterator[tuple[str, httpx2.Response]]:
    """Bring one hostile place in by every way in, and on every kind of error path, and return what is answered."""
    yield "authorize, get", http.get(app.place(redirect_uri=uri))
    form = app.request(redirect_uri=uri)
    yield "authorize, post", http.post("/oauth/authorize", data=form, follow_redirects=True)
    for error in ({"prompt": "none"}, {"scope": "no such"}, {"response_type": "token"}, {"state": "x" * 600}):
        yield f"authorize, {error}", http.get(app.place(redirect_uri=uri, **error))
    yield "authorize, unknown client", http.get(app.place(redirect_uri=uri, client_id="cli_nobody"))
    yield "pushed", app.push(http, redirect_uri=uri)
    signed = app.signed_request(redirect_uri=uri)
    yield "signed", http.get("/oauth/authorize", params={"client_id": app.id, "request": signed})
    yield "signed, pushed", app.push(http, request=signed)
    if uri:  # without a place people are signed out, and stay here
        yield "logout", http.get("/oauth/logout", params={"client_id": app.id, "post_logout_redirect_uri": uri})
        yield "logout, hint", http.get("/oauth/logout", params={"id_token_hint": hint, "post_logout_redirect_uri": uri})
    about = {"client_name": "X", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    yield "registration", http.post("/oauth/register", json={**about, "redirect_uris": [CALLBACK, uri]})
    yield "registration, logout", http.post("/oauth/register", json={**about, "post_logout_redirect_uris": [uri]})


def test_must_1_cve_2026_7504_figure_the_whole_corpus_over_every_way_in(server: Live, browser: httpx2.Client) -> None:
    """No answer leads anywhere: not to the hostile place, not to the client's own, where it was not asked for."""
    app = KeyedApp(server, post_logout_redirect_uris=[CALLBACK])
    hint = app.code(browser, answer_of(browser.get(app.place()))["code"]).json()["id_token"]
    asked, strays = 0, []
    for uri in URIS:
        for way, answer in hostile(browser, app, hint, uri):
            told = (
                "registration" in way and answer.status_code == 201
            )  # a place of whoever registers it, and of no other
            moves = "location" in answer.headers or "refresh" in answer.headers or "http-equiv" in answer.text
            asked += 1
            if moves or not (told or answer.status_code == 400):
                strays.append((way, uri, answer.status_code))
    print(f"{len(set(URIS))} places, {asked} requests, {len(strays)} redirects")
    assert (len(set(URIS)) >= 150, strays) == (True, [])
    assert "code" in answer_of(browser.get(app.place()))  # all the time


@pytest.mark.parametrize("change", ERRORS, ids=lambda change: str(change)[:40])
def test_must_3_cve_2026_44681_dot_1719_no_error_redirects_to_a_strangers_place(
    server: Live, browser: httpx2.Client, app: App, change: dict[str, str | None]
) -> None:
    """DOT #1719 as well: the error is told where nobody is sent."""
    with server.client() as nobody:
        for uri in ("https://evil.example/cb", CALLBACK + "/../evil", CALLBACK + "#", "", *URIS[::40]):
            given = {**change, "redirect_uri": uri}
            assert stays(browser.get(app.place(**given))), uri
            assert stays(nobody.get(app.place(**given))), uri
            assert stays(browser.get(app.place(**{**given, "client_id": "cli_nobody"}))), uri


@pytest.mark.parametrize("change", ERRORS[3:], ids=lambda change: str(change)[:40])
def test_errors_go_to_the_clients_own_place_and_to_no_other(
    browser: httpx2.Client, app: App, change: dict[str, str | None]
) -> None:
    answer = browser.get(app.place(**change))
    assert answer.headers["location"].startswith(CALLBACK + "?error=")
    found = answer_of(answer)
    assert found["iss"] == app.server.watchword.issuer


def test_must_2_only_the_port_of_a_loopback_address_may_differ(browser: httpx2.Client, app: App) -> None:
    for uri in ("http://127.0.0.1:1/native", "http://127.0.0.1:65535/native", "http://127.0.0.1/native"):
        assert "/oauth/consent" in browser.get(app.place(redirect_uri=uri)).text
    for uri in ("http://127.0.0.2:1/native", "http://localhost:1/native", "http://127.0.0.1:65536/native"):
        assert stays(browser.get(app.place(redirect_uri=uri))), uri


def test_the_consent_form_leads_to_the_place_that_was_judged(browser: httpx2.Client, app: App) -> None:
    page = browser.get(app.place())
    more = {"redirect_uri": "https://evil.example/cb", "state": "evil", "client_id": "cli_evil"}
    answer = answered(browser, page, **more)
    assert re.findall(r"url=(https?://[^?]+)", answer.text) == [CALLBACK]
    assert answer_of(answer)["state"] == "af0ifjsldkj"
    assert "evil" not in form_of(browser.get(app.place(prompt="consent")))


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": "x" * 42},
        {"code_challenge": "x" * 44},
        {"code_challenge": ""},
    ],
    ids=str,
)
def test_must_5_cve_2024_23647_no_request_without_pkce(
    browser: httpx2.Client, app: App, change: dict[str, str | None]
) -> None:
    assert answer_of(browser.get(app.place(**change)))["error"] == "invalid_request"


def test_must_23_what_comes_twice_leads_nowhere(browser: httpx2.Client, app: App) -> None:
    for name in ("client_id", "redirect_uri", "scope", "state", "code_challenge", "prompt", "request_uri", "resumed"):
        assert stays(browser.get(app.place() + f"&{name}=x&{name}=x")), name


def test_a_request_beyond_its_size(browser: httpx2.Client, app: App) -> None:
    assert stays(browser.get(app.place() + "&x=" + "y" * 16_400))
    assert stays(browser.post("/oauth/authorize", data={**app.request(), "x": "y" * 16_400}))


LONG = 15_000
HEAVY = [
    *(
        "http://[",
        "http://[::1",
        "http://[v1.x]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]:",
        "https://[" + "1:" * 2_000,
    ),
    *("http://[" + "::" * 2_000 + "]/", "https://" + "a." * 2_000, "https://" + "-" * LONG),
    *(
        "https://app.example/" + "%" * LONG,
        "https://app.example/" + "%25" * 4_000,
        "https://app.example" + "/.." * 4_000,
    ),
    "https://u" + ":" * LONG + "@x",
]


@pytest.mark.parametrize("uri", HEAVY, ids=lambda uri: uri[:24])
def test_cve_2022_36087_no_uri_breaks_or_keeps_the_server_busy(browser: httpx2.Client, app: App, uri: str) -> None:
    """Patterns over URIs backtracked there, and addresses in brackets raised what nobody caught."""
    began = time.process_time()
    assert stays(browser.post("/oauth/authorize", data=app.request(redirect_uri=uri), follow_redirects=True))
    about = {"redirect_uris": [uri], "token_endpoint_auth_method": "none"}
    answer = browser.post("/oauth/register", json=about)
    assert answer.status_code in (400, 413)
    assert time.process_time() - began < 1.0
