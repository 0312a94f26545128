"""Have API keys of one's own: for programs that act as oneself, and may no more."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.account.replacement import Fault, usable_passwords
from watchword.lifecycle.people.holdings import held, newest
from watchword.lifecycle.room import make_room
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.responses import json_response, redirect

__all__ = ["KeyPages"]

_PLACE: Final = "/account/keys"
_MOST: Final = 50
_LONGEST: Final = 64  # characters of a name
_DAYS: Final = (7, 30, 90, 365)
_DEFAULT: Final = 90
_BOX: Final = "scope:"
_NAME: Final = Fault("name", "not_a_name", "Give the key a name of at most 64 characters that can be seen.")
_EXPIRY: Final = Fault("days", "not_days", "Choose for how many days, 365 at most.")
_SCOPE: Final = Fault("scopes", "not_yours", "You can only give what you may do yourself.")
_FULL: Final = Fault("name", "too_many", "You have as many keys as there may be. Revoke one first.")
_UNKNOWN: Final = Fault("revoke", "unknown", "This key is not yours.")


class KeyPages:
    """Hold ``/account/keys``.

    A key has no more scopes than the login that made it, the same networks and limit, and ends with its password.
    """

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._visits = visits
        self._own = own

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [Endpoint(_PLACE, self.keys, methods=["GET", "POST"])]

    async def keys(self, http: HttpRequest) -> Response:
        """List them, revoke one (``revoke``), or issue one (``name``, ``days``, ``scopes``) soon after a proof."""
        visit = await self._own.visit(http, "account/keys.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        if http.method != "POST":
            rows = [_row(each) for each in await self._held(visit.who)]
            return self._visits.done(visit, 200, {"keys": rows}, "account/keys.html", **self._shown(visit))
        if visit.text("revoke"):
            return await self._revoked(visit, visit.who)
        return await self._own.weak(http, visit) or await self._issued(visit, visit.who)

    async def _issued(self, visit: Visit, who: Principal) -> Response:
        name, days = " ".join(visit.text("name").split()), visit.text("days") or str(_DEFAULT)
        scopes = frozenset(_scopes(visit))
        faults: tuple[Fault, ...] = () if 0 < len(name) <= _LONGEST and name.isprintable() else (_NAME,)
        faults += (
            () if days.isascii() and days.isdigit() and len(days) < 4 and 0 < int(days) <= max(_DAYS) else (_EXPIRY,)
        )
        faults += () if scopes <= who.scopes else (_SCOPE,)
        if not faults and len(await self._held(who)) >= _MOST:
            faults = (_FULL,)
        if faults:
            return await self._faulty(visit, who, faults)
        issued = await self._watchword.lifecycle.issue(
            Kind.API_KEY,
            who.subject,
            by=who.subject,
            scopes=scopes,
            expires_at=await self._end(who.subject, int(days)),
            networks=[str(network) for network in who.constraints.networks],
            limit=who.constraints.limit,
            options={"name": name},
        )
        store, made = self._watchword.store, issued.credential
        await make_room(store, who.subject, Kind.API_KEY, self._watchword.clock(), keep=made.id)
        value = {**_row(made), "secret": issued.material["secret"]}
        return self._visits.done(visit, 201, value, "account/key.html")

    async def _end(self, subject: str, days: int) -> int:
        """Return when the key ends: no later than the password, whose end an operator has set."""
        now, store = self._watchword.clock(), self._watchword.store
        password = newest(await usable_passwords(store, subject, now))
        wanted, end = int(now) + days * 86400, None if password is None else password.ends_at()
        return wanted if end is None else min(wanted, int(end))

    async def _revoked(self, visit: Visit, who: Principal) -> Response:
        record = await self._watchword.store.credential(visit.text("revoke"))
        if record is None or record.kind is not Kind.API_KEY or record.subject != who.subject:
            return await self._faulty(visit, who, (_UNKNOWN,))
        await self._watchword.lifecycle.revoke(record.id, reason="by its owner", by=who.subject)
        return json_response(200, {"status": "revoked"}) if visit.json else redirect(_PLACE)

    async def _faulty(self, visit: Visit, who: Principal, faults: tuple[Fault, ...]) -> Response:
        rows = [_row(each) for each in await self._held(who)]
        return self._visits.faulty(visit, faults, keys=rows, **self._shown(visit))

    async def _held(self, who: Principal) -> list[Credential]:
        now = self._watchword.clock()
        found = await held(self._watchword.store, who.subject, Kind.API_KEY)
        usable = [each for each in found if each.refusal(now) is None]
        return sorted(usable, key=lambda each: (each.created_at, each.id), reverse=True)

    def _shown(self, visit: Visit) -> dict[str, Any]:
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        chosen = visit.text("days")
        days = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 4 else _DEFAULT
        return {
            "scopes": sorted(visit.who.scopes),
            "chosen": set(_scopes(visit)),
            "choices": _DAYS,
            "days": days,
            "now": self._watchword.clock(),
        }


def _scopes(visit: Visit) -> list[str]:
    """Return the scopes that are wanted: words in JSON, one checked box each in a form."""
    boxes = [name.removeprefix(_BOX) for name in visit.fields if name.startswith(_BOX)]
    return [*visit.text("scopes").split(), *boxes]


def _row(record: Credential) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": str(record.detail.get("name", "")),
        "hint": str(record.detail.get("hint", "")),
        "scopes": sorted(record.scopes),
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "last_used_at": record.last_used_at,
    }
