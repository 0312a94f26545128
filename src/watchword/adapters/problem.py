"""Render a refusal as every adapter does: RFC 9457 problem document, challenges, nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from watchword.codec.fields import render_challenge
from watchword.model.reason import Reason
from watchword.model.verdict import Deny

__all__ = ["PROBLEM_TYPE", "problem", "problem_body"]

PROBLEM_TYPE: Final = "urn:watchword:problem:"


def problem_body(reason: Reason, reference: str, more: Mapping[str, Any] | None = None) -> bytes:
    """Return the JSON text of what a caller may know: type, title, status, reference, and ``more`` members."""
    known = {"type": PROBLEM_TYPE + reason.type, "title": reason.title, "status": reason.status, "reference": reference}
    return json.dumps({**known, **(more or {})}, separators=(",", ":")).encode()


def _page(place: bytes) -> bytes:
    """Return a page that takes a person on to where they can prove more. The status stays: gateways judge by it."""
    to = escape(place.decode("ascii"), quote=True)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>One moment</title>'
        f'<meta http-equiv="refresh" content="0;url={to}"></head>'
        f'<body><p><a href="{to}">Prove once more that it is you</a></p></body></html>'
    ).encode()


def problem(deny: Deny, more: Mapping[str, Any] | None = None) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, header fields and body. Date is the server's to send (RFC 9110 section 6.6.1)."""
    place = next((value for name, value in deny.headers if name == b"location"), None)
    body = problem_body(deny.rejection.reason, deny.reference, more) if place is None else _page(place)
    kind = b"application/problem+json" if place is None else b"text/html; charset=utf-8"
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    headers += [(b"www-authenticate", render_challenge(challenge)) for challenge in deny.challenges]
    headers += [field for field in deny.headers if field[0] != b"date"]
    return deny.rejection.reason.status, headers, body
