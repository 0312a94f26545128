"""Hear from GitHub's secret scanning: what it finds of ours is dead before the answer.

The format is that of its partner programme: a signed list of tokens, and for each of them whether it was one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import TooLarge, read_body, request_of
from watchword.app import Watchword
from watchword.codec.shapes import shape_of
from watchword.model.ports import Fetch
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST, UNKNOWN_SENDER
from watchword.model.request import Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.config.settings import Settings
from watchword.server.leaks.published import PublishedKeys
from watchword.server.responses import json_response, problem_response

__all__ = ["GithubLeaks", "Match", "github_leaks"]

_BY: Final = "partner:github"
_KEY: Final = b"github-public-key-identifier"
_SIGNATURE: Final = b"github-public-key-signature"
_AT_ONCE: Final = 200  # tokens until other requests have their turn
_MOST: Final = 10_000  # matches of one message
_LONGEST: Final = 8_192  # characters of a token, which are more than any of ours has
_TYPE: Final = 200
_WHERE: Final = 400
_WALKED: Final = ("cs_", "rat_")  # found by walking through all clients: once a message, not once a turn


class Match(NamedTuple):
    """Hold what was found, the type that it was found as, and where."""

    token: str
    type: str
    url: str


def github_leaks(watchword: Watchword, settings: Settings) -> list[Route]:
    """Return the endpoint where ``[leaks.github]`` is set, nothing where it is not."""
    table = settings.leaks.github
    if table is None:
        return []
    from watchword.server.late import LateOutward

    fetch = LateOutward([urlsplit(table.keys_url).hostname or ""])  # the operator named it
    return GithubLeaks(watchword, table.keys_url, fetch, settings.server.max_body).routes()


class GithubLeaks:
    """Hold ``/leaks/github``."""

    def __init__(self, watchword: Watchword, keys_url: str, fetch: Fetch, max_body: int) -> None:
        self._watchword = watchword
        self._keys = PublishedKeys(keys_url, fetch, watchword.clock)
        self._max_body = max_body
        self._front = watchword.route("public")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/leaks/github", self.hear, methods=["POST"])]

    async def hear(self, http: HttpRequest) -> Response:
        """Revoke what a signed list names, and say of each whether it was a secret of ours.

        The same list again changes nothing, and gets the same answer.
        """
        request = request_of(http.scope, self._watchword.proxies)
        refused = await self._refused(http, request)
        if refused is not None:
            return problem_response(refused)
        found = _matches(request.body or b"")
        if found is None:
            return problem_response(self._refuse(request, Rejection(MALFORMED_REQUEST, "no list of matches")))
        known = await self._answered(found)
        answer: Any = [_feedback(each, known=each.token in known) for each in found]
        return json_response(200, answer)

    async def _refused(self, http: HttpRequest, request: Request) -> Deny | None:
        """Return why a message is not read: what nobody signed is not even parsed."""
        try:
            request.body = await read_body(http.receive, self._max_body)
        except TooLarge:
            return self._refuse(request, Rejection(BODY_TOO_LARGE))
        if request.body is None:
            return self._refuse(request, Rejection(MALFORMED_REQUEST, "disconnected"))
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return screened
        fields = [[value for name, value in request.headers if name == wanted] for wanted in (_KEY, _SIGNATURE)]
        if any(len(values) != 1 for values in fields):
            return self._refuse(request, Rejection(UNKNOWN_SENDER, "not signed"))
        key, signature = (values[0].decode("latin-1") for values in fields)
        if await self._keys.signed(key, signature, request.body):
            return None
        return self._refuse(request, Rejection(UNKNOWN_SENDER, "signature"))

    def _refuse(self, request: Request, rejection: Rejection) -> Deny:
        return self._watchword.gate.refuse(request, rejection)

    async def _answered(self, found: Sequence[Match]) -> set[str]:
        """Revoke what is ours; return which are. An id is public: that somebody wrote it down revokes nothing."""
        secrets = (each for each in reversed(found) if shape_of(each.token) is not None)
        places = {each.token: f"{each.url} ({each.type})" for each in secrets}
        walked = [text for text in places if text.startswith(_WALKED)]
        others = [text for text in places if not text.startswith(_WALKED)]
        turns = [walked, *(others[start : start + _AT_ONCE] for start in range(0, len(others), _AT_ONCE))]
        known: set[str] = set()
        for turn in filter(None, turns):
            reports = await self._watchword.operations.leaks.report_all(turn, by=_BY, where=places)
            known |= {text for text, report in zip(turn, reports, strict=True) if report is not None}
            await asyncio.sleep(0)  # a store that answers inline lets nobody else in
        return known


def _matches(body: bytes) -> list[Match] | None:
    """Return what a message lists, None when it is no such list."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list) or len(listed) > _MOST:
        return None
    found = [_match(each) for each in listed]
    return None if None in found else [each for each in found if each is not None]


def _match(value: object) -> Match | None:
    if not isinstance(value, dict):
        return None
    token, kind, url = value.get("token"), value.get("type"), value.get("url")
    if not isinstance(token, str) or not isinstance(kind, str) or not 0 < len(token) <= _LONGEST:
        return None
    return Match(token, kind[:_TYPE], url[:_WHERE] if isinstance(url, str) else "")


def _feedback(match: Match, *, known: bool) -> dict[str, Any]:
    """Return what is said of one match; the token itself is not said again."""
    name = sha256(match.token.encode("utf-8", "surrogatepass")).hexdigest()
    return {"token_hash": name, "token_type": match.type, "label": "true_positive" if known else "false_positive"}
