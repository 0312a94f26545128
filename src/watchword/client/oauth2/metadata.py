"""Read what authorization servers (RFC 8414) and protected resources (RFC 9728) say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.client.transport import origin_of
from watchword.codec.claims import texts
from watchword.codec.oidc import safe
from watchword.codec.strict import json_object

__all__ = [
    "Resource",
    "Server",
    "places_of_resource",
    "places_of_server",
    "resource_of",
    "server_of",
    "usable",
    "usable_issuer",
]

_LONGEST: Final = 65_536  # bytes of a document
_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
)


@dataclass(frozen=True, slots=True)
class Server:
    """Hold an authorization server's endpoints, "" for those that it has not; ``issuer`` is "" when nobody told."""

    issuer: str
    token_endpoint: str
    authorization_endpoint: str = ""
    pushed_authorization_request_endpoint: str = ""
    device_authorization_endpoint: str = ""
    revocation_endpoint: str = ""
    posts_secret: bool = False
    names_itself: bool = False  # its answers carry ``iss`` (RFC 9207 section 3)


@dataclass(frozen=True, slots=True)
class Resource:
    """Hold what a protected resource says of itself (RFC 9728 section 2)."""

    identifier: str
    issuer: str
    scopes: tuple[str, ...] = ()


def usable(url: str) -> bool:
    """Return whether secrets may go to a URL that a person names: https, or http on this machine (RFC 6749 3.1, 3.2).

    Raises ValueError for what is no absolute http or https URL.
    """
    scheme, host, _ = origin_of(url)
    return safe(url, url) and (scheme == "https" or _loopback(host))


def usable_issuer(issuer: str) -> bool:
    """Return whether this can be an issuer: a usable URL without query and fragment (RFC 8414 section 2)."""
    try:
        return not urlsplit(issuer).query and usable(issuer)
    except ValueError:
        return False


def _loopback(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def places_of_server(issuer: str) -> tuple[str, ...]:
    """Return where an issuer's metadata may be, in the order to look (RFC 8414 sections 3.1 and 5)."""
    root, path = _split(issuer)
    places = [f"{root}/.well-known/oauth-authorization-server{path}"]
    if path:
        places.append(f"{root}/.well-known/openid-configuration{path}")
    return (*places, f"{root}{path}/.well-known/openid-configuration")


def places_of_resource(url: str) -> tuple[str, ...]:
    """Return where a resource's metadata may be, in the order to look (RFC 9728 section 3.1)."""
    root, path = _split(url)
    place = f"{root}/.well-known/oauth-protected-resource"
    return (place + path, place) if path else (place,)


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def server_of(raw: bytes, issuer: str, *, mtls: bool = False) -> Server | str:
    """Return the server that a document describes, or what is wrong with it.

    Its issuer must be ``issuer``, byte for byte (RFC 8414 section 3.3). With ``mtls`` the endpoints are those for
    clients with a certificate, where there are such (RFC 8705 section 5).
    """
    found = _document(raw)
    if found is None:
        return "not a JSON object"
    if found.get("issuer") != issuer:
        return "its issuer is another"
    aliases = found.get("mtls_endpoint_aliases")
    if mtls and isinstance(aliases, dict):
        found = {**found, **aliases}
    ends: dict[str, str] = {}
    for name in _ENDPOINTS:
        url = found.get(name, "")
        if not isinstance(url, str) or (url and not safe(url, issuer)):
            return f"its {name} is no URL to go to"
        ends[name] = url
    if not ends["token_endpoint"]:
        return "it has no token_endpoint"
    ways = texts(found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]))
    pkce = texts(found.get("code_challenge_methods_supported", []))
    named = found.get("authorization_response_iss_parameter_supported", False)
    if ways is None or pkce is None or not isinstance(named, bool):
        return "malformed"
    if "S256" not in pkce:
        ends["authorization_endpoint"] = ""  # without PKCE no code is safe here
    posts = "client_secret_basic" not in ways and "client_secret_post" in ways
    return Server(issuer, **ends, posts_secret=posts, names_itself=named)


def resource_of(raw: bytes, url: str) -> Resource | str:
    """Return the resource that a document describes, or what is wrong with it.

    It must be the resource of ``url``, or one that ``url`` is a part of (RFC 9728 section 3.3): otherwise one place
    could ask for tokens of another.
    """
    found = _document(raw)
    if found is None:
        return "not a JSON object"
    identifier, servers = found.get("resource"), texts(found.get("authorization_servers"))
    scopes = texts(found.get("scopes_supported", []))
    if not isinstance(identifier, str) or not _part_of(url, identifier):
        return "it is the metadata of another resource"
    if not servers or scopes is None:
        return "it names no authorization server"
    if not safe(servers[0], url) or not usable_issuer(servers[0]):
        return "its authorization server is no URL to go to"
    return Resource(identifier, servers[0], scopes)


def _part_of(url: str, resource: str) -> bool:
    try:
        if origin_of(url) != origin_of(resource):
            return False
    except ValueError:
        return False
    path, whole = urlsplit(url).path or "/", urlsplit(resource).path.rstrip("/")
    return path == whole or path.startswith(whole + "/")


def _document(raw: bytes) -> Mapping[str, Any] | None:
    return json_object(raw) if len(raw) <= _LONGEST else None
