"""Drive the same flows through requests."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from functools import cache, partial
from importlib import import_module
from typing import Any

from watchword.client.transport import Auth, Call, Origin, Reply, Sending, Steps, bounded, origin_of

__all__ = ["RequestsFlow", "requests_auth"]

_TIMEOUT = 30.0
_PART = 65_536  # bytes


def requests_auth(auth: Auth) -> Any:
    """Return a ``requests.auth.AuthBase`` that proves the same. Raises ImportError when requests is not installed."""
    return _auth_class()(auth)


@cache
def _auth_class() -> Any:
    return type("RequestsAuth", (RequestsFlow, import_module("requests.auth").AuthBase), {})


class RequestsFlow:
    """Put a proof on each request and repeat it after a 401 when the flow says so.

    The flow's own calls go through ``session`` (set its ``verify``, ``cert`` or ``proxies`` at need) and take
    at most ``timeout`` seconds; they follow no redirects.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self.session: Any = import_module("requests").Session()
        self.timeout: float = _TIMEOUT

    def __repr__(self) -> str:
        return f"{self._auth!r}.requests"

    def __call__(self, prepared: Any) -> Any:
        """Prove who sends the prepared request."""
        steps = self._auth.begin(_sending(prepared))
        fields = self._advance(steps, None)
        prepared.headers.update(fields or {})
        prepared.register_hook("response", partial(self._answered, steps))
        return prepared

    def _answered(self, steps: Steps, response: Any, **options: Any) -> Any:
        """Take the response; after a redirect the steps have ended and this changes nothing."""
        while True:
            fields = self._advance(steps, _reply(response))
            if fields is None:
                return response
            response.content  # noqa: B018 - reading it frees the connection for the second try
            response.close()
            again = response.request.copy()
            again.headers.update(fields)
            repeated = response.connection.send(again, **options)
            repeated.history.append(response)
            repeated.request = again
            response = repeated

    def _advance(self, steps: Steps, reply: Reply | None) -> Mapping[str, str] | None:
        """Return the next fields for the caller's request, None once the flow has ended."""
        try:
            while True:
                step = next(steps) if reply is None else steps.send(reply)
                reply = None
                if isinstance(step, Call):
                    reply = self._call(step)
                elif isinstance(step, Future):
                    step.result()
                else:
                    return step
        except StopIteration:
            return None
        except BaseException:
            steps.close()
            raise

    def _call(self, call: Call) -> Reply:
        try:
            response = self.session.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                data=call.content,
                auth=_as_it_is,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            )
        finally:
            self.session.cookies.clear()  # the flow keeps its own
        body = bytearray()
        with response:
            for part in response.iter_content(_PART):
                bounded(body, part)
        return _reply(response, bytes(body))


def _as_it_is(prepared: Any) -> Any:
    """Keep requests from replacing Authorization by what a .netrc file says."""
    return prepared


def _reply(response: Any, body: bytes = b"") -> Reply:
    cookies = response.raw.headers.getlist("Set-Cookie") if hasattr(response.raw, "headers") else []
    origin = origin_of(response.request.url)
    return Reply(
        status=response.status_code,
        refused=response.status_code == 401,
        date=response.headers.get("date", ""),
        cookies=tuple((origin, text) for text in cookies),
        body=body,
        challenge=response.headers.get("www-authenticate", ""),
        nonce=response.headers.get("dpop-nonce", ""),
    )


def _sending(prepared: Any) -> Sending:
    body = prepared.body
    if body is None:
        body = b""
    elif isinstance(body, str):
        body = body.encode()
    origin = origin_of(prepared.url)
    return Sending(
        method=prepared.method,
        origin=origin,
        target=prepared.path_url.encode("ascii"),
        host=_bytes(prepared.headers.get("Host")) or _host(origin),
        content_type=_bytes(prepared.headers.get("Content-Type")),
        cookie=_bytes(prepared.headers.get("Cookie")).decode("latin-1"),
        body=body if isinstance(body, bytes) else None,
    )


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value or b""


def _host(origin: Origin) -> bytes:
    """Return the Host field as http.client sends it: the port only when it is not the scheme's own."""
    scheme, host, port = origin
    name = f"[{host}]" if ":" in host else host
    return (name if port == {"http": 80, "https": 443}[scheme] else f"{name}:{port}").encode("ascii")
