"""Forge passwords and session cookies."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from watchword.client import BasicAuth
from watchword.codec.secrets import new_secret
from watchword.demo.courier import Answer, Sent
from watchword.demo.script import Cast, Script, accepted, changed, refused
from watchword.model.reason import (
    CROSS_SITE,
    CSRF_MISMATCH,
    CSRF_MISSING,
    EXPIRED,
    INSUFFICIENT_SCOPE,
    MALFORMED_CREDENTIAL,
    NO_CREDENTIAL,
    REVOKED,
    SUBJECT_DISABLED,
    UNKNOWN_CREDENTIAL,
    WRONG_SECRET,
)

__all__ = ["browse", "passwords", "sessions"]

_ORDERS: Final = Sent("GET", "/orders")
_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
_TEA: Final = Sent("POST", "/orders", (_FORM,), b"item=tea&quantity=1")


def passwords(cast: Cast) -> Script:
    """Forge passwords."""
    known = cast.seeds.passwords

    def basic(name: str, password: str) -> Sent:
        return cast.courier.prepare(_ORDERS, BasicAuth(name, password))

    def raw(value: str | bytes) -> Sent:
        text = value if isinstance(value, str) else b64encode(value).decode()
        return _ORDERS.with_field("authorization", f"Basic {text}")

    yield accepted("GET /orders as alice", _ORDERS, "basic", auth=BasicAuth("alice", known["alice"]))
    yield refused("wrong password", basic("alice", changed(known["alice"])), WRONG_SECRET)
    yield refused("unknown user", basic("alicia", known["alice"]), UNKNOWN_CREDENTIAL)
    yield refused("the password before the last", basic("alice", known["alice before"]), WRONG_SECRET)
    yield refused("bob's password for alice", basic("alice", known["bob"]), WRONG_SECRET)
    yield refused("a password and one letter more", basic("alice", known["alice"] + "x"), WRONG_SECRET)
    yield refused("of a disabled service", basic("legacy", known["legacy"]), SUBJECT_DISABLED)
    yield refused("not base64", raw("alice:" + known["alice"]), MALFORMED_CREDENTIAL)
    yield refused("no colon", raw(b"alice"), MALFORMED_CREDENTIAL)
    yield refused("no name", raw(b":" + known["alice"].encode()), MALFORMED_CREDENTIAL)
    yield refused("not UTF-8", raw(b"alice:\xff\xfe"), MALFORMED_CREDENTIAL)
    yield refused("a NUL after the password", raw(f"alice:{known['alice']}\0".encode()), MALFORMED_CREDENTIAL)
    yield refused("nothing after Basic", _ORDERS.with_field("authorization", "Basic"), MALFORMED_CREDENTIAL)
    yield refused("bob lacks the scope orders:read", basic("bob", known["bob"]), INSUFFICIENT_SCOPE)


def browse(cast: Cast, name: str) -> dict[str, str]:
    """Log in as a browser does, by the page's form, and return the cookies."""
    page = cast.courier.send(Sent("GET", "/login"))
    jar = _cookies(page)
    token = re.search(rb'name="csrf_token"\s+value="([0-9a-f]+)"', page.body)
    form = {"username": name, "password": cast.seeds.passwords[name], "csrf_token": token[1].decode() if token else ""}
    answer = cast.courier.send(Sent("POST", "/login", (_FORM, ("cookie", _jar(jar))), urlencode(form).encode()))
    return _cookies(answer)


def _cookies(answer: Answer) -> dict[str, str]:
    pairs = [text.partition(";")[0].partition("=") for text in answer.cookies]
    return {name: value for name, _, value in pairs if value}


def _jar(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _with(sent: Sent, **fields: str | None) -> Sent:
    for name, value in fields.items():
        sent = sent.with_field(name.replace("_", "-"), value)
    return sent


def sessions(cast: Cast) -> Script:
    """Forge session cookies, and requests by other sites that a browser would add them to."""
    alice, other = browse(cast, "alice"), browse(cast, "alice")
    cookie, csrf = alice["__Host-session"], alice["__Host-csrf"]
    good = _with(_TEA, cookie=_jar(alice), x_csrf_token=csrf)

    def reading(value: str) -> Sent:
        return _with(_ORDERS, cookie=f"__Host-session={value}")

    yield accepted("POST /orders in alice's browser", good, "session", status=201)
    yield refused("cookie without CSRF token", _with(good, x_csrf_token=None), CSRF_MISSING)
    yield refused("CSRF token of another session", _with(good, x_csrf_token=other["__Host-csrf"]), CSRF_MISMATCH)
    yield refused("Origin of another site", _with(good, origin="https://evil.example"), CROSS_SITE)
    yield refused("Origin null", _with(good, origin="null"), CROSS_SITE)
    yield refused("Sec-Fetch-Site: cross-site", _with(good, sec_fetch_site="cross-site"), CROSS_SITE)
    yield accepted("GET /orders, no token needed", reading(cookie), "session")
    key = cast.seeds.keys["billing"]
    yield accepted("an API key where it belongs", _with(_ORDERS, authorization=f"Bearer {key}"), "api-key")
    yield refused("the same key as a cookie", reading(key), MALFORMED_CREDENTIAL)
    yield refused("one character mistyped", reading(changed(cookie)), MALFORMED_CREDENTIAL)
    yield refused("cut short by one character", reading(cookie[:-1]), MALFORMED_CREDENTIAL)
    yield refused("guessed, checksum right", reading(new_secret("ws_")), UNKNOWN_CREDENTIAL)
    yield refused("plain `session` cookie over TLS", _with(_ORDERS, cookie=f"session={cookie}"), NO_CREDENTIAL)
    twice = f"__Host-session={cookie}; __Host-session={other['__Host-session']}"
    yield refused("two session cookies", _with(_ORDERS, cookie=twice), MALFORMED_CREDENTIAL)
    yield refused("ended yesterday", reading(cast.seeds.cookies["expired"]), EXPIRED)
    yield refused("idle for a day", reading(cast.seeds.cookies["idle"]), EXPIRED)
    yield refused("of a disabled service", reading(cast.seeds.cookies["legacy"]), REVOKED)
    form = urlencode({"username": "alice", "password": cast.seeds.passwords["alice"]}).encode()
    typed = Sent("POST", "/login", (_FORM,), form)
    yield refused("a login form of another site", _with(typed, origin="https://evil.example"), CROSS_SITE)
    yield refused("a login form of nobody's page", _with(typed, origin=cast.url), CSRF_MISSING)
    end = replace(_with(good, x_csrf_token=None), target="/logout", body=b"")
    yield refused("a logout by another site", end, CSRF_MISSING)
    yield accepted("log out", _with(end, x_csrf_token=csrf), status=303)
    cast.wait()
    yield refused("cookie of the ended session", reading(cookie), REVOKED)
