"""Name people to applications: by their subject, or by a name that no two sectors share (Core section 8).

A pairwise name is an HMAC of sector and subject. It needs no store and never changes, as long as the root key does not;
without the key nobody can tell which names of two sectors are one person's.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.strict import to_base64url
from watchword.model.credential import Credential
from watchword.model.ports import Fetch, Unavailable

__all__ = ["PAIRWISE", "PUBLIC", "SUBJECT_TYPES", "Subjects", "sector_fault", "sector_of"]

PUBLIC: Final = "public"
PAIRWISE: Final = "pairwise"
SUBJECT_TYPES: Final = (PUBLIC, PAIRWISE)

_LONGEST: Final = 8_192  # bytes of a list of redirect URIs


class Subjects:
    """Say what an application calls a person, and a session of theirs. ``key`` is 32 bytes, derived for this."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, client: Credential, subject: str) -> str:
        """Return ``sub`` of a person for a client."""
        if client.detail.get("subject_type", PUBLIC) != PAIRWISE:
            return subject
        return self._mac("sub", sector_of(client.detail), subject)

    def session(self, client: Credential, session: str) -> str:
        """Return ``sid`` of a session for a client: no two clients see the same (Back-Channel Logout section 2.1)."""
        return self._mac("sid", str(client.detail["client_id"]), session)

    def _mac(self, *parts: str) -> str:
        text = json.dumps(parts).encode()  # so that no two lists of parts run together
        return to_base64url(hmac.digest(self._key, text, "sha256")).decode()


def sector_of(detail: Mapping[str, Any]) -> str:
    """Return the sector of a client's metadata: the host of its ``sector_identifier_uri``, or of its redirect URIs.

    One whose answers stay on its own machine (loopback, a scheme of its own) shares a sector with nobody.
    """
    uri = detail.get("sector_identifier_uri")
    if uri:
        return _host(str(uri))
    hosts = _hosts(detail.get("redirect_uris", ()))
    return hosts.pop() if len(hosts) == 1 else str(detail.get("client_id", ""))


async def sector_fault(metadata: Mapping[str, Any], fetch: Fetch | None) -> str | None:
    """Return what keeps a client from pairwise subjects, in words; None when nothing does (Core section 8.1).

    What its ``sector_identifier_uri`` names is fetched: a JSON array that lists every redirect URI.
    """
    uris, uri = list(metadata.get("redirect_uris", ())), metadata.get("sector_identifier_uri")
    if not uri:
        if metadata.get("subject_type", PUBLIC) != PAIRWISE or len(_hosts(uris)) <= 1:
            return None
        return "redirect URIs on several hosts need a sector_identifier_uri"
    if not isinstance(uri, str) or not uri.startswith("https://") or not _host(uri):
        return "sector_identifier_uri must be an https URL"
    if fetch is None:
        return "sector_identifier_uri cannot be fetched here"
    try:
        answer = fetch(uri)
        fetched = await answer if isawaitable(answer) else answer
    except Unavailable:
        return "sector_identifier_uri gives no answer"
    listed = _listed(fetched.body) if fetched.status == 200 and len(fetched.body) <= _LONGEST else None
    if listed is None:
        return "sector_identifier_uri gives no list of redirect URIs"
    return None if set(uris) <= listed else "a redirect URI is not listed at sector_identifier_uri"


def _listed(body: bytes) -> set[str] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return set(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


def _hosts(uris: Iterable[str]) -> set[str]:
    return {host for uri in uris if uri.startswith("https:") and (host := _host(uri))}


def _host(uri: str) -> str:
    try:
        return (urlsplit(uri).hostname or "").lower()
    except ValueError:
        return ""
