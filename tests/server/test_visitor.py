"""Forms are their browser's."""

from __future__ import annotations

import pytest

from watchword.guards.csrf import Csrf
from watchword.model.reason import CROSS_SITE, CSRF_MISMATCH, CSRF_MISSING, Reason
from watchword.model.request import Peer, Request
from watchword.server.visitor import forged, kept, visiting, visitor_of

VISITOR = "ses_login" + "a" * 20
CSRF = Csrf(b"k" * 32)


def post(body: bytes = b"", *, tls: bool = False, **fields: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    named |= {b"host": b"a.example", b"content-type": b"application/x-www-form-urlencoded"}
    return Request("POST", b"/login", b"", named, peer=Peer("127.0.0.1", tls=tls), body=body)


def test_a_browser_keeps_its_id_for_an_hour() -> None:
    name, value = kept(VISITOR, post(tls=True))
    assert name == b"set-cookie"
    assert value.startswith(b"__Host-login=" + VISITOR.encode())
    assert b"Max-Age=3600" in value
    assert b"HttpOnly" in value
    assert visitor_of(post(tls=True, cookie=b"__Host-login=" + VISITOR.encode())) == VISITOR
    assert visiting(post(cookie=b"login=" + VISITOR.encode())) == VISITOR


@pytest.mark.parametrize("cookie", [b"", b"login=", b"login=ses_" + b"a" * 20, b"login=" + VISITOR.encode() + b"a"])
def test_what_we_did_not_give_is_no_id(cookie: bytes) -> None:
    assert visitor_of(post(cookie=cookie)) is None
    fresh = visiting(post(cookie=cookie))
    assert fresh.startswith("ses_login")
    assert fresh != visiting(post(cookie=cookie))


def test_over_tls_a_cookie_without_the_prefix_counts_for_nothing() -> None:
    """Another site of the same domain can set "login", but not "__Host-login" (RFC 6265bis section 4.1.3.2)."""
    assert visitor_of(post(tls=True, cookie=b"login=" + VISITOR.encode())) is None


@pytest.mark.parametrize(
    ("fields", "token", "reason"),
    [
        ({"origin": b"https://evil.example"}, True, CROSS_SITE),
        ({"origin": b"null"}, True, CROSS_SITE),
        ({"sec_fetch_site": b"same-site"}, True, CROSS_SITE),
        ({"origin": b"http://a.example"}, False, CSRF_MISSING),
        ({"referer": b"http://a.example/login"}, False, CSRF_MISSING),
        ({"origin": b"http://a.example", "cookie": b""}, True, CSRF_MISMATCH),
        ({"origin": b"http://a.example"}, True, None),
        ({}, False, None),
    ],
)
def test_another_sites_form_is_told(fields: dict[str, bytes], token: bool, reason: Reason | None) -> None:
    body = b"csrf_token=" + CSRF.token_for(VISITOR).encode() if token else b""
    found = forged(post(body, **{"cookie": b"login=" + VISITOR.encode(), **fields}), CSRF)
    assert (None if found is None else found.reason) is reason
