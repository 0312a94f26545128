"""Reading what people send, and answering in kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.account.town import PASSWORD, Town, town

from watchword.lifecycle.people.account.replacement import Fault
from watchword.model.credential import Kind
from watchword.model.reason import INVALID_FIELDS
from watchword.model.request import Peer, Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.account.visit import browser_of, faulty, locale_of


@pytest.fixture(scope="module")
def one_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as server:
        yield server


def request_with(**fields: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return Request("GET", b"/", b"", named, peer=Peer("127.0.0.1"))


@pytest.mark.parametrize(
    ("header", "locale"),
    [(b"", ""), (b"fr", ""), (b"de", "de"), (b"DE-ch;q=0.3", "de"), (b"fr, en-GB;q=0.9, de", "en"), (b"\xff,;=", "")],
)
def test_the_first_language_that_we_have_is_taken(header: bytes, locale: str) -> None:
    assert locale_of(request_with(accept_language=header)) == locale


@pytest.mark.parametrize(
    "cookie", [b"", b"login=", b"login=x", b"login=ses_login" + b"a" * 21, b"=login=ses_login" + b"a" * 20]
)
def test_a_browser_without_our_cookie_is_not_known_again(cookie: bytes) -> None:
    assert browser_of(request_with(cookie=cookie)) == ""


def test_a_browser_is_known_by_a_digest() -> None:
    one = browser_of(request_with(cookie=b"login=ses_login" + b"a" * 20))
    other = browser_of(request_with(cookie=b"login=ses_login" + b"b" * 20))
    assert len(one) == 64
    assert one != other


def test_faults_are_listed_in_the_problem() -> None:
    deny = Deny(Rejection(INVALID_FIELDS), "00112233", (), ())
    answer = faulty(deny, [Fault("email", "taken", "It is taken.")])
    assert answer.status_code == 422
    headers = dict(answer.raw_headers)
    assert headers[b"content-type"] == b"application/problem+json"
    assert int(headers[b"content-length"]) == len(answer.body)
    assert b'"errors":[{"field":"email","code":"taken","text":"It is taken."}]' in answer.body
    assert b"errors" not in faulty(deny, ()).body


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"login": "a"}', "application/json", 202),
        (b'{"login": 5}', "application/json", 400),
        (b'{"login": "a", "login": "b"}', "application/json", 400),
        (b'["a"]', "application/json", 400),
        (b"login=a&login=b", "application/x-www-form-urlencoded", 400),
        (b"login=a", "application/x-www-form-urlencoded", 200),
        (b'{"login": "a"}', "text/plain", 415),
        (b"login=a", "multipart/form-data; boundary=x", 415),
        (b"x" * 70_000, "application/json", 413),
    ],
)
def test_cve_2021_32677_only_what_says_that_it_is_json_is_read_as_json(
    one_town: Town, content: bytes, kind: str, status: int
) -> None:
    with one_town.client() as http:
        answer = http.post("/reset", content=content, headers={"content-type": kind})
        assert answer.status_code == status, answer.text


def test_what_a_person_typed_comes_back_escaped_and_passwords_never(one_town: Town) -> None:
    page = one_town.browser().submit("/sign-up", username='"><script>', email="<b>", password="hunter2 & co")
    assert page.status_code == 422
    assert "<script>" not in page.text
    assert "&gt;&lt;script&gt;" in page.text
    assert "hunter2" not in page.text


@pytest.mark.parametrize("path", ["/sign-up", "/reset", "/login"])
def test_pages_are_not_stored_not_framed_and_load_nothing_from_elsewhere(one_town: Town, path: str) -> None:
    page = one_town.browser().get(path)
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "same-origin"


def test_a_credential_in_the_url_is_refused_here_too(one_town: Town) -> None:
    one_town.service("billing-of-pages")
    key = one_town.issue(Kind.API_KEY, "service:billing-of-pages")
    with one_town.client() as http:
        assert http.get(f"/reset?x={key.material['secret']}").status_code == 400
        assert http.get("/whoami", headers={"x-api-key": key.material["secret"]}).status_code == 401


def test_methods_that_are_none_of_the_pages_are_refused(one_town: Town) -> None:
    with one_town.client() as http:
        for path in ("/sign-up", "/reset", "/reset/new", "/confirm", "/invitation", "/account/password"):
            assert http.put(path).status_code == 405
        assert http.post("/account/export").status_code == 405
        assert http.post("/login", json={"username": "x", "password": PASSWORD}).status_code == 401
