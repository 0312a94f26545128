"""Remember what people let applications do for them: one record for each person and client, which can be withdrawn.

given -> given for more -> withdrawn, and with it every token that the client ever got from this person
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchword.codec.secrets import digest, new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.authorization.details import Details
from watchword.lifecycle.people.holdings import act, held
from watchword.lifecycle.room import make_room
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.records import Add, Swap

__all__ = ["ConsentView", "Consents", "Wish", "assured", "covers"]

_TRIES: Final = 8
_PREFIX: Final = "cns_"


@dataclass(frozen=True, slots=True)
class Wish:
    """Hold what a client asks a person for: scopes, the resources that they are for, and rights for single acts.

    Without ``resources`` it is our own audience, which is one more place: a yes for one is none for another.
    """

    scopes: frozenset[str]
    resources: tuple[str, ...] = ()
    details: Details = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Return the resources, "" for our own audience."""
        return self.resources or ("",)


@dataclass(frozen=True, slots=True)
class ConsentView:
    """Describe one application that may act for a person. Times are Unix seconds."""

    id: str
    client: str
    name: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    created_at: int
    last_used_at: int


def assured(client: Credential, redirect_uri: str) -> bool:
    """Return whether the answer reaches this client and no other that calls itself by its name.

    A client without a secret whose answer goes to a port of the machine or to a scheme of its own may be any program
    there (RFC 8252 section 8.6).
    """
    public = client.detail.get("public") is True or client.detail.get("auth_method") == "none"
    return not public or redirect_uri.startswith("https://")


def covers(consent: Credential | None, wish: Wish) -> bool:
    """Return whether the person has decided about all of the wish before, and not against all of it.

    A scope is decided for one resource at a time, single acts are one by one.
    """
    if consent is None or wish.details:
        return False
    declined, agreed = set(consent.detail.get("declined", ())), consent.detail["resources"]
    if wish.scopes and wish.scopes <= declined:
        return False
    return all(place in agreed and wish.scopes <= declined.union(agreed[place]) for place in wish.places)


class Consents:
    """Give, find, list and withdraw."""

    def __init__(self, records: Records, lifecycle: Lifecycle, *, clock: Clock) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._clock = clock

    async def of(self, subject: str, client_id: str) -> Credential | None:
        """Return what the person lets the client do, None for nothing."""
        record = await self._records.credential_by(_lookup(subject, client_id))
        usable = record is not None and record.kind is Kind.CONSENT and record.refusal(self._clock()) is None
        return record if usable else None

    async def give(
        self, subject: str, client: Credential, wish: Wish, *, declined: Iterable[str] = (), by: str
    ) -> Credential:
        """Remember that the person lets the client do this, beside what they let it do before.

        ``declined`` are scopes that the client asked for in vain: nobody is asked again for them, until the client
        wants it, and what was allowed of them before is no more. Raise LifecycleError.
        """
        client_id = str(client.detail["client_id"])
        for _ in range(_TRIES):
            now = self._clock()
            before = await self.of(subject, client_id)
            given = _given(subject, client, wish, frozenset(declined), before, int(now))
            event = act(now, "consent", by, subject, given, f"{client_id}: {' '.join(sorted(wish.scopes))}")
            change = Add(given) if before is None else Swap(given)
            if await self._records.write(change, event):
                if before is None:
                    await make_room(self._records, subject, Kind.CONSENT, now, keep=given.id)
                return given
        raise LifecycleError(f"the consent of {subject} keeps changing", "try again")

    async def listed(self, subject: str) -> list[ConsentView]:
        """Return every application that may act for the person, the last used first."""
        now = self._clock()
        consents = [each for each in await held(self._records, subject, Kind.CONSENT) if each.refusal(now) is None]
        families = await held(self._records, subject, Kind.REFRESH) if consents else []
        views = [_view(each, families) for each in consents]
        return sorted(views, key=lambda each: (each.last_used_at, each.created_at, each.id), reverse=True)

    async def withdraw(self, id: str, *, subject: str, by: str) -> Credential:
        """Take one of the person's consents back, and with it every token that came from it; idempotent.

        Raise LifecycleError for what is none of theirs.
        """
        record = await self._records.credential(id)
        if record is None or record.kind is not Kind.CONSENT or record.subject != subject:
            raise LifecycleError(f"there is no consent {id[:64]!r}", "look at the account's list")
        return await self._lifecycle.revoke(id, reason="withdrawn", by=by)


def _given(
    subject: str, client: Credential, wish: Wish, declined: frozenset[str], before: Credential | None, now: int
) -> Credential:
    """Return the record as it will be."""
    client_id = str(client.detail["client_id"])
    old: Any = {} if before is None else before.detail
    agreed = {place: set(scopes) - declined for place, scopes in old.get("resources", {}).items()}
    agreed |= {place: agreed.get(place, set()) | wish.scopes for place in wish.places}
    scopes = frozenset().union(*agreed.values())
    detail = {
        "client": client_id,
        "client_name": str(client.detail.get("client_name") or client_id),
        "resources": {place: sorted(agreed[place]) for place in sorted(agreed)},
        "declined": sorted(({*old.get("declined", ())} | declined) - wish.scopes),
        "details": [dict(each) for each in wish.details] or list(old.get("details", ())),
    }
    if before is not None:
        return before.changed(scopes=scopes, detail=detail, last_used_at=now)
    lookup = _lookup(subject, client_id)
    return Credential(new_id(_PREFIX), Kind.CONSENT, subject, now, scopes, lookup, detail=detail, last_used_at=now)


def _lookup(subject: str, client_id: str) -> bytes:
    return digest(f"consent\n{subject}\n{client_id}")


def _view(consent: Credential, families: Sequence[Credential]) -> ConsentView:
    detail = consent.detail
    begun = [each for each in families if each.detail.get("client") == detail["client"]]
    used = [each.last_used_at or each.created_at for each in begun]
    return ConsentView(
        id=consent.id,
        client=str(detail["client"]),
        name=str(detail["client_name"]),
        scopes=tuple(sorted(consent.scopes)),
        resources=tuple(filter(None, detail["resources"])),
        created_at=consent.created_at,
        last_used_at=max([consent.last_used_at or consent.created_at, *used]),
    )
