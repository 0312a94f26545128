"""Try what a caller may have signed instead: each row of a table is one mistake, as data.

Nothing here tells the right signature: a row only says whether the signature that came is one of that text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from watchword.codec.message import PROFILES, Parts, body_digest

__all__ = ["Fit", "fitting"]

_MOST_BODY: Final = 8 * 1024  # bytes: what is longer is hashed for the text itself, not for a thousand others
_SECONDS: Final = 900  # that the time signed may differ from the time sent
_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """Say in words what would make a signature fit, and the text that it is a signature of."""

    words: str
    text: str


class _Draft(NamedTuple):
    """Hold what is signed, on the way from the request to the bytes: its parts, how they are joined, by which key."""

    parts: Parts
    profile: str
    secret: bytes
    join: str = "plain"
    plain_hash: bool = False
    body_changed: bool = False


_Change: TypeAlias = Callable[[_Draft], _Draft | None]


def _part(**changes: Callable[[Parts], Any]) -> _Change:
    def change(draft: _Draft) -> _Draft | None:
        parts = draft.parts
        try:
            return draft._replace(parts=parts._replace(**{name: make(parts) for name, make in changes.items()}))
        except (ValueError, UnicodeError):
            return None

    return change


def _content(make: Callable[[bytes], bytes]) -> _Change:
    """Sign other content than was sent."""

    def change(draft: _Draft) -> _Draft | None:
        try:
            other = make(_short(draft.parts.body))
        except (ValueError, UnicodeError, RecursionError):
            return None
        if other == draft.parts.body:
            return draft
        return draft._replace(parts=draft.parts._replace(body=other, body_sha256=body_digest(other)), body_changed=True)

    return change


def _joined(join: str) -> _Change:
    return lambda draft: draft._replace(join=join)


def _profile(name: str) -> _Change:
    def change(draft: _Draft) -> _Draft | None:
        long = name == "concat" and len(draft.parts.body or b"") > _MOST_BODY
        return None if long or draft.profile == name else draft._replace(profile=name)

    return change


def _keyed(make: Callable[[bytes, Parts], bytes]) -> _Change:
    def change(draft: _Draft) -> _Draft | None:
        try:
            secret = make(draft.secret, draft.parts)
        except ValueError:
            return None
        return draft._replace(secret=secret) if secret else None

    return change


def _pairs(parts: Parts) -> list[tuple[str, str]]:
    return parse_qsl(parts.query.decode("latin-1"), keep_blank_values=True, max_num_fields=200)


def _sorted(parts: Parts) -> bytes:
    return b"&".join(sorted(parts.query.split(b"&")))


def _short(body: bytes | None) -> bytes:
    if body is None or len(body) > _MOST_BODY:
        raise ValueError("too long to be tried")
    return body


def _compact(body: bytes) -> bytes:
    return json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()


def _spaced(body: bytes) -> bytes:
    return json.dumps(json.loads(body)).encode()


def _with_keys_sorted(body: bytes) -> bytes:
    return json.dumps(json.loads(body), separators=(",", ":"), sort_keys=True).encode()


# What the caller signed, in the words that follow "it fits if".
_TABLE: Final[tuple[tuple[str, _Change], ...]] = (
    ("the query's parameters are sorted", _part(query=_sorted)),
    ("the query is percent-decoded", _part(query=lambda parts: unquote_to_bytes(parts.query.replace(b"+", b" ")))),
    ("the query is percent-encoded anew", _part(
        query=lambda parts: urlencode(_pairs(parts), quote_via=quote).encode()
    )),
    ("the query's spaces are + instead of %20", _part(query=lambda parts: urlencode(_pairs(parts)).encode())),
    ("the query is left out", _part(query=lambda _: b"")),
    ("the query begins with ?", _part(query=lambda parts: b"?" + parts.query)),
    ("the path is percent-decoded", _part(path=lambda parts: unquote_to_bytes(parts.path))),
    ("the path is percent-encoded anew", _part(path=lambda parts: quote(unquote_to_bytes(parts.path)).encode())),
    ("the path ends with /", _part(path=lambda parts: parts.path.rstrip(b"/") + b"/")),
    ("the path does not end with /", _part(path=lambda parts: parts.path.rstrip(b"/"))),
    ("the path holds the query, too", _part(path=lambda parts: parts.path + b"?" + parts.query)),
    ("path and query are one line, and the query's is empty", _part(
        path=lambda parts: parts.path + b"?" + parts.query, query=lambda _: b""
    )),
    ("the path is the whole URL", _part(path=lambda parts: b"https://" + parts.authority + parts.path)),
    ("the method is in small letters", _part(method=lambda parts: parts.method.lower())),
    ("the host has no port", _part(authority=lambda parts: parts.authority.partition(b":")[0])),
    ("the host has the port 443", _part(authority=lambda parts: parts.authority + b":443")),
    ("the host has the port 80", _part(authority=lambda parts: parts.authority + b":80")),
    ("the host is left out", _part(authority=lambda _: b"")),
    ("the host is in the case in which it was sent", _joined("cased")),
    ("the content type is left out", _part(content_type=lambda _: b"")),
    ("the content type is application/json", _part(content_type=lambda _: b"application/json")),
    ("the content type is application/json; charset=utf-8", _part(
        content_type=lambda _: b"application/json; charset=utf-8"
    )),
    ("the content type is application/x-www-form-urlencoded", _part(
        content_type=lambda _: b"application/x-www-form-urlencoded"
    )),
    ("the content type has no parameters", _part(
        content_type=lambda parts: parts.content_type.partition(b";")[0].strip()
    )),
    ("the content type is in small letters", _part(content_type=lambda parts: parts.content_type.lower())),
    ("the nonce is left out", _part(nonce=lambda _: b"")),
    ("the content is left out", _content(lambda _: b"")),
    ("the content ends with a line break", _content(lambda body: body + b"\n")),
    ("the content does not end with a line break", _content(lambda body: body.rstrip(b"\r\n"))),
    ("the content has CRLF for its line breaks", _content(lambda body: body.replace(b"\n", b"\r\n"))),
    ("the content has LF for its line breaks", _content(lambda body: body.replace(b"\r\n", b"\n"))),
    ("the content is JSON without spaces", _content(_compact)),
    ("the content is JSON with spaces", _content(_spaced)),
    ("the content is JSON with its keys sorted", _content(_with_keys_sorted)),
    ("the content's digest is in capitals", _part(body_sha256=lambda parts: parts.body_sha256.upper())),
    ("the content's digest is base64", _part(
        body_sha256=lambda parts: base64.b64encode(bytes.fromhex(parts.body_sha256)).decode()
    )),
    ("the content's digest is left out", _part(body_sha256=lambda _: "")),
    ("the content itself stands for its digest", _part(
        body_sha256=lambda parts: _short(parts.body).decode("latin-1")
    )),
    ("a line break ends the text", _joined("ended")),
    ("the lines end with CRLF", _joined("crlf")),
    ("nothing stands between the lines", _joined("nothing")),
    ("the lines are joined by the two characters \\n", _joined("escaped")),
    ("the key's profile is v1", _profile("v1")),
    ("the key's profile is concat", _profile("concat")),
    ("the secret ends with a line break", _keyed(lambda secret, _: secret + b"\n")),
    ("the secret is without its hs_live_", _keyed(lambda secret, _: secret.split(b"_", 2)[-1])),
    ("the secret is in quotes", _keyed(lambda secret, _: b'"' + secret + b'"')),
    ("the secret is the key id", _keyed(lambda _, parts: parts.key_id)),
    ("the secret is its SHA-256 in hexadecimal", _keyed(lambda secret, _: hashlib.sha256(secret).hexdigest().encode())),
    ("it is a bare SHA-256 of secret and text, no HMAC", lambda draft: draft._replace(plain_hash=True)),
)  # fmt: skip

_WRITTEN: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("X-Signature is written in small letters", lambda signature: signature.lower()),
    ("X-Signature is hexadecimal, not base64", lambda text: base64.b64decode(text, validate=True).hex().encode()),
    ("X-Signature is without sha256= or v1= before it", lambda signature: signature.rpartition(b"=")[2].strip()),
)  # fmt: skip


def fitting(profile: str, parts: Parts, secret: bytes, signature: bytes) -> tuple[Fit, ...]:
    """Return, most likely first, what would make the signature fit: one mistake, another second, or two mistakes."""
    plain = _Draft(parts, profile, secret)
    if profile == "concat" and len(parts.body or b"") > _MOST_BODY:
        return ()
    for words, read in _WRITTEN:
        try:
            if _is(plain, read(signature)):
                return (Fit(words, _text(plain)),)
        except ValueError:
            continue
    wanted = signature.lower()
    ones = _drafts(plain)
    found = tuple(Fit(words, _text(draft)) for words, _, draft in ones if _is(draft, wanted))
    return found[:_MOST] or _second(plain, wanted) or _pairs_of(ones, wanted)


def _drafts(plain: _Draft) -> list[tuple[str, _Change, _Draft]]:
    """Return every row's draft that differs from the request."""
    seen = {plain}
    found: list[tuple[str, _Change, _Draft]] = []
    for words, change in _TABLE:
        draft = change(plain)
        if draft is not None and draft not in seen:
            seen.add(draft)
            found.append((words, change, draft))
    return found


