"""Send requests exactly as they are, honest or forged, and say what came back."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2

from watchword.client import client_certificate

__all__ = ["Answer", "Courier", "Sent"]

_SECONDS: Final = 10.0
_OF_THE_CONNECTION: Final = ("host", "connection", "content-length")


@dataclass(frozen=True, slots=True)
class Sent:
    """Hold one request as it went out, to be changed and sent again."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    certificate: str = ""

    def field(self, name: str) -> str:
        """Return a header field's value, "" when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def token(self) -> str:
        """Return what is presented in the Authorization field, without the scheme's name."""
        return self.field("authorization").partition(" ")[2]

    def with_field(self, name: str, value: str | None) -> Sent:
        """Return the request with a header field replaced, added, or (None) left out."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        more = () if value is None else ((name, value),)
        return replace(self, headers=(*kept, *more))


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what came back; ``status`` 0 means that TLS ended the connection before any answer."""

    status: int
    sent: Sent
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)

    @property
    def reference(self) -> str:
        """Return the reference of a refusal, "" when there is none."""
        return str(self.json().get("reference", ""))

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body, an empty one when there is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Courier:
    """Keep one client for each certificate, so that connections live on between requests."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._clients: dict[str, httpx2.Client] = {}

    def __enter__(self) -> Courier:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()

    def send(self, sent: Sent, auth: httpx2.Auth | None = None) -> Answer:
        """Send a request; ``auth`` proves the caller as any program does, without it the header fields stand alone."""
        client = self._client(sent.certificate)
        request = client.build_request(
            sent.method, self.url + sent.target, headers=list(sent.headers), content=sent.body
        )
        try:
            response = client.send(request, auth=auth, follow_redirects=False)
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            if not sent.certificate:
                raise
            return Answer(0, sent)
        client.cookies.clear()  # what a request carries is said, never remembered
        cookies = tuple(response.headers.get_list("set-cookie"))
        return Answer(response.status_code, _went(response.request, sent), response.headers, response.content, cookies)

    def prepare(self, sent: Sent, auth: httpx2.Auth) -> Sent:
        """Return the request as ``auth`` would send it, unsent: what a thief might catch, or a forger start from."""
        request = self._client(sent.certificate).build_request(
            sent.method, self.url + sent.target, headers=list(sent.headers), content=sent.body
        )
        flow = auth.sync_auth_flow(request)
        try:
            return _went(next(flow), sent)
        finally:
            flow.close()

    def _client(self, certificate: str) -> httpx2.Client:
        if certificate not in self._clients:
            authority = self._folder / "ca.pem"
            if certificate:
                path = self._folder / f"{certificate}.pem"
                context = client_certificate(path, path, authority)
            else:
                context = ssl.create_default_context(cafile=authority)
            headers = {"user-agent": "watchword-demo", "accept-encoding": "identity"}
            client = httpx2.Client(verify=context, timeout=_SECONDS, headers=headers, trust_env=False)
            self._clients[certificate] = client
        return self._clients[certificate]


def _went(request: httpx2.Request, sent: Sent) -> Sent:
    """Return the request with every header field that it carried, a signature perhaps."""
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    kept = tuple(pair for pair in raw if pair[0].lower() not in _OF_THE_CONNECTION)
    return replace(sent, headers=kept)
