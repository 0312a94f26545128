"""Render a refusal as every adapter does: RFC 9457 problem document, challenges, nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def problem(deny: Deny, more: Mapping[str, Any] | None = None) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, header fields and body. Date is the server's to send (RFC 9110 section 6.6.1)."""
    body = problem_body(deny.rejection.reason, deny.reference, more)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    headers += [(b"www-authenticate", render_challenge(challenge)) for challenge in deny.challenges]
    headers += [field for field in deny.headers if field[0] != b"date"]
    return deny.rejection.reason.status, headers, body