def _pairs_of(ones: list[tuple[str, _Change, _Draft]], wanted: bytes) -> tuple[Fit, ...]:
    """Return the first two rows that fit together."""
    for (first, _, half), (then, change, alone) in combinations(ones, 2):
        draft = _both(half, change, alone)
        if draft is not None and _is(draft, wanted):
            return (Fit(f"{first}, and {then}", _text(draft)),)
    return ()


def _both(half: _Draft, change: _Change, alone: _Draft) -> _Draft | None:
    """Return the change to a half-changed draft; other content is not made anew, which is long work for JSON."""
    body = alone.parts.body
    if half.body_changed or not alone.body_changed:
        return change(half)
    return half._replace(parts=half.parts._replace(body=body, body_sha256=alone.parts.body_sha256), body_changed=True)


def _second(plain: _Draft, wanted: bytes) -> tuple[Fit, ...]:
    """Return the second that was signed, where it is another one than X-Timestamp says."""
    stamp = plain.parts.timestamp
    if not stamp.isdigit() or len(stamp) > len("1714896000000"):
        return ()
    sent = int(stamp)
    others = [sent + off for near in range(1, _SECONDS + 1) for off in (near, -near)]
    for other in (*others, sent * 1000, sent // 1000):
        draft = plain._replace(parts=plain.parts._replace(timestamp=str(other).encode()))
        if _is(draft, wanted):
            return (Fit(f"X-Timestamp is {other}, which was signed, not {sent}, which was sent", _text(draft)),)
    return ()


def _message(draft: _Draft) -> bytes:
    parts = draft.parts
    if draft.profile != "v1":
        return PROFILES["concat"](*parts) or b""
    authority = parts.authority if draft.join == "cased" else parts.authority.lower()
    lines = (
        b"watchword-hmac-v1", parts.key_id, parts.timestamp, parts.nonce, parts.method.encode(), authority,
        parts.path, parts.query, parts.content_type, parts.body_sha256.encode("latin-1", "replace"),
    )  # fmt: skip
    between = {"crlf": b"\r\n", "nothing": b"", "escaped": b"\\n"}.get(draft.join, b"\n")
    return between.join(lines) + (b"\n" if draft.join == "ended" else b"")


def _is(draft: _Draft, wanted: bytes) -> bool:
    message = _message(draft)
    if not message:
        return False
    made = (
        hashlib.sha256(draft.secret + message).digest()
        if draft.plain_hash
        else hmac.digest(draft.secret, message, "sha256")
    )
    return hmac.compare_digest(made.hex().encode(), wanted)


def _text(draft: _Draft) -> str:
    return _message(draft).decode("utf-8", "backslashreplace")
