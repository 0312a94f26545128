"""Write responses: JSON, problems, cookies, and the fields that every response carries."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from starlette.responses import Response

from watchword.adapters.problem import problem
from watchword.model.reason import BROKEN, Reason
from watchword.model.verdict import Deny, Headers, Rejection

__all__ = [
    "CSP",
    "SECURITY",
    "Answer",
    "Sent",
    "broken",
    "cookie",
    "json_answer",
    "json_response",
    "problem_answer",
    "problem_response",
    "redirect",
    "refusal",
]

logger: logging.Logger = logging.getLogger("watchword")

Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, header fields and content of a whole response."""

CSP: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SECURITY: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CSP),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000")
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make an encoder each time
_NO_STORE: Final = (b"cache-control", b"no-store")


class Sent:
    """Pass a response on, add the fields that every response carries, and know whether it began."""

    __slots__ = ("_send", "_tls", "begun")

    def __init__(self, send: Any, *, tls: bool) -> None:
        self._send = send
        self._tls = tls
        self.begun: bool = False

    async def __call__(self, message: Any) -> None:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            self.begun = True
            present = {name for name, _ in message["headers"]}
            more = [field for field in SECURITY if field[0] not in present]
            message = {**message, "headers": [*message["headers"], *more, *((_HSTS,) if self._tls else ())]}
        await self._send(message)


def json_answer(status: int, value: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """Return JSON that nobody may store; it names who calls, or holds what proves it."""
    body = _ENCODE(value).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), _NO_STORE]
    return status, [*fields, *headers], body


def problem_answer(deny: Deny) -> Answer:
    """Return the refusal as a problem document."""
    return problem(deny)


def refusal(reason: Reason, headers: Headers = ()) -> Deny:
    """Return a refusal that decides about nobody, so that no audit event goes with it (404, 405)."""
    return Deny(Rejection(reason), secrets.token_hex(8), (), headers)


def broken(error: BaseException) -> Answer:
    """Return 503, and tell the operator the kind of error and where, never its text: that may quote a secret."""
    deny = refusal(BROKEN, ((b"retry-after", b"5"),))
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
    logger.error("a request broke, reference %s: %s at %s", deny.reference, type(error).__name__, where)
    return problem(deny)


def _response(answer: Answer) -> Response:
    status, headers, body = answer
    response = Response(body, status)
    response.raw_headers = headers
    return response


def json_response(status: int, value: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
    """Return ``json_answer`` as Starlette takes it."""
    return _response(json_answer(status, value, headers))


def problem_response(deny: Deny, headers: Headers = (), more: Mapping[str, Any] | None = None) -> Response:
    """Return a problem document as Starlette takes it, with further header fields and members."""
    status, fields, body = problem(deny, more)
    return _response((status, [*fields, *headers], body))


def cookie(name: str, value: str, *, tls: bool, age: int | None = None, hidden: bool = True) -> tuple[bytes, bytes]:
    """Return a Set-Cookie field, ``__Host-`` and Secure over TLS; ``age`` in seconds, 0 removes it.

    ``value`` is one of our own tokens, so it needs no quoting.
    """
    parts = [f"{'__Host-' if tls else ''}{name}={value}", "Path=/", "SameSite=Lax"]
    parts += [f"Max-Age={age}"] * (age is not None) + ["HttpOnly"] * hidden + ["Secure"] * tls
    return b"set-cookie", "; ".join(parts).encode("ascii")


def redirect(place: str, headers: Headers = ()) -> Response:
    """Return 303 (RFC 9700 section 4.12) to a place that was judged before: ours, or a client's, or a provider's."""
    fields = [(b"location", place.encode("ascii")), (b"cache-control", b"no-store"), (b"content-length", b"0")]
    return _response((303, [*fields, *headers], b""))
