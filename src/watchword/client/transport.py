"""Drive one authentication flow through httpx2, httpx and requests alike.

A flow is a generator without I/O: it yields header fields to put on the caller's request, calls of its own, and tickets
to wait for, and is sent replies. The drivers here do the I/O, synchronously or not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

__all__ = [
    "LONGEST",
    "Auth",
    "AuthenticationFailed",
    "Call",
    "Origin",
    "Reply",
    "Sending",
    "Step",
    "Steps",
    "bounded",
    "drive",
    "origin_of",
]


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != name:  # installed but broken is not absent
            raise
        return None


if TYPE_CHECKING:
    import httpx
    import httpx2

    class _HttpAuth(httpx2.Auth, httpx.Auth):  # type: ignore[misc]
        """Stand for whichever of the two are installed."""
else:
    # Each library refuses the other's Auth, so one class is both.
    _installed = tuple(module.Auth for module in map(_optional, ("httpx2", "httpx")) if module is not None)
    if not _installed and find_spec("requests") is None:
        raise ImportError(
            "watchword.client needs httpx2, httpx or requests: install watchword[client]", name="watchword.client"
        )
    _HttpAuth = type("_HttpAuth", _installed, {})

T = TypeVar("T")

Origin: TypeAlias = tuple[str, str, int]
"""Name scheme, host and port (RFC 6454)."""

_PORTS: Mapping[str, int] = {"http": 80, "https": 443}

LONGEST: Final = 1_048_576
"""Bytes of an answer to a call of a flow's own: whoever sends more means no good."""


