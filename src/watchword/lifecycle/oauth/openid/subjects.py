"""Name people to applications: by their subject, or by a name that no two sectors share (Core section 8).

A pairwise name is an HMAC of sector and subject. It needs no store and never changes, as long as the root key does not;
without the key nobody can tell which names of two sectors are one person's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.secrets import Mac, mac_of
from watchword.codec.strict import to_base64url
from watchword.lifecycle.oauth.described.rules import DEVICE
from watchword.model.credential import Credential

__all__ = ["PAIRWISE", "PUBLIC", "SUBJECT_TYPES", "Subjects", "sector_of"]

PUBLIC: Final = "public"
PAIRWISE: Final = "pairwise"
SUBJECT_TYPES: Final = (PUBLIC, PAIRWISE)


class Subjects:
    """Say what an application calls a person, and a session of theirs. ``key`` is derived for this alone."""

    def __init__(self, key: bytes | Mac) -> None:
        self._key = mac_of(key)

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
        return to_base64url(self._key(text)).decode()


def sector_of(detail: Mapping[str, Any]) -> str:
    """Return the sector of a client's metadata: the host of its ``sector_identifier_uri``, or of its redirect URIs.

    One whose answers stay on its own machine (loopback, a scheme of its own) shares a sector with nobody; nor does one
    that describes itself and is answered past its redirect URIs: nothing shows that it is of that host.
    """
    if DEVICE in detail.get("grants", ()) and detail.get("source") in ("registered", "document"):
        return str(detail.get("client_id", ""))
    uri = detail.get("sector_identifier_uri")
    if uri:
        return _host(str(uri))
    hosts = _hosts(detail.get("redirect_uris", ()))
    return hosts.pop() if len(hosts) == 1 else str(detail.get("client_id", ""))


def _hosts(uris: Iterable[str]) -> set[str]:
    return {host for uri in uris if uri.startswith("https:") and (host := _host(uri))}


def _host(uri: str) -> str:
    try:
        return (urlsplit(uri).hostname or "").lower()
    except ValueError:
        return ""
