"""Redirect URIs that may be registered, and those that no two readers read alike."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import URIS
from watchword.codec.oauth.redirect_uri import LONGEST, kind_of, redirect_fault

FINE = {
    "https://app.example/cb": "https",
    "https://app.example": "https",
    "https://app.example:8443/cb?x=1&y=%20": "https",
    "https://xn--bcher-kva.example/cb": "https",
    "https://192.0.2.7/cb": "https",
    "https://[2001:db8::1]:444/cb": "https",
    "http://127.0.0.1/cb": "loopback",
    "http://127.0.0.1:51004/cb": "loopback",
    "http://[::1]:8080/": "loopback",
    "http://localhost:6274/oauth/callback": "localhost",
    "com.example.app:/cb": "private-use",
    "com.example.app://cb/x": "private-use",
}
MUST_NOT = (
    *("https://app.example/cb#", "https://app.example/cb#x", "https://u:p@app.example/cb", "https://@app.example/cb"),
    *("https://app.example/../cb", "https://app.example/./cb", "https://app.example/%2e%2e/cb", "https://a.b/..;/cb"),
    *("https://app.example/%252e%252e/cb", "https://app.example/..%2fcb", "https://app.example/%5c..%5ccb"),
    *("https://*.app.example/cb", "https://app.example/*", "https://app.example/cb?*", "https://app.example\\cb"),
    *("https://evil.example\\@app.example/cb", "https:/app.example/cb", "https:app.example/cb", "https:///cb"),
    *("https://0/cb", "https://0x7f.1/cb", "https://127.1/cb", "https://2130706433/cb", "https://1.2.3.4.5/cb"),
    *("https://app.example:/cb", "https://app.example:65536/cb", "https://app.example:x/cb", "https://a..b/cb"),
    *("https://-a.example/cb", "https://a_b.example/cb", "https://app.example./cb", "https://[::1/cb", "https://[g]/"),
    *("HTTPS://app.example/cb", "http://app.example/cb", "http://127.0.0.2/cb", "http://[::2]/cb", "http://0.0.0.0/cb"),
    *("javascript:alert(1)", "data:text/html,x", "app:/cb", "myapp://cb", "com.example.app:cb", "com.example.app:"),
    *("com.example.app://u@cb", "file:///cb", "blob:https://app.example/cb", "https://app.example/%", "", "/cb"),
    *("https://app.example/\x00", "https://app.example/%00", "https://app.example/%0d%0aset-cookie:x", "https://é/cb"),
    "https://app.example/" + "a" * LONGEST,
)


@pytest.mark.parametrize("uri", FINE)
def test_what_may_be_registered(uri: str) -> None:
    assert redirect_fault(uri) is None
    assert kind_of(uri) == FINE[uri]


@pytest.mark.parametrize("uri", MUST_NOT)
def test_must_1_what_may_not_be_registered(uri: str) -> None:
    fault = redirect_fault(uri)
    assert fault is not None
    assert all(fault)


@pytest.mark.parametrize("uri", URIS)
def test_cve_2026_7504_3872_28512_a_hostile_uri_is_refused_or_means_its_plain_reading(uri: str) -> None:
    if redirect_fault(uri) is not None:
        return
    plain = re.fullmatch(r"(https|http|[a-z.]+)://?([a-zA-Z0-9.-]+|\[::1\])(:[0-9]+)?([/?].*)?", uri)
    assert plain, uri
    assert urlsplit(uri).hostname == plain[2].strip("[]").lower()
    assert urlsplit(uri).username is None
    path = plain[4] or ""
    assert ".." not in path
    assert "/./" not in path


@given(st.text(st.sampled_from("htps:/@.\\#?%2e5cf;*[]01 \t\n\x00eé"), max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    for uri in (text, "https://app.example/" + text, "https://" + text, "com.example:/" + text):
        fault = redirect_fault(uri)
        if fault is None and uri.startswith("https:"):
            assert re.fullmatch(r"[a-z0-9.:-]+", urlsplit(uri).hostname or "")


def test_hostile_uris_take_bounded_time() -> None:
    """CVE-2022-36087: an expression that backtracks."""
    for uri in ("https://" + "a." * 900, "https://[" + ":" * 1_900 + "]/", "com." * 400 + ":/" + "%" * 300):
        assert redirect_fault(uri) is not None
