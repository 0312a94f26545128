"""Find out what is really asked: what came in the query, in a signed object (RFC 9101), or was pushed (RFC 9126)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from watchword.lifecycle.oauth.asking import Refusal
from watchword.lifecycle.oauth.authorization.profile import ALGORITHMS, FAPI2
from watchword.lifecycle.oauth.authorization.pushed import Pushed
from watchword.lifecycle.oauth.authorization.request_objects import ERROR as BAD_OBJECT
from watchword.lifecycle.oauth.authorization.request_objects import RequestObjects
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential
from watchword.model.reason import Reason

__all__ = ["Arrival", "Arrivals"]

_BAD_URI: Final = "invalid_request_uri"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Hold the parameters that count. ``request_uri`` is that of a pushed request, "" for what was not."""

    fields: Mapping[str, str]
    request_uri: str = ""
    signed: bool = False

    @property
    def pushed(self) -> bool:
        """Return whether the client itself sent it."""
        return bool(self.request_uri)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Take requests in. Whatever is wrong on the way leads nobody anywhere: no redirect URI is known yet."""

    pushed: Pushed
    objects: RequestObjects
    rules: OAuthRules

    async def open(
        self, fields: Mapping[str, str], client: Credential, came_at: float | None = None
    ) -> Arrival | Refusal:
        """Return what counts of a request that a person brings; ``came_at`` as of ``Pushed.look``."""
        uri = fields.get("request_uri", "")
        if not uri:
            return await self.unsealed(fields, client)
        if fields.get("request"):
            return Refusal("invalid_request", "request and request_uri")
        found = await self.pushed.look(uri, str(client.detail["client_id"]), came_at)
        if found is None:
            return Refusal(_BAD_URI, "no request of this client, or too old")
        return Arrival(found.fields, uri, found.signed)

    async def unsealed(self, fields: Mapping[str, str], client: Credential) -> Arrival | Refusal:
        """Return what counts of a request that comes from anywhere: what is in its object, if there is one."""
        text = fields.get("request", "")
        if not text:
            return Arrival(fields)
        allowed = {"algorithms": ALGORITHMS} if self.rules.profile == FAPI2 else {}
        found = await self.objects.open(text, client, **allowed)
        if isinstance(found, Reason):
            return Refusal(BAD_OBJECT, found.code)
        return Arrival(found, signed=True)
