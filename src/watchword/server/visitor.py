"""Bind a form to the browser that it was shown to, before anybody is logged in: no other site can send it then."""

from __future__ import annotations

import re
from typing import Final

from watchword.codec.fields import read_cookie
from watchword.codec.secrets import new_id
from watchword.guards.csrf import Csrf
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rejection
from watchword.server.responses import cookie

__all__ = ["forged", "kept", "outside_browser", "visiting", "visitor_of"]

_VISITOR: Final = re.compile(rb"ses_login[0-9A-Za-z]{20}")  # longer than any session's id, so it is none
_OUTSIDE: Final = re.compile(rb"ses_outside[0-9A-Za-z]{20}")
_VISIT: Final = 3600  # seconds
_BROWSER: Final = (b"origin", b"referer", b"sec-fetch-site")


def visitor_of(request: Request) -> str | None:
    """Return the id of the browser that a form was shown to."""
    name = b"__Host-login" if request.peer.tls else b"login"
    value = read_cookie(request.fields.get(b"cookie", b""), name)
    return value.decode() if isinstance(value, bytes) and _VISITOR.fullmatch(value) else None


def outside_browser(request: Request) -> str | None:
    """Return the id of a browser that is on its way to a provider, or has just come back."""
    name = b"__Host-outside" if request.peer.tls else b"outside"
    value = read_cookie(request.fields.get(b"cookie", b""), name)
    return value.decode() if isinstance(value, bytes) and _OUTSIDE.fullmatch(value) else None


def visiting(request: Request) -> str:
    """Return the id of this browser, a new one where it has none yet; ``kept`` makes it keep that."""
    return visitor_of(request) or new_id("ses_login")


def kept(visitor: str, request: Request) -> tuple[bytes, bytes]:
    """Return the cookie that holds the id for an hour."""
    return cookie("login", visitor, tls=request.peer.tls, age=_VISIT)


def forged(request: Request, csrf: Csrf) -> Rejection | None:
    """Return why a form may be another site's.

    A browser says where a POST comes from: Origin (Fetch standard, section 3.2), Fetch Metadata, or Referer. What
    says nothing of the kind is a program, which nobody tricks into sending a form.
    """
    if not any(name in request.fields for name in _BROWSER):
        return None
    answer = csrf.check(request, Principal("user:", "session", visitor_of(request) or ""))
    return answer if isinstance(answer, Rejection) else None
