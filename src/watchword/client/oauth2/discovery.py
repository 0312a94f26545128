"""Find the authorization server: by its issuer, or by what a resource answers to who brings nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchword.client.flight import Renewal
from watchword.client.oauth2.metadata import (
    Resource,
    Server,
    places_of_resource,
    places_of_server,
    resource_of,
    server_of,
)
from watchword.client.transport import AuthenticationFailed, Call, Reply, Sending
from watchword.codec.oidc import safe

__all__ = ["Discovered", "resource_found", "server_found", "url_of"]

_JSON: Mapping[str, str] = {"Accept": "application/json"}
_GONE = range(400, 500)


@dataclass(frozen=True, slots=True)
class Discovered:
    """Hold a resource and the scopes that its challenge asked for, if it did."""

    resource: Resource
    scopes: frozenset[str]


def url_of(sending: Sending) -> str:
    """Return the URL of a request without its query."""
    scheme, host, port = sending.origin
    name = f"[{host}]" if ":" in host else host
    place = name if port == {"http": 80, "https": 443}[scheme] else f"{name}:{port}"
    return f"{scheme}://{place}{sending.target.partition(b'?')[0].decode('ascii')}"


def server_found(issuer: str, *, mtls: bool = False) -> Renewal[Server]:
    """Fetch the metadata of an issuer (RFC 8414 section 3). Raises AuthenticationFailed."""
    for place in places_of_server(issuer):
        reply = yield Call("GET", place, _JSON)
        found = _found(reply, place)
        if found is None:
            continue
        server = server_of(found.body, issuer, mtls=mtls)
        if isinstance(server, str):
            raise AuthenticationFailed(f"the metadata at {place} cannot be used: {server}")
        return server
    raise AuthenticationFailed(f"{issuer} has no metadata: is it the issuer, letter by letter?")


def resource_found(url: str, said: Mapping[str, str]) -> Renewal[Discovered]:
    """Fetch the metadata of the resource at ``url`` (RFC 9728 section 5). Raises AuthenticationFailed.

    ``said`` are the parameters of its challenge: where its metadata is, and which scopes the request needs.
    """
    named = said.get("resource_metadata")
    if named is not None and not safe(named, url):
        raise AuthenticationFailed("the resource names a place for its metadata that is not safe to go to")
    for place in places_of_resource(url) if named is None else (named,):
        reply = yield Call("GET", place, _JSON)
        found = _found(reply, place)
        if found is None:
            continue
        resource = resource_of(found.body, url)
        if isinstance(resource, str):
            raise AuthenticationFailed(f"the metadata at {place} cannot be used: {resource}")
        return Discovered(resource, frozenset(said.get("scope", "").split()))
    raise AuthenticationFailed(f"{url} does not say which authorization server it trusts: name the issuer")


def _found(reply: Reply, place: str) -> Reply | None:
    """Return an answer with a document, None where there is none. Raises AuthenticationFailed for anything else."""
    if reply.status == 200:
        return reply
    if reply.status in _GONE:
        return None
    raise AuthenticationFailed(f"{place} answered {reply.status}", reply.status)
