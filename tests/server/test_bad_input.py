"""Send every endpoint what it does not expect: the answer is the caller's fault (4xx), never ours (5xx)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from tests.server.account.town import PASSWORD, Browser, Town, town
from tests.server.live import live
from tests.server.login import people
from tests.test_shape import _endpoints

TOML = """
[limits]
address = "1000000/min"
account = "1000/min"
logins = ""
[accounts]
sign_up = "open"
limit = "1000000/min"
mails = "1000000/min"
[[provider]]
name = "corp"
issuer = "http://127.0.0.1:9"
client_id = "watchword"
"""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_NOT_THERE = {"/check"}  # judged by its headers; tests/server/test_question.py does what this does
PATHS = sorted(path.replace("{provider}", "corp").replace("{name}", "x") for path in _endpoints() - _NOT_THERE)
_AWAY = "/login/outside/corp"  # its provider does not answer, which is 503

# fmt: off
_FIELDS = [
    "username", "password", "email", "login", "token", "refresh_token", "challenge", "code", "passkey", "response",
    "factors", "next", "csrf_token", "handle", "name", "draft", "current", "display", "locale", "end", "rename",
    "remove", "revoke", "days", "scopes", "link", "unlink", "choice", "grant_type", "client_id", "client_secret",
    "code_verifier", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "resource", "acr_values", "iss",
    "error",
]
# fmt: on
_TEXTS = [
    "",
    " ",
    "\0",
    "Ａ\u202e\u0301\U0001f40e",
    "a" * 5000,
    "../../x",
    "-1",
    "9" * 400,
    "{}",
    '{"id":{}}',
    "rt_x",
    "lk_x",
    "٣" * 6,
]
_VALUES = [None, True, -1, 1e308, 10**4000, [], [[]], {}, {"id": {"id": []}}, "\ud800"]

_JSON_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"username": "a", "username": "b"}',
    b"\xff\xfe{}",
    b"[" * 2000,
    b'{"a":' * 2000,
    b'{"password": NaN}',
    b'{"a": "' + b"x" * 100_000 + b'"}',
    b"x" * 1_100_000,
    json.dumps(dict.fromkeys(_FIELDS, "1")).encode(),
    *(json.dumps(dict.fromkeys(_FIELDS, value)).encode() for value in (*_TEXTS, *_VALUES)),
]
_FORM_BODIES = [b"", b"=", b"&&&", b"%zz=%", b"username=a&username=b", b"a=%ff%fe", b"\xff", b"a=b&" * 500]
_MEDIA = [
    "",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "a/b/c",
    "application/xml",
]


@pytest.fixture(scope="module")
def one_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), TOML) as server:
        server.user("alice", scopes=("orders:read",))
        yield server


@pytest.fixture
def program(one_town: Town) -> Iterator[httpx2.Client]:
    with one_town.client() as client:
        token = client.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
def browser(one_town: Town) -> Browser:
    return one_town.browser().log_in("alice")


@pytest.fixture(scope="module")
def stranger(one_town: Town) -> Iterator[httpx2.Client]:
    with one_town.client() as client:
        yield client


def _post(client: httpx2.Client, path: str, value: object) -> httpx2.Response:
    return client.post(path, content=json.dumps(value), headers={"content-type": JSON})  # which escapes half characters


@dataclass(frozen=True)
class Answer:
    """Hold what came, with the names of httpx2."""

    path: str
    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)


_LINES: dict[tuple[str, int], HTTPConnection] = {}


def sent(
    client: httpx2.Client, method: str, target: str, body: bytes | None = None, media: str | None = None, csrf: str = ""
) -> Answer:
    """Send as ``client``, with its cookies and its token, for a tenth of what it costs there: these are very many."""
    place = str(client.base_url.host), int(client.base_url.port or 0)
    path, question, query = target.partition("?")
    fields = {"accept": "*/*", "authorization": client.headers.get("authorization", ""), "x-csrf-token": csrf}
    fields["cookie"] = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
    fields = {name: value for name, value in fields.items() if value}
    fields |= {} if media is None else {"content-type": media}
    for fresh in (False, True):  # the line may have been ended after what was sent before
        line = _LINES.setdefault(place, HTTPConnection(*place, timeout=30))
        try:
            line.request(method, quote(path, safe="/%") + question + query, body, fields)
            came = line.getresponse()
            content = came.read()
        except (ConnectionError, HTTPException):
            _LINES.pop(place).close()
            if fresh:
                raise
        else:
            return Answer(path, came.status, {name.lower(): value for name, value in came.getheaders()}, content)
    raise AssertionError("not reached")


def _blameless(answer: Answer | httpx2.Response, sent: object) -> None:
    path = answer.path if isinstance(answer, Answer) else answer.request.url.path
    away = answer.status_code == 503 and path == _AWAY
    assert answer.status_code < 500 or away, (sent, answer.status_code, answer.text)
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400 and not kind.startswith("text/html"):
        assert kind in ("application/problem+json", JSON), (sent, kind)
        assert answer.json(), sent


@pytest.mark.parametrize("path", PATHS)
def test_json_that_nobody_expects(path: str, stranger: httpx2.Client, program: httpx2.Client) -> None:
    for client in (stranger, program):
        for body in _JSON_BODIES:
            _blameless(sent(client, "POST", path, body, JSON), body[:80])


@pytest.mark.parametrize("path", PATHS)
def test_forms_that_nobody_expects(path: str, stranger: httpx2.Client, browser: Browser) -> None:
    csrf = browser.http.cookies["csrf"]
    for text in _TEXTS:
        fields = {name: text for name in _FIELDS if name not in ("csrf_token", "end")} | {"csrf_token": csrf}
        for client in (stranger, browser.http):
            _blameless(sent(client, "POST", path, urlencode(fields).encode(), FORM, csrf), text[:80])
    for body in _FORM_BODIES:
        for client in (stranger, browser.http):
            _blameless(sent(client, "POST", path, body, FORM, csrf), body[:80])


@pytest.mark.parametrize("path", PATHS)
def test_media_types_that_nobody_expects(path: str, stranger: httpx2.Client, program: httpx2.Client) -> None:
    for client in (stranger, program):
        for media in _MEDIA:
            answer = sent(client, "POST", path, b'{"username": "alice"}', media)
            _blameless(answer, media)
            assert answer.status_code >= 400 or "location" in answer.headers or path == "/logout", (media, answer.text)


@pytest.mark.parametrize("path", PATHS)
def test_queries_and_methods_that_nobody_expects(path: str, stranger: httpx2.Client, browser: Browser) -> None:
    for client in (stranger, browser.http):
        for text in (*(each[:1000] for each in _TEXTS), "%ff", "%00"):
            query = {
                name: text for name in _FIELDS if name not in ("token", "password", "client_secret", "refresh_token")
            }
            _blameless(sent(client, "GET", f"{path}?{urlencode(query)}"), text[:80])
        for raw in ("?%ff=%fe", "?a=%zz&&=", "?" + "&".join(["a=b"] * 500), "?code=a&code=b&state=a&state=b"):
            _blameless(sent(client, "GET", path + raw), raw[:80])
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"):
            _blameless(sent(client, method, path), method)


def test_answers_to_a_challenge_that_nobody_expects(tmp_path: Path) -> None:
    """What is asked for is there, so that each wrong answer is looked at, and the right one still is one."""
    with live(tmp_path, people.TOML) as server, server.client() as client:
        person = people.Person(server, "bob")
        given = person.tokens(client)
        client.headers["authorization"] = f"Bearer {given['token']}"
        for value in (*_TEXTS, *_VALUES, "[]", '{"id":1,"response":2}', '{"rawId":"AA","id":"AA","response":{}}'):
            due = person.challenge(client)
            handles = {"challenge": due["challenge"], "passkey": due["passkey"]}
            for answer in ({"code": value}, {"response": value}, {"password": value}):
                for place in ("/login/mfa", "/login/passkey", "/login/step-up"):
                    _blameless(_post(client, place, {**handles, **answer}), (place, answer))
            app = client.get("/account/factors/app", headers={"accept": JSON}).json()
            key = client.get("/account/factors/passkey", headers={"accept": JSON}).json()
            text = {"code": value, "response": value, "name": value}
            for place, begun in (("app", {"handle": app["handle"]}), ("passkey", {"passkey": key["passkey"]})):
                answer = _post(client, f"/account/factors/{place}", {**begun, **text})
                _blameless(answer, (place, value))
                assert answer.status_code in (400, 422, 429), (place, value, answer.text)
