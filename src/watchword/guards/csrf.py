"""Keep other sites from using a browser's session: Fetch Metadata, Origin, and a token."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from watchword.codec.secrets import Mac, mac_of
from watchword.model.reason import CROSS_SITE, CSRF_MISMATCH, CSRF_MISSING
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["Csrf"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_OWN_SITE: Final = frozenset({b"same-origin", b"none"})  # none: typed or bookmarked by the person
_SESSION: Final = re.compile(r"(?<![a-z0-9_-])session(?![a-z0-9_-])")
_SESSION_ID: Final = re.compile(r"(?<![0-9A-Za-z_])ses_[0-9A-Za-z]+")
_WEBSOCKET: Final = b"sec-websocket-version"  # in every opening handshake (RFC 6455 section 4.1, RFC 8441)
_FORM: Final = b"application/x-www-form-urlencoded"
_FIELD: Final = "csrf_token"
_MOST_FIELDS: Final = 1000
_DEFAULT_PORTS: Final = {b"https": b":443", b"http": b":80"}


class Csrf:
    """Refuse requests that change something, are proved by a session, and do not come from the site itself.

    ``key`` (32 bytes, derived for this purpose) makes the tokens: HMAC-SHA256 over the session's public id, so a token
    ends with its session and needs no store. ``origins`` are the site's own ("https://app.example.com"); without them
    it is the request's Host. Callers without a session are not asked: no browser sends their credential by itself.
    A WebSocket must be opened by the site, too (RFC 6455 section 10.2).
    """

    __slots__ = ("_mac", "_origins")

    def __init__(self, key: bytes | Mac, origins: Iterable[str] | None = None) -> None:
        if isinstance(key, bytes) and len(key) < 32:
            raise ValueError("key must be at least 32 bytes")
        self._mac = mac_of(key)
        self._origins = (
            None if origins is None else frozenset(origin.lower().rstrip("/").encode() for origin in origins)
        )

    def token_for(self, session: str) -> str:
        """Return the token of the session with this public id (``ses_…``): 64 hex digits."""
        return self._mac(b"csrf:" + session.encode()).hex()

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return CROSS_SITE, CSRF_MISSING or CSRF_MISMATCH, or nothing."""
        opens = _WEBSOCKET in request.fields
        if who is None or (request.method in _SAFE and not opens):
            return ()
        if who.scheme != "session" and _SESSION.search(who.scheme) is None:
            return ()
        if opens:  # by a safe method, but over it a page can then do anything; scripts cannot add a token to it
            return self._foreign(request) or ()
        return self._foreign(request) or self._forged(request, who) or ()

    def _foreign(self, request: Request) -> Rejection | None:
        site = request.fields.get(b"sec-fetch-site")
        if site is not None and site not in _OWN_SITE:  # a sibling domain ("same-site") is another site, too
            return Rejection(CROSS_SITE, "Sec-Fetch-Site")
        origin = request.fields.get(b"origin")
        if origin is not None and not self._own(origin.lower(), request):  # "null" is nobody's own
            return Rejection(CROSS_SITE, "Origin")
        return None

    def _own(self, origin: bytes, request: Request) -> bool:
        if self._origins is not None:
            return origin in self._origins
        host = request.fields.get(b"host", b"").lower()
        scheme = b"https" if request.peer.tls else b"http"
        return bool(host) and origin == scheme + b"://" + host.removesuffix(_DEFAULT_PORTS[scheme])

    def _forged(self, request: Request, who: Principal) -> Rejection | None:
        token = request.fields.get(b"x-csrf-token")
        if token is None:
            token = _form_token(request)
        if not token:
            return Rejection(CSRF_MISSING)
        session = _SESSION_ID.search(who.credential)
        if session is None or not hmac.compare_digest(token, self.token_for(session[0]).encode()):
            return Rejection(CSRF_MISMATCH)
        return None


def _form_token(request: Request) -> bytes | None:
    """Return the token of a form's hidden field; None when there is none, or more than one."""
    kind = request.fields.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()
    if not request.body or kind != _FORM:
        return None
    try:
        pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    tokens = [value for name, value in pairs if name == _FIELD]
    return tokens[0].encode() if len(tokens) == 1 else None
