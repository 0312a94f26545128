"""Read what a gateway asks: may this method of this place be let through?

Gateways state the question in one of two families of fields: ``X-Forwarded-Method/-Uri/-Host`` (Caddy, Traefik) or
``X-Original-Method/-URI/-URL`` (nginx). A caller can add a field of the family that its gateway does not set, so two
families that disagree are refused. Envoy asks in the path itself: ``/check/orders/7``.

A path that proxies and applications read differently is refused too, where routes depend on it: encoded slashes,
dot segments, backslashes, empty segments, parameters after ``;``, double encoding, NUL.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from watchword.model.request import Request

__all__ = ["ASKED", "Target", "ask", "target_of", "unread"]

ASKED: Final = frozenset(
    {
        b"x-forwarded-host",
        b"x-forwarded-method",
        b"x-forwarded-uri",
        b"x-original-host",
        b"x-original-method",
        b"x-original-uri",
        b"x-original-url",
    }
)
_REMEMBERED: Final = 512  # bytes of a target that is remembered
_LONGEST: Final = 16_384
_METHOD: Final = re.compile(rb"[A-Z][A-Z_-]{0,31}")
_HOST: Final = re.compile(rb"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PATH: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})+")  # RFC 3986 section 3.3 without ";"
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x7e\x80-\xff]*")  # no space, control or "#"
_URL: Final = re.compile(rb"https?://([^/?#@\\]+)(/[^#]*)?")
_HIDDEN: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[\x00-\x1f\x7f\\;]")


class Target(NamedTuple):
    """Hold a raw path, a raw query, and the decoded path by which routes are found."""

    path: bytes
    query: bytes
    decoded: str


def target_of(raw: bytes, *, strict: bool) -> Target | str:
    """Split a request target, or say why it is refused; ``strict`` refuses what readers disagree on."""
    return _target(raw, strict)


def _target(raw: bytes, strict: bool) -> Target | str:
    path, _, query = raw.partition(b"?")
    if not path.startswith(b"/") or len(raw) > _LONGEST or not _QUERY.fullmatch(query):
        return "not an origin-form target"
    if not strict:
        return Target(path, query, path.decode("latin-1"))
    if not _PATH.fullmatch(path) or b"//" in path:
        return "a path that proxies read differently"
    decoded = unquote_to_bytes(path)
    if _HIDDEN.search(decoded) or decoded.count(b"/") != path.count(b"/"):
        return "a path with encoded separators"
    if not {b".", b".."}.isdisjoint(decoded.split(b"/")):
        return "a path with dot segments"
    try:
        return Target(path, query, decoded.decode())
    except UnicodeDecodeError:
        return "a path that is not UTF-8"


def _read(raw: bytes, method: bytes, host: bytes | None, strict: bool) -> tuple[str, Target] | str:
    """Return method and target, or why the question is refused."""
    if not _METHOD.fullmatch(method):
        return "not a method"
    if host is not None and not _HOST.fullmatch(host):
        return "not a host"
    target = _target(raw, strict)
    return target if isinstance(target, str) else (method.decode(), target)


def unread(method: bytes, raw: bytes, host: bytes, *, strict: bool) -> str:
    """Return why a question about this method, raw target and host would be refused, "" where it would not."""
    found = _read(raw, method, host, strict)
    return found if isinstance(found, str) else ""


_remembered = lru_cache(maxsize=4096)(_read)


def ask(request: Request, raw_path: bytes, prefix: bytes, *, strict: bool) -> Target | str:
    """Turn the gateway's request into the one that it asks about, and return its target, or why it is refused.

    Method, path, query and Host of ``request`` are replaced. Without ``strict`` (there are no routes) a missing
    question is about the request itself.
    """
    fields = request.fields
    if len(fields) != len(request.headers) and _twice(request):
        return "a field of the question came twice"
    method: bytes | None
    host: bytes | None
    if len(raw_path) > len(prefix):
        raw, method, host = _in_path(request, raw_path[len(prefix) :])
    elif b"x-original-uri" in fields or b"x-original-url" in fields:
        found = _original(fields)
        if isinstance(found, str):
            return found
        raw, method, host = found
    elif b"x-forwarded-uri" in fields:
        raw, method = fields[b"x-forwarded-uri"], fields.get(b"x-forwarded-method")
        host = fields.get(b"x-forwarded-host")
    elif strict:
        return "no question: X-Forwarded-Uri is missing"
    else:
        raw, method, host = request.target, request.method.encode(), None
    return _asked(request, raw, method, host, strict=strict)


def _asked(request: Request, raw: bytes, method: bytes | None, host: bytes | None, *, strict: bool) -> Target | str:
    if method is None:
        if strict:
            return "no question: the method is missing"
        method = request.method.encode()
    short = len(raw) + len(method) + len(host or b"") <= _REMEMBERED
    read = _remembered(raw, method, host, strict) if short else _read(raw, method, host, strict)
    if isinstance(read, str):
        return read
    request.method, target = read
    request.path, request.query, _ = target
    if host is not None:
        request.fields[b"host"] = host
    return target


def _twice(request: Request) -> bool:
    seen = [name for name, _ in request.headers if name in ASKED]
    return len(seen) != len(set(seen))


def _in_path(request: Request, path: bytes) -> tuple[bytes, bytes, None]:
    raw = path + b"?" + request.query if request.query else path
    return raw, request.method.encode(), None


def _original(fields: dict[bytes, bytes]) -> tuple[bytes, bytes | None, bytes | None] | str:
    uri, url, host = fields.get(b"x-original-uri"), fields.get(b"x-original-url"), fields.get(b"x-original-host")
    if url is not None:
        whole = _URL.fullmatch(url)
        found = url if whole is None else whole[2] or b"/"
        if uri is not None and uri != found:
            return "two questions"
        uri = found
        if whole is not None:
            if host is not None and host.lower() != whole[1].lower():
                return "two questions"
            host = whole[1]
    if uri is None or fields.get(b"x-forwarded-uri", uri) != uri:
        return "two questions"
    method = fields.get(b"x-original-method")
    if method is not None and fields.get(b"x-forwarded-method", method) != method:
        return "two questions"
    # Where both families ask, one of them is the caller's own: it may add nothing to what the other one says.
    if b"x-forwarded-uri" in fields and fields.get(b"x-forwarded-host", b"").lower() != (host or b"").lower():
        return "two questions"
    return uri, method, host
