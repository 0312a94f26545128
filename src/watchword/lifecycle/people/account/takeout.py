"""Give people what is held about them, and forget them."""

from __future__ import annotations

from typing import Any, Final

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.outlasting import TOGETHER
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.holdings import APPS, ORIGIN, act, ending, held
from watchword.lifecycle.values import subject_of
from watchword.model.credential import Credential, Kind
from watchword.model.records import Change, Event, Publish, Subject, Swap, Topic

__all__ = ["Takeout"]

_FOREVER: Final = 253_402_300_799  # the last second of the year 9999
_PAGE: Final = 1000
_TRIES: Final = 8
# What stays of a detail: what tells a refresh token's second use, and whom to tell that a session is over.
_KEPT: Final = frozenset({"proof", "generation", APPS, ORIGIN})
# What may be shown of each kind's detail. What is not named here stays: a new kind's secrets do not slip out.
_SHOWN: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.API_KEY: ("name", "test", "hint"),
    Kind.SESSION: ("agent", "address", "factors", "authenticated_at", "idle"),
    Kind.REFRESH: ("factors", "authenticated_at", "generation"),
    Kind.TOTP: ("name",),
    Kind.PASSKEY: ("name", "aaguid", "backed_up", "transports", "sign_count"),
    Kind.EMAIL: ("address", "confirmed_at"),
    Kind.IDENTITY: ("issuer", "sub", "label"),
    Kind.CLIENT_CERT: ("serial",),
    Kind.OAUTH_CLIENT: ("client_id", "grants", "redirect_uris"),
    Kind.CONSENT: ("client", "client_name", "resources", "declined", "details"),
}


class Takeout:
    """Export and delete accounts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def export(self, subject: str, *, events: bool = False) -> dict[str, Any]:
        """Return everything held about a person, but no secret, digest or hash, as JSON values.

        With ``events`` the audit log is read through for theirs: that takes as long as the log is. Raise LifecycleError
        for a subject that does not exist.
        """
        owner = await self._known(subject)
        records = await held(self._desk.records, owner.name)
        value: dict[str, Any] = {
            "subject": owner.name,
            "created_at": owner.created_at,
            "disabled_at": owner.disabled_at,
            "profile": dict(owner.detail),
            "credentials": [self._shown(record) for record in records],
        }
        if events:
            value["events"] = [_event(each) for each in await self._events(owner.name)]
        return value

    async def delete(self, subject: str, *, by: str) -> Subject:
        """Delete a person: every credential is revoked, personal data forgotten, every token void.

        The name stays taken, so that no stranger gets it and what others still grant to it; the audit log keeps it.
        """
        desk = self._desk
        for tries in range(_TRIES):
            owner, now = await self._known(subject), desk.clock()
            if owner.disabled_at is not None and owner.detail.keys() == {"deleted_at"}:  # by another, just now
                gone = owner
                break
            gone = owner.changed(disabled_at=owner.disabled_at or int(now), detail={"deleted_at": int(now)})
            void = Publish(Topic.SUBJECT, owner.name, _FOREVER, _FOREVER)
            # Families that applications refresh without a pause are left for when nothing is refreshed any more.
            endings = await self._endings(owner.name, now, by, families=tries < TOGETHER)
            if await desk.write(Swap(gone), void, *endings, act(now, "delete", by, owner.name)):
                break
        else:
            raise LifecycleError(f"{subject} keeps changing", "try again")
        for _ in range(_TRIES):  # what began while the write was under way; from now on nothing begins
            endings = await self._endings(owner.name, desk.clock(), by, late=True)
            if not endings or await desk.write(*endings):
                break
        await desk.links.void("address", owner.name)
        return gone

    async def _endings(
        self, subject: str, now: float, by: str, *, late: bool = False, families: bool = True
    ) -> list[Change]:
        """Return the changes that revoke everything and keep nothing of it but when it was and what it was."""
        changes: list[Change] = []
        for record in await held(self._desk.records, subject):
            if (late and record.revoked_at is not None) or (record.kind is Kind.REFRESH and not families):
                continue
            kept = {name: value for name, value in record.detail.items() if name in _KEPT}
            why = "the account was deleted"
            changes += ending(record, now=now, by=by, why=why, detail=kept, lookup=None, secret=b"")
        return changes

    async def _known(self, subject: str) -> Subject:
        name = subject_of(subject)
        found = await self._desk.records.subject(name)
        if found is None:
            raise LifecycleError(f"there is no {name}", "`watchword user list` shows who there is")
        return found

    def _shown(self, record: Credential) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": record.id,
            "kind": record.kind.value,
            "state": record.state(self._desk.clock()).value,
            "created_at": record.created_at,
            "expires_at": record.expires_at,
            "revoked_at": record.revoked_at,
            "last_used_at": record.last_used_at,
            "scopes": sorted(record.scopes),
            "networks": list(record.networks),
        }
        more = {name: record.detail[name] for name in _SHOWN.get(record.kind, ()) if name in record.detail}
        return value | more

    async def _events(self, subject: str) -> list[Event]:
        log: Any = self._desk.records  # the store keeps both
        found: list[Event] = []
        after = 0
        while page := await log.events(after=after, limit=_PAGE):
            found += [event for _, event in page if event.subject == subject]
            after = page[-1][0]
        return found


def _event(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event._asdict().items() if value != ""}
