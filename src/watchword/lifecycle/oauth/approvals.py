"""Keep what a person said yes to, and begin the family that it becomes while their login still stands.

A code and a device's request both wait between the yes and the tokens: what was withdrawn meanwhile gives nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, Final

from watchword.codec.secrets import new_id
from watchword.lifecycle.families import Families, Refreshed
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.terms import family_cnf
from watchword.lifecycle.people.holdings import APPS, origin_of
from watchword.lifecycle.values import networks_of, rate_of
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import REVOKED
from watchword.model.records import Swap
from watchword.model.verdict import Constraints, Principal, Rejection
from watchword.standing import standing

__all__ = ["Approvals"]

_NO_APP: Final[Mapping[str, bool]] = MappingProxyType({})
_TRIES: Final = 8
_BY: Final = "service:watchword"


class Approvals:
    """Write down who approved, as JSON values, and turn that into a family."""

    def __init__(self, records: Records, lifecycle: Lifecycle, families: Families, *, clock: Clock = time.time) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._families = families
        self._clock = clock

    async def noted(self, who: Principal) -> dict[str, Any]:
        """Return what is kept of who approves in a session: how they proved themselves, and their bounds."""
        session = await self._records.credential(who.credential)
        begun = {} if session is None else session.detail
        limit = who.constraints.limit
        return {
            "subject": who.subject,
            "session": who.credential,
            "origin": who.credential if session is None else origin_of(session),
            "login": begun.get("login", ""),
            "proved": dict(begun.get("proved", {})),
            "factors": list(who.factors),
            "authenticated_at": who.authenticated_at,
            "networks": [str(network) for network in who.constraints.networks],
            "limit": None if limit is None else str(limit),
        }

    async def begun(
        self,
        approved: Mapping[str, Any],
        client: Credential,
        scopes: frozenset[str],
        cnf: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
        *,
        id: str = "",
        app: Mapping[str, bool] = _NO_APP,
    ) -> Refreshed | Rejection:
        """Begin the client's family for who approved; none once their session has ended or they are disabled.

        Of ``scopes`` it has what client and consent still allow. ``more`` goes into the family's detail. Of it
        ``consent`` is the id of the consent that must stand, too. ``id`` names the family where its name had to be
        known before. The session notes the ``app`` that it let in, and whether that got an id_token, so that it is told
        when the session ends.
        """
        rests = {"session": Kind.SESSION} | ({"consent": Kind.CONSENT} if (more or {}).get("consent") else {})
        grounds = {**(more or {}), "session": str(approved["session"])}
        for name, kind in rests.items():
            record = await self._records.credential(grounds[name])
            refused = await standing(self._records, record, kind, self._clock())
            if refused is not None:
                return Rejection(refused.reason, f"the {name} of who approved", credential=client.id)
            if record is not None and kind is Kind.CONSENT:
                scopes &= record.scopes
        limit = None if approved["limit"] is None else rate_of(approved["limit"])
        who = Principal(
            subject=approved["subject"],
            scheme="session",
            credential=approved["login"],
            scopes=scopes & (client.scopes | OPENID_SCOPES),
            factors=tuple(approved["factors"]),
            authenticated_at=approved["authenticated_at"],
            constraints=Constraints(tuple(ip_network(text) for text in networks_of(approved["networks"])), limit),
        )
        name, lasting = client.detail["client_id"], family_cnf(client, cnf)
        # Not its ``session`` by itself: a device stays signed in when who approved it signs out elsewhere.
        where = {} if "session" in (more or {}) else {"approved_in": approved["session"]}
        detail = {"client": name, "proved": approved["proved"], **where, **(more or {})}
        if lasting is not None:
            detail["cnf"] = dict(lasting)
        lifetime = client.detail.get("refresh_lifetime")
        refreshed = await self._families.start(who, by=name, id=id or new_id("fam_"), more=detail, lifetime=lifetime)
        for name in rests:
            if not await self._still_there(grounds[name], app if name == "session" else _NO_APP):
                await self._lifecycle.revoke(refreshed.family.id, reason=f"its {name} ended meanwhile", by=_BY)
                return Rejection(REVOKED, f"the {name} of who approved", credential=client.id)
        return refreshed

    async def _still_there(self, ground: str, app: Mapping[str, bool]) -> bool:
        """Return whether what a family rests on outlived its beginning.

        Whoever ends a session or a consent lists families first. The family is there now: ended later, they find it or
        lose to this write and look again; ended before, the record says so.
        """
        for _ in range(_TRIES):
            record = await self._records.credential(ground)
            if record is None or record.revoked_at is not None:
                return False
            known = record.detail.get(APPS, {})
            noted = {APPS: {**known, **{id: known.get(id) or openid for id, openid in app.items()}}} if app else {}
            if await self._records.write(Swap(record.changed(detail={**record.detail, **noted}))):
                return True
        return False
