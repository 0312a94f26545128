"""What a gateway asks, and what is refused because two readers may read two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.request import Peer, Request
from watchword.server.question import Target, ask, target_of

PREFIX = b"/check"


def asked(fields: dict[str, str] | list[tuple[str, str]], path: bytes = PREFIX, strict: bool = True) -> Request | str:
    pairs = fields.items() if isinstance(fields, dict) else fields
    headers = [(b"host", b"auth.example.com"), *((name.encode(), value.encode()) for name, value in pairs)]
    request = Request("GET", path, b"", headers, Peer("127.0.0.1"))
    found = ask(request, path, PREFIX, strict=strict)
    return found if isinstance(found, str) else request


def test_caddy_and_traefik_ask_in_forwarded_fields() -> None:
    request = asked(
        {"x-forwarded-method": "POST", "x-forwarded-uri": "/orders/7?a=1", "x-forwarded-host": "api.example.com:8443"}
    )
    assert isinstance(request, Request)
    assert (request.method, request.path, request.query) == ("POST", b"/orders/7", b"a=1")
    assert request.fields[b"host"] == b"api.example.com:8443"


def test_nginx_asks_in_original_fields() -> None:
    request = asked({"x-original-method": "PUT", "x-original-uri": "/orders/7?a=1"})
    assert isinstance(request, Request)
    assert (request.method, request.path, request.query) == ("PUT", b"/orders/7", b"a=1")
    whole = asked({"x-original-method": "GET", "x-original-url": "https://api.example.com/orders?b"})
    assert isinstance(whole, Request)
    assert (whole.path, whole.query, whole.fields[b"host"]) == (b"/orders", b"b", b"api.example.com")


def test_envoy_asks_in_the_path() -> None:
    request = asked({"x-forwarded-uri": "/public", "x-forwarded-method": "GET"}, b"/check/orders/7")
    assert isinstance(request, Request)
    assert (request.method, request.path) == ("GET", b"/orders/7")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"x-forwarded-method": "GET"},
        {"x-forwarded-uri": "/orders"},
        {"x-original-uri": "/orders"},
        {"x-original-uri": "/orders", "x-forwarded-method": "GET"},
        {"x-forwarded-uri": "", "x-forwarded-method": "GET"},
        {"x-forwarded-uri": "orders", "x-forwarded-method": "GET"},
        {"x-forwarded-uri": "http://x/orders", "x-forwarded-method": "GET"},
        {"x-forwarded-uri": "/orders", "x-forwarded-method": "get"},
        {"x-forwarded-uri": "/orders", "x-forwarded-method": "GET /"},
        {"x-forwarded-uri": "/orders", "x-forwarded-method": "GET", "x-forwarded-host": "a, b"},
        {"x-forwarded-uri": "/orders", "x-forwarded-method": "GET", "x-forwarded-host": "a/b"},
        {"x-forwarded-uri": "/orders", "x-forwarded-method": "GET", "x-forwarded-host": ""},
    ],
)
def test_an_incomplete_question_is_refused(fields: dict[str, str]) -> None:
    assert isinstance(asked(fields), str)


def test_a_callers_own_question_beside_the_gateways_is_refused() -> None:
    assert asked({"x-original-uri": "/admin", "x-original-method": "GET", "x-forwarded-uri": "/public"}) == (
        "two questions"
    )
    method = {"x-original-uri": "/a", "x-original-method": "POST", "x-forwarded-method": "GET"}
    assert asked(method) == "two questions"
    assert (
        asked({"x-original-uri": "/a", "x-original-url": "http://x/b", "x-original-method": "GET"}) == "two questions"
    )
    twice = [("x-forwarded-uri", "/public"), ("x-forwarded-uri", "/admin"), ("x-forwarded-method", "GET")]
    assert asked(twice) == "a field of the question came twice"


@pytest.mark.parametrize(
    "own",
    [
        {"x-original-host": "other.example.com"},
        {"x-original-url": "https://other.example.com/orders"},
        {"x-original-url": "https://api.example.com/orders", "x-original-host": "other.example.com"},
        {"x-original-uri": "/orders"},  # no host of its own: then the gateway's own Host field would count
    ],
)
def test_a_callers_own_host_beside_the_gateways_is_refused(own: dict[str, str]) -> None:
    gateways = {"x-forwarded-method": "GET", "x-forwarded-uri": "/orders", "x-forwarded-host": "api.example.com"}
    same = {"x-original-uri": "/orders", "x-original-method": "GET"}
    assert asked(gateways | same | own) == "two questions"
    agreeing = asked(gateways | same | {"x-original-host": "API.example.com"})
    assert isinstance(agreeing, Request)


def test_two_hosts_in_original_fields_are_refused() -> None:
    fields = {"x-original-method": "GET", "x-original-uri": "/orders", "x-original-host": "api.example.com"}
    assert asked(fields | {"x-original-url": "https://other.example.com/orders"}) == "two questions"
    assert isinstance(asked(fields | {"x-original-url": "https://api.example.com/orders"}), Request)


@pytest.mark.parametrize(
    "path",
    [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "//a",
        "/a//b",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/.%2e/b",
        "/a/..",
        "/a/..;/b",
        "/a;x=1/b",
        "/a%3bx/b",
        "/a%00b",
        "/a%0ab",
        "/a%252fb",
        "/a%25%32%66",
        "/a%c0%af",
        "/a%ff",
        "/a%zz",
        "/a%",
        "/a b",
        "/a\tb",
        "/a\x7f",
        "/ä",
        '/a"b',
        "/a#b",
        "/a|b",
        "*",
        "",
    ],
)
def test_paths_that_proxies_read_differently(path: str) -> None:
    assert isinstance(target_of(path.encode(), strict=True), str)


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/", "/a/b.c~d", "/%C3%A4", "/a%20b", "/...", "/a..b", "/.well-known/x", "/a:b@c,d"]
)
def test_paths_that_all_read_alike(path: str) -> None:
    assert isinstance(target_of(path.encode(), strict=True), Target)


def test_routes_are_found_by_the_decoded_path() -> None:
    found = target_of(b"/%61dmin?x=%2f", strict=True)
    assert isinstance(found, Target)
    assert (found.path, found.decoded, found.query) == (b"/%61dmin", "/admin", b"x=%2f")


@given(st.binary(max_size=40))
def test_what_passes_has_one_reading(tail: bytes) -> None:
    found = target_of(b"/" + tail, strict=True)
    if isinstance(found, Target):
        assert found.decoded.isprintable() or " " in found.decoded or not found.decoded.isascii()
        assert not {".", ".."} & set(found.decoded.split("/"))
        assert found.path.count(b"/") == found.decoded.count("/")


def test_long_targets_are_judged_but_not_remembered() -> None:
    assert isinstance(target_of(b"/" + b"a" * 5000, strict=True), Target)
    assert isinstance(target_of(b"/" + b"a" * 50_000, strict=True), str)


def test_without_routes_any_path_may_be_asked_about() -> None:
    request = asked({"x-forwarded-uri": "/a;b//c", "x-forwarded-method": "GET"}, strict=False)
    assert isinstance(request, Request)
    assert request.path == b"/a;b//c"
    plain = asked({}, strict=False)
    assert isinstance(plain, Request)
    assert plain.path == PREFIX
