"""Judge the search for credentials in URLs."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.secrets import new_id, new_secret
from watchword.guards.url_credentials import UrlCredentials
from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection

KEY = new_secret("ak_live_")
REFRESH = new_secret("rt_")
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
GUARD = UrlCredentials()


def request(query: str = "", path: str = "/orders") -> Request:
    return Request("GET", path.encode(), query.encode(), [], Peer())


def names(query: str = "", path: str = "/orders") -> str | None:
    answer = GUARD.check(request(query, path), None)
    if answer == ():
        assert GUARD.burnt(request(query, path)) == []
        return None
    assert isinstance(answer, Rejection)
    assert (answer.reason.code, answer.reason.status) == ("credential_in_url", 400)
    return answer.detail


@pytest.mark.parametrize(
    "query",
    [
        "",
        "a=1&b=2",
        "page=3;sort=name",
        "token=abc&key=name&code=4711&state=xyz&sig=1&session=2",
        "q=my+password+is+weak",
        "q=access_token",
        "access_token",
        "access_token=",
        "password_reset=1&passwordless=1&api_keys=2&no_password=1",
        "next=%2Flogin%3Fpassword%3Dforgotten",  # the name is in a value
        "q=a%26access_token%3D1",
        "key=hk_live_" + "a" * 20,  # a public id
        "key=" + new_id("key_"),
        "sort=rt_price",
        "q=brak_live_x",
        "q=eyJhbGciOi",
        "v=1.2.3",
        "id_token_hint=" + JWT,
        "request=" + JWT,
        "q=%ff%fe%zz%",
    ],
)
def test_what_may_be_in_a_url(query):
    assert names(query) is None


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("access_token=abc", "access_token"),
        ("a=1&access_token=abc", "access_token"),
        ("a=1;access_token=abc;b=2", "access_token"),
        ("Access_Token=abc", "access_token"),
        ("accessToken=abc", "accesstoken"),
        ("refresh_token=abc", "refresh_token"),
        ("api_key=abc", "api_key"),
        ("apikey=abc", "apikey"),
        ("api-key=abc", "api-key"),
        ("X-API-Key=abc", "x-api-key"),
        ("client_secret=abc", "client_secret"),
        ("password=abc", "password"),
        ("passwd=abc", "passwd"),
        ("authorization=Bearer+abc", "authorization"),
        ("%61ccess%5Ftoken=abc", "access_token"),
        ("a=%26&pass%77ord=abc", "password"),
        ("access_token=&access_token=abc", "access_token"),
    ],
)
def test_names_that_mean_a_credential(query, name):
    assert names(query) == f"in parameter {name}"


@pytest.mark.parametrize("secret", [KEY, new_secret("ak_test_"), new_secret("hs_live_"), REFRESH, JWT])
@pytest.mark.parametrize("name", ["token", "key", "q", "code", "utm_source"])
def test_values_that_look_like_a_credential(name, secret):
    for sent in (secret, quote(secret, safe=""), "%" + f"{ord(secret[0]):02x}" + secret[1:]):
        assert names(f"a=1&{name}={sent}&b=2") == f"in parameter {name}"
        assert GUARD.burnt(request(f"a=1&{name}={sent}&b=2")) == [secret]


def test_values_below_several_layers_of_encoding():
    once = "".join(f"%{ord(char):02X}" for char in KEY)
    twice = once.replace("%", "%25")
    thrice = twice.replace("%", "%25")
    for sent in (once, twice, thrice):
        assert names("q=" + sent) == "in parameter q"
        assert GUARD.burnt(request("q=" + sent)) == [KEY]
    nested = "redirect=" + quote("https://app.example.com/?next=" + quote("/a?key=" + KEY, safe=""), safe="")
    assert names(nested) == "in parameter redirect"
    assert GUARD.burnt(request(nested)) == [KEY]


def test_cut_secrets_and_unsigned_tokens_count():
    assert names("q=ak_live_abc") == "in parameter q"
    assert names("q=eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.") == "in parameter q"
    assert names("request=" + KEY) == "in parameter request"


@pytest.mark.parametrize("query", [KEY, KEY + "=1", "a=1&" + KEY, "x" * 200 + "=" + KEY, "a%0Ab=" + KEY])
def test_the_detail_never_holds_the_secret_nor_lines(query):
    assert names(query) in {"in the query", "in parameter a"}
    assert GUARD.burnt(request(query)) == [KEY]


def test_secrets_in_the_path():
    assert names(path=f"/keys/{KEY}") == "in the path"
    assert names(path=f"/keys/{KEY}/usage") == "in the path"
    assert names(path="/keys/" + KEY.replace("_", "%5F")) == "in the path"
    assert names(path="/sessions/" + REFRESH) == "in the path"
    assert GUARD.burnt(request(path=f"/keys/{KEY}")) == [KEY]


@pytest.mark.parametrize("path", ["/", "/a_b", "/%20", "/part_1", "/keys/hk_live_abc", "/" + new_id("key_"), "/" + JWT])
def test_what_may_be_in_a_path(path):
    assert names(path=path) is None


def test_burnt_credentials_are_reported_once_each_and_bounded():
    reported: list[list[str]] = []
    guard = UrlCredentials(reported.append)
    guard.check(request(f"access_token={KEY}&b={REFRESH}"), None)
    assert set(reported[0]) == {KEY, REFRESH}
    guard.check(request("a=1"), None)
    assert len(reported) == 1
    many = request("&".join(f"a{n}=ak_live_{n}" for n in range(1000)))
    assert 0 < len(guard.burnt(many)) <= 16


def test_a_password_is_reported_as_typed():
    assert GUARD.burnt(request("password=a%26b%3Dc%25")) == ["a&b=c%"]


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"a{n}=%25{n}" for n in range(100_000)),
        "&".join(["access_token="] * 100_000),
        "&".join(["request=" + JWT] * 20_000),
        "request=" + ",".join([JWT] * 20_000),
        "eyJ" * 100_000,
        "eyJaaaaaaaa." * 50_000,
        "rt_" * 100_000,
        "%25" * 100_000,
        "&" * 300_000,
        "x_live_" * 50_000,
    ],
)
def test_huge_queries_take_linear_time(query):
    started = time.perf_counter()
    GUARD.check(request(query), None)
    assert time.perf_counter() - started < 3


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_break_it(before, after):
    safe = before.translate(None, b"&;")
    hit = Request("GET", b"/", safe + b"&token=" + KEY.encode() + b"&" + after, [], Peer())
    assert isinstance(GUARD.check(hit, None), Rejection)
    GUARD.check(Request("GET", before, after, [], Peer()), None)