class AuthenticationFailed(Exception):
    """Say that no credential could be had: ``status`` is the answer's, 0 when there was none.

    ``type`` is the problem type (RFC 9457) or the OAuth error code that came with it, "" when none did.
    """

    def __init__(self, message: str, status: int = 0, type: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.type = type


@dataclass(frozen=True, slots=True)
class Sending:
    """Present the caller's request: ``target`` is raw path and query, ``body`` None when it can be read only once."""

    method: str
    origin: Origin
    target: bytes
    host: bytes
    content_type: bytes
    cookie: str = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """Ask for a POST or GET of the flow's own."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a step. ``refused`` is a 401 from where the request was sent to, not from behind a redirect.

    ``body`` is read for the flow's own calls only; ``cookies`` are (origin, Set-Cookie) pairs, oldest first.
    ``challenge`` is WWW-Authenticate (several joined by commas) and ``nonce`` DPoP-Nonce, from that same place.
    """

    status: int
    refused: bool = False
    date: str = ""
    cookies: tuple[tuple[Origin, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    challenge: str = ""
    nonce: str = ""


Step: TypeAlias = "Mapping[str, str] | Call | Future[None]"
Steps: TypeAlias = "Generator[Step, Reply | None, None]"


def origin_of(url: str) -> Origin:
    """Return the origin of an absolute http or https URL. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an absolute http or https URL is needed")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


class Auth(_HttpAuth, ABC):  # type: ignore[misc]
    """Be an Auth of httpx2 and httpx at once; ``requests`` is the same for requests.

    With an ``origin`` (a URL), requests to any other origin go out as they are, without a credential.
    """

    requires_request_body = False
    requires_response_body = False

    def __init__(self, origin: str | None = None) -> None:
        self._origin = None if origin is None else origin_of(origin)

    def __repr__(self) -> str:  # attributes hold secrets
        return f"{type(self).__name__}()"

    @abstractmethod
    def steps(self, sending: Sending) -> Steps:
        """Yield header fields for the caller's request, calls and tickets, in order."""

    def begin(self, sending: Sending) -> Steps:
        """Return the steps, or the one step that adds nothing when the request goes to another origin."""
        if self._origin is not None and sending.origin != self._origin:
            return _nothing()
        return self.steps(sending)

    @cached_property
    def requests(self) -> Any:
        """Return the same for requests: ``requests.get(url, auth=auth.requests)``."""
        from watchword.client.requests_auth import requests_auth

        return requests_auth(self)

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Drive the steps for a synchronous client."""
        if self.requires_request_body:
            request.read()
        steps = self.begin(_sending(request))
        try:
            step = next(steps)
            while True:
                reply: Reply | None = None
                if isinstance(step, Future):
                    step.result()
                elif isinstance(step, Call):
                    own = _own(step, request)
                    response = yield own
                    reply = _answer(response, own, _content(response))
                else:
                    request.headers.update(step)
                    reply = _reply((yield request), request)
                step = steps.send(reply)
        except StopIteration:
            return
        finally:
            steps.close()

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Drive the steps for an asynchronous client."""
        if self.requires_request_body:
            await request.aread()
        steps = self.begin(_sending(request))
        try:
            step = next(steps)
            while True:
                reply: Reply | None = None
                if isinstance(step, Future):
                    await _wait(step)
                elif isinstance(step, Call):
                    own = _own(step, request)
                    response = yield own
                    reply = _answer(response, own, await _content_async(response))
                else:
                    request.headers.update(step)
                    reply = _reply((yield request), request)
                step = steps.send(reply)
        except StopIteration:
            return
        finally:
            steps.close()


def drive(client: Any, steps: Generator[Call | Future[None], Any, T]) -> T:
    """Run calls and tickets of a flow, without a request of the caller's, by a client of httpx2 or httpx."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, Future):
                step.result()
                step = steps.send(None)
            else:
                own = client.build_request(step.method, step.url, headers=dict(step.headers), content=step.content)
                response = client.send(own, follow_redirects=False, stream=True)
                try:
                    content = _content(response)
                finally:
                    response.close()
                step = steps.send(_answer(response, own, content))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()


def _nothing() -> Steps:
    yield {}


async def _wait(ticket: Future[None]) -> None:
    if not ticket.done():
        from asyncio import wrap_future

        await wrap_future(ticket)


def _sending(request: Any) -> Sending:
    try:
        body = request.content
    except RuntimeError:  # RequestNotRead: a stream
        body = None
    raw = {name.lower(): value for name, value in request.headers.raw}
    return Sending(
        method=request.method,
        origin=origin_of(str(request.url)),
        target=request.url.raw_path,
        host=raw.get(b"host", b""),
        content_type=raw.get(b"content-type", b""),
        cookie=raw.get(b"cookie", b"").decode("latin-1"),
        body=body,
    )


def _own(call: Call, request: Any) -> Any:
    """Build the call with the caller's library, and with the caller's timeout: without one it would wait for ever."""
    timeout = {"timeout": request.extensions["timeout"]} if "timeout" in request.extensions else {}
    own = type(request)(call.method, call.url, headers=dict(call.headers), content=call.content, extensions=timeout)
    kind: Any = type(own.stream)
    own.stream = _once(kind)(own.stream)
    return own


class _Once:
    """Give the content of a call away once: a client that follows redirects would send a password on with it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._given = False

    def _give(self) -> Any:
        if self._given:
            raise AuthenticationFailed("the answer sends the credential on to another place, which is not followed")
        self._given = True
        return self._stream

    def __iter__(self) -> Any:
        return iter(self._give())

    def __aiter__(self) -> Any:
        return aiter(self._give())


@cache
def _once(stream: type) -> type:
    """Return _Once as a class that the caller's library takes for a stream of its own."""
    return type("_Once", (_Once, stream), {})


def bounded(body: bytearray, part: bytes) -> None:
    """Add a part to what came. Raises AuthenticationFailed beyond LONGEST: the answer might not end at all."""
    body += part
    if len(body) > LONGEST:
        raise AuthenticationFailed(f"the server's answer is longer than {LONGEST} bytes")


def _content(response: Any) -> bytes:
    body = bytearray()
    for part in response.iter_bytes():
        bounded(body, part)
    return _kept(response, body)


async def _content_async(response: Any) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        bounded(body, part)
    return _kept(response, body)


def _kept(response: Any, body: bytearray) -> bytes:
    """Leave the content where the library looks for it, which reads what it is answered once more."""
    content: bytes = bytes(body)
    response._content = content
    return content


def _answer(response: Any, own: Any, body: bytes) -> Reply:
    """Read the response to a call of the flow's own. Redirects, where they were followed, may have set cookies, too.

    The history begins with what the flow was answered before, which this call has nothing to do with.
    """
    answers = [*response.history, response]
    answers = answers[next(at for at, answer in enumerate(answers) if answer.request is own) :]
    status = response.status_code
    if len({origin_of(str(answer.request.url)) for answer in answers}) > 1:  # what another place says proves nobody
        status, body = answers[0].status_code, b""
    return _read(response, answers, status, len(answers) == 1, body)


def _reply(response: Any, request: Any) -> Reply:
    """Read the response to the caller's request."""
    return _read(response, [response], response.status_code, response.request is request, b"")


def _read(response: Any, answers: list[Any], status: int, here: bool, body: bytes) -> Reply:
    return Reply(
        status=status,
        refused=here and status == 401,
        date=response.headers.get("date", ""),
        cookies=tuple(
            (origin_of(str(answer.request.url)), text)
            for answer in answers
            for text in answer.headers.get_list("set-cookie")
        ),
        body=body,
        challenge=response.headers.get("www-authenticate", "") if here else "",
        nonce=response.headers.get("dpop-nonce", "") if here else "",
    )
