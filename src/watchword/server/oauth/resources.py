"""Say of each API at our own origin what it is, and who gives out tokens for it (RFC 9728)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.codec.oauth.protected_resource import checked_resource, metadata_url, origin_of
from watchword.model.reason import NOT_FOUND
from watchword.server.oauth.discovery import public
from watchword.server.responses import problem_response, refusal

__all__ = ["ProtectedResources", "own_metadata"]

_PLACE: Final = "/.well-known/oauth-protected-resource"


def own_metadata(watchword: Watchword) -> str:
    """Return the URL of the metadata of our own audience, "" where another origin has to publish it."""
    try:
        place = metadata_url(checked_resource(watchword.audience))
    except ValueError:  # a name that is no URL
        return ""
    return place if origin_of(place) == origin_of(watchword.issuer) else ""


class ProtectedResources:
    """Hold the metadata of the APIs. One whose name has a path has its metadata at that path below the well-known one.

    APIs at other origins publish their own; what they may say comes from here: ``Resources``.
    """

    def __init__(self, watchword: Watchword) -> None:
        self._resources = watchword.oauth.resources

    def routes(self) -> list[Route]:
        """Return the endpoint, as it is and with the path of an API behind it."""
        return [Route(_PLACE, self.metadata), Route(_PLACE + "/{path:path}", self.metadata)]

    async def metadata(self, http: Request) -> Response:
        """Return the metadata of RFC 9728 section 2, 404 where there is no such API."""
        raw = http.scope.get("raw_path") or http.scope["path"].encode()
        query = http.scope["query_string"]
        place = (raw + (b"?" + query if query else b"")).decode("ascii", "replace")
        said = self._resources.described(place)
        return problem_response(refusal(NOT_FOUND)) if said is None else public(said)
