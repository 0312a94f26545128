"""Judge the defence of sessions against other sites."""

from __future__ import annotations

import pytest

from watchword.guards.csrf import Csrf
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection

KEY = bytes(range(32))
CSRF = Csrf(KEY)
ALICE = Principal("user:alice", "session", "ses_4f2a")
FORM = "application/x-www-form-urlencoded"


def ask(
    who: Principal | None = ALICE,
    method: str = "POST",
    *,
    csrf: Csrf = CSRF,
    body: bytes | None = None,
    tls: bool = True,
    **fields: str,
):
    headers = [(b"host", b"app.example.com")]
    headers += [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
    return csrf.check(Request(method, b"/transfer", b"", headers, Peer("203.0.113.7", tls=tls), body), who)


TOKEN = CSRF.token_for("ses_4f2a")


def code(answer) -> str:
    return answer.reason.code if isinstance(answer, Rejection) else "allowed"


def test_the_sites_own_requests_pass():
    assert ask(x_csrf_token=TOKEN) == ()
    assert ask(x_csrf_token=TOKEN, origin="https://app.example.com", sec_fetch_site="same-origin") == ()
    assert ask(x_csrf_token=TOKEN, sec_fetch_site="none") == ()
    assert ask(x_csrf_token=TOKEN, origin="http://app.example.com", tls=False) == ()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_safe_methods_are_not_asked(method):
    assert ask(method=method, sec_fetch_site="cross-site") == ()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "get", "PROPFIND", "Post"])
def test_all_other_methods_are(method):
    assert code(ask(method=method)) == "csrf_missing"


@pytest.mark.parametrize("scheme", ["api-key", "jwt", "my-session", "session-key", "sessions", "mtls & api-key"])
def test_callers_without_a_session_are_not_asked(scheme):
    assert ask(Principal("user:alice", scheme, "key_1"), sec_fetch_site="cross-site", origin="null") == ()
    assert ask(None) == ()


@pytest.mark.parametrize("scheme", ["session & mtls", "mtls & session", "session via api-key", "(session|jwt)"])
def test_a_session_among_others_is(scheme):
    who = Principal("user:alice", scheme, "crt_9 & ses_4f2a")
    assert code(ask(who)) == "csrf_missing"
    assert code(ask(who, x_csrf_token=CSRF.token_for("crt_9"))) == "csrf_mismatch"
    assert ask(who, x_csrf_token=TOKEN) == ()
    unnamed = Principal("user:alice", scheme, "crt_9")
    assert code(ask(unnamed, x_csrf_token=TOKEN)) == "csrf_mismatch"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin", "same-origin, none"])
def test_fetch_metadata_of_another_site(site):
    assert code(ask(x_csrf_token=TOKEN, sec_fetch_site=site)) == "cross_site"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evil.example/app.example.com",
        "https://app.example.com@evil.example",
        "https://sub.app.example.com",
        "https://app.example.com/",
        "https://",
    ],
)
def test_an_origin_that_is_not_its_own(origin):
    assert code(ask(x_csrf_token=TOKEN, origin=origin)) == "cross_site"
    configured = Csrf(KEY, ["https://app.example.com"])
    assert code(ask(csrf=configured, x_csrf_token=TOKEN, origin=origin)) == "cross_site"


def test_configured_origins_count_and_host_does_not():
    csrf = Csrf(KEY, ["https://Front.example.com/"])
    assert ask(csrf=csrf, x_csrf_token=TOKEN, origin="https://front.example.com", tls=False) == ()
    assert code(ask(csrf=csrf, x_csrf_token=TOKEN, origin="https://app.example.com")) == "cross_site"


def test_the_default_port_is_the_same_origin():
    headers = [(b"host", b"APP.example.com:443"), (b"origin", b"https://app.example.com")]
    headers.append((b"x-csrf-token", TOKEN.encode()))
    assert CSRF.check(Request("POST", b"/", b"", headers, Peer(tls=True)), ALICE) == ()
    assert code(CSRF.check(Request("POST", b"/", b"", headers, Peer()), ALICE)) == "cross_site"
    assert code(CSRF.check(Request("POST", b"/", b"", headers[1:], Peer(tls=True)), ALICE)) == "cross_site"


@pytest.mark.parametrize(
    "token",
    [
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.upper(),
        " " + TOKEN,
        "ü",
        CSRF.token_for("ses_4f2b"),
        Csrf(bytes(32)).token_for("ses_4f2a"),
    ],
)
def test_a_wrong_token(token):
    assert code(ask(x_csrf_token=token)) == "csrf_mismatch"


def test_no_token():
    assert code(ask()) == "csrf_missing"
    assert code(ask(x_csrf_token="")) == "csrf_missing"


def test_forms_carry_the_token_in_a_field():
    body = b"to=bob&csrf_token=" + TOKEN.encode()
    assert ask(body=body, content_type=FORM) == ()
    assert ask(body=body, content_type="Application/X-WWW-Form-Urlencoded ; charset=utf-8") == ()
    assert code(ask(body=b"csrf_token=0", content_type=FORM)) == "csrf_mismatch"
    assert code(ask(body=b"csrf_token=", content_type=FORM)) == "csrf_missing"
    assert code(ask(body=body + b"&csrf_token=x", content_type=FORM)) == "csrf_missing"
    assert code(ask(body=None, content_type=FORM)) == "csrf_missing"
    assert code(ask(body=b"a=1&" * 100_000 + body, content_type=FORM)) == "csrf_missing"
    assert code(ask(body=b"\xff\xfe=%zz&" + body, content_type=FORM)) == "allowed"
    # a wrong header is not mended by a right field
    assert code(ask(body=body, content_type=FORM, x_csrf_token="0")) == "csrf_mismatch"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", "application/json", FORM + "x"])
def test_cve_2021_32677_a_simple_request_of_another_site_is_refused(kind):
    body = b'{"to": "mallory", "ignored": "&csrf_token=' + TOKEN.encode() + b'&"}'
    assert code(ask(body=body, content_type=kind, origin="https://evil.example")) == "cross_site"
    assert code(ask(body=body, content_type=kind)) == "csrf_missing"


def test_tokens_differ_by_session_and_key_and_are_stable():
    assert CSRF.token_for("ses_4f2a") == Csrf(KEY).token_for("ses_4f2a")
    assert len({TOKEN, CSRF.token_for("ses_4f2b"), Csrf(bytes(32)).token_for("ses_4f2a")}) == 3
    assert "ses_4f2a" not in TOKEN


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Csrf(b"short")


@pytest.mark.parametrize(
    ("origin", "answer"),
    [
        ("https://app.example.com", "allowed"),
        ("https://evil.example", "cross_site"),
        ("https://blog.example.com", "cross_site"),  # a sibling's requests carry SameSite=Lax cookies
        ("null", "cross_site"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "CONNECT"])  # HTTP/1.1 and HTTP/2
def test_no_other_site_opens_a_websocket_with_the_session(origin, answer, method):
    assert code(ask(method=method, origin=origin, sec_websocket_version="13")) == answer
    key = Principal("service:b", "api-key", "key_1")
    assert code(ask(key, method=method, origin=origin, sec_websocket_version="13")) == "allowed"


def test_a_websocket_of_no_browser_has_no_origin():
    assert code(ask(method="GET", sec_websocket_version="13")) == "allowed"
