"""Answer a request that came twice as it was answered once (draft-ietf-httpapi-idempotency-key-header).

A program that lost an answer sends its request again with the same ``Idempotency-Key``: nothing is done a second time,
and the answer is the one from before, with its secret. It is kept sealed, for a day, for the credential that asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from starlette.responses import Response

from watchword.codec.secrets import Sealer, SealingError, digest
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.model.ports import Clock, Ephemeral
from watchword.model.request import Request
from watchword.model.verdict import Principal

__all__ = ["HEADER", "KEPT", "Repeats", "UnknownOutcome", "key_of"]

HEADER: Final = "Idempotency-Key"
KEPT: Final = 86_400
"""Seconds that an answer is kept."""

_NAME: Final = HEADER.lower().encode()
# A string of RFC 9651 section 3.3.3, or the same bare, as many clients send it.
_KEY: Final = re.compile(rb'"([\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,255})')
_LEASE: Final = 600  # seconds that a claim is kept: longer than it takes to note that something was begun
_REPLAYED: Final = (b"idempotency-replayed", b"true")
_KEPT_FIELDS: Final = (b"content-type", b"cache-control", b"etag", b"location")


class UnknownOutcome(LifecycleError):
    """Say that the first request of this key is under way, or that nobody knows what became of it."""


def key_of(request: Request) -> str | None:
    """Return the key of a request, None where there is none. Raise FieldError for what is no key."""
    said = request.fields.get(_NAME)
    if said is None:
        return None
    match = _KEY.fullmatch(said)
    if match is None or sum(name == _NAME for name, _ in request.headers) > 1:
        raise FieldError(HEADER, f"{HEADER}: one text of 1 to 255 visible characters", "such as a UUID")
    return (match[1] or match[2]).decode()


@dataclass(frozen=True, slots=True)
class Repeats:
    """Keep answers. Of any number of requests with one key at once, one acts, the others are told to wait."""

    store: Ephemeral
    sealer: Sealer = field(repr=False)
    clock: Clock

    async def answer(self, request: Request, who: Principal, act: Callable[[], Awaitable[Response]]) -> Response:
        """Return the answer of ``act``, or the one that it had when it was done under this key.

        Raise FieldError for a key that came with another request before, UnknownOutcome where it is not known.
        What was refused (a status from 400 on) is not kept: the key may be used again once it was put right.
        """
        key = key_of(request)
        if key is None:
            return await act()
        place, print_ = _place(who, key), _print(request)
        kept = await self.store.get(place)
        state = self._read(place, kept)
        if "status" in state or "begun" in state:
            return _again(state, print_)
        if not await self._claimed(f"{place}|{state.get('try', 0)}"):
            kept = await self.store.get(place)
            return _again(self._read(place, kept) or {"begun": print_}, print_)
        return await self._first(place, print_, int(state.get("try", 0)), act)

    async def _first(self, place: str, print_: str, tries: int, act: Callable[[], Awaitable[Response]]) -> Response:
        """Act, and keep what is answered. What breaks on the way leaves the key taken: it may have been done."""
        await self._keep(place, {"begun": print_})
        try:
            response = await act()
        except LifecycleError:  # a refusal, which the desk words: nothing was done
            await self._keep(place, {"try": tries + 1})
            raise
        if response.status_code >= 400:
            await self._keep(place, {"try": tries + 1})
            return response
        fields = [(name.decode(), value.decode()) for name, value in response.raw_headers if name in _KEPT_FIELDS]
        body = bytes(response.body).decode()
        await self._keep(place, {"print": print_, "status": response.status_code, "fields": fields, "body": body})
        return response

    async def _keep(self, place: str, state: dict[str, Any]) -> None:
        sealed = self.sealer.seal(json.dumps(state).encode(), place)
        await self.store.put(place, sealed, self.clock() + KEPT)

    def _read(self, place: str, sealed: bytes | None) -> dict[str, Any]:
        if sealed is None:
            return {}
        try:
            state: dict[str, Any] = json.loads(self.sealer.open(sealed, place))
        except SealingError:
            raise UnknownOutcome(f"what became of this {HEADER} cannot be read any more", "use another key") from None
        return state

    async def _claimed(self, name: str) -> bool:
        claim = self.store.claim(name.encode(), self.clock() + _LEASE)
        return await claim if isawaitable(claim) else claim


def _again(state: dict[str, Any], print_: str) -> Response:
    """Return what is kept, to who asks the same."""
    if state.get("print", state.get("begun", print_)) != print_:
        raise FieldError(HEADER, f"{HEADER}: it came with another request before", "use a key for one request alone")
    if "status" not in state:
        raise UnknownOutcome("the first request of this key is under way, or was cut short", "ask what became of it")
    response = Response(state["body"].encode(), state["status"])
    fields = [(name.encode(), value.encode()) for name, value in state["fields"]]
    length = (b"content-length", b"%d" % len(state["body"].encode()))
    response.raw_headers = [*fields, _REPLAYED, *((length,) if state["status"] != 204 else ())]
    return response


def _place(who: Principal, key: str) -> str:
    return f"idempotency:{digest(f'{who.subject}|{who.credential}|{key}').hex()}"


def _print(request: Request) -> str:
    """Return what tells one request from another: method, target, the version it is for, content."""
    version = request.fields.get(b"if-match", b"")
    parts = (request.method.encode(), request.target, version, request.body or b"")
    return digest(b"".join(b"%d:%s" % (len(each), each) for each in parts)).hex()
