"""Issue credentials of every kind; what proves one is shown once, on the page that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.clients.fields import FieldError, settled
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.operations.rights import area_of, rights_behind, to_write
from watchword.lifecycle.values import duration_of, networks_of, rate_of, scopes_of, subject_of
from watchword.model.credential import Credential, Kind
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import seen
from watchword.server.console.desk import ConsoleDesk, who_of

__all__ = ["MACHINE_KINDS", "IssuePages", "Misread", "proof_of", "read", "shown_once"]

MACHINE_KINDS: Final = (Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.PASSWORD)
"""What operators issue, in the order of the menus."""

_PLACE: Final = "/console/credentials/issue"
_LONGEST_NAME: Final = 64
_GRANTS: Final = ("client_credentials", "authorization_code", "refresh_token")
_MATERIAL: Final = ("key_id", "client_id", "secret", "client_secret", "password", "certificate", "private_key", "chain")

T = TypeVar("T")


class Misread(LifecycleError):
    """Say which field of a form cannot be read."""

    def __init__(self, field: str, error: LifecycleError) -> None:
        super().__init__(str(error), error.hint)
        self.field = field


def read(field: str, text: str, how: Callable[[str], T]) -> T:
    """Return ``how(text)``; where that is wrong, say in which field."""
    try:
        return how(text)
    except LifecycleError as error:
        raise Misread(field, error) from None


class IssuePages:
    """Hold ``/console/credentials/issue``: a form for each ``kind``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._lifecycle = desk.watchword.lifecycle
        self._clock = desk.watchword.clock

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [self._desk.acting(_PLACE, None, self.issue, "issue")]

    async def issue(self, visit: Visit) -> Response:
        """Show the form, or issue what it says."""
        kind = next((each for each in MACHINE_KINDS if each.value == visit.text("kind")), Kind.API_KEY)
        lacking = self._desk.given(visit, [to_write(area_of(kind))])
        if lacking is not None:
            return lacking
        kinds = [each.value for each in MACHINE_KINDS if self._desk.may(visit, f"{area_of(each)}:write")]
        choices: dict[str, Any] = {"kind": kind.value, "kinds": kinds, "grants": _GRANTS, "live": False}
        if visit.request.method != "POST":
            return self._desk.page(visit, **choices)
        try:
            return await self._issued(visit, kind)
        except Misread as error:
            return self._desk.faulty(visit, error, error.field, **choices)
        except LifecycleError as error:
            return self._desk.faulty(visit, error, **choices)

    async def _issued(self, visit: Visit, kind: Kind) -> Response:
        subject = read("subject", visit.text("subject").strip(), subject_of)
        scopes = read("scopes", visit.text("scopes"), lambda text: scopes_of([text]))
        networks = read("networks", visit.text("networks"), lambda text: networks_of(text.split()))
        rate = read("limit", visit.text("limit"), rate_of) if visit.text("limit").strip() else None
        ends = self._end(visit.text("expires").strip())
        options = _options(visit, kind)
        if subject == CA_SUBJECT:
            raise Misread("subject", LifecycleError(f"{subject} is this server's own", "name a service of yours"))
        watchword = self._desk.watchword
        behind = await rights_behind(watchword.store, kind, subject, watchword.clock)  # who knows it can log in as them
        refused = self._desk.given(visit, scopes | behind)
        if refused is not None:
            return refused
        bounds: dict[str, Any] = {"scopes": scopes, "expires_at": ends, "networks": networks, "limit": rate}
        issued = await self._lifecycle.issue(kind, subject, by=who_of(visit).subject, **bounds, options=options)
        return shown_once(self._desk, visit, issued.credential, issued.material)

    def _end(self, text: str) -> int | None:
        if not text or text == "never":
            return None
        return int(self._clock()) + read("expires", text, duration_of)


def shown_once(desk: ConsoleDesk, visit: Visit, record: Credential, material: Mapping[str, str]) -> Response:
    """Show a new credential, and for this once what proves it."""
    each, proof = seen(record, desk.watchword.clock()), proof_of(material)
    return desk.page(visit, 201, page="issued", each=each, proof=proof, live=False)


def proof_of(material: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what proves a new credential, by name, in the order in which it is read."""
    return [(name, material[name]) for name in _MATERIAL if name in material]


def _options(visit: Visit, kind: Kind) -> dict[str, Any]:
    """Return what only this kind has."""
    options: dict[str, Any] = {}
    if kind in (Kind.API_KEY, Kind.HMAC) and visit.text("test"):
        options["test"] = True
    if kind is Kind.API_KEY and (name := " ".join(visit.text("name").split())):
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise Misread("name", LifecycleError("a name has at most 64 characters that can be seen"))
        options["name"] = name
    if kind is Kind.HMAC and visit.text("profile"):
        options["profile"] = visit.text("profile")
    if kind is Kind.OAUTH_CLIENT:
        options |= _client(visit)
    return options


def _client(visit: Visit) -> dict[str, Any]:
    given: dict[str, Any] = {
        "client_name": " ".join(visit.text("name").split()),
        "grants": [each for each in _GRANTS if visit.text(f"grant:{each}")],
        "redirect_uris": re.split(r"\s+", visit.text("redirect_uris").strip()),
        "public": bool(visit.text("public")),
        "first_party": bool(visit.text("first_party")),
    }
    given["redirect_uris"] = [each for each in given["redirect_uris"] if each]
    try:
        return settled({name: value for name, value in given.items() if value})
    except FieldError as error:
        field = {"client_name": "name", "grants": "grants"}.get(error.field, error.field)
        raise Misread(field, error) from None
