"""Tell applications that a session is over, however it ended (OpenID Connect Back-Channel Logout 1.0).

Every ending is an entry of the revocation feed, so nobody who ends a session has to think of this, or waits for it.
Each worker reads the feed and knows what is due; who claims an attempt makes it. What became of each is kept, and how
far the feed was dealt with: after a crash others go on from there, so an application is told at least once.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Final, Protocol

from watchword.codec.oauth.logout_token import LOGOUT_TOKEN, logout_claims
from watchword.codec.secrets import digest, new_id
from watchword.lifecycle.oauth.clients import Clients
from watchword.lifecycle.oauth.openid.id_tokens import IdTokens
from watchword.lifecycle.oauth.openid.signing_out import SigningOut
from watchword.lifecycle.people.holdings import APPS, origin_of
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Ephemeral, Feed, Fetch, Records, Unavailable
from watchword.model.records import Event, FeedEntry, Topic

__all__ = ["Due", "Logouts"]

_BY: Final = "service:watchword"
_CURSOR: Final = "logouts-heard"
_MOST_DUE: Final = 4_096  # while as many wait, nobody else is planned to be told
_SHARE: Final = 64  # of that room, as much may wait of one person while there is no other
_AFTER: Final = (0.0, 5.0, 30.0, 120.0, 600.0, 3_600.0)  # seconds from each attempt to the next
_LEASE: Final = 30.0  # seconds after which an attempt without a result counts as one that crashed
_REMEMBERED: Final = 3 * 86_400.0  # seconds; the feed's entries end before that
_STRIDE: Final = 256  # entries, after which it is noted how far the feed was read
_SESSION: Final = "ses_"
_DONE: Final = frozenset({200, 202, 204})  # section 2.8; some frameworks answer 204
_REFUSED: Final = 400


class Store(Records, Ephemeral, Feed, Protocol):
    """Keep what lasts and what does not, and say what was taken back."""


@dataclass(slots=True, eq=False)
class Due:
    """Hold that one application is to be told of the end of one session. ``at`` is in Unix seconds."""

    session: str
    origin: str = field(repr=False)
    client_id: str
    subject: str
    sequence: int
    at: float
    attempt: int = 0
    claimed_by_another: bool = False

    @property
    def place(self) -> str:
        """Return where it is kept what became of it."""
        return f"logout:{digest(f'{self.session} {self.client_id}').hex()}"


class Logouts:
    """Hear of sessions that end, and tell the applications that were signed in through them."""

    def __init__(
        self,
        store: Store,
        clients: Clients,
        openid: IdTokens,
        signing_out: SigningOut,
        *,
        fetch: Fetch | None,
        clock: Clock = time.time,
    ) -> None:
        """Send by ``fetch``; without it nobody is told."""
        self._store = store
        self._clients = clients
        self._openid = openid
        self._signing_out = signing_out
        self._fetch = fetch
        self._clock = clock
        self._due: dict[tuple[str, str], Due] = {}
        self._heard: int | None = None
        self._ended = 0
        self._noted = 0

    @property
    def waiting(self) -> int:
        """Return how many have still to be told, as far as this worker knows."""
        return len(self._due)

    async def hear(self) -> list[Due]:
        """Read what is new in the feed; return what is to be sent now, new ones first. Raise Unavailable.

        What applications got in a session ends at once. Of those to be told no more than ``_MOST_DUE`` wait in memory:
        what is beyond stays in the feed until there is room.
        """
        if self._heard is None:
            kept = await self._store.get(_CURSOR)
            self._heard = self._noted = self._ended = int(kept or b"0")
        full = not self._room()
        answer = self._store.entries(self._ended if full else self._heard)
        for entry in await answer if isawaitable(answer) else answer:
            if full and entry.sequence <= self._ended:
                continue
            session = await self._over(entry)
            if session is not None and entry.sequence > self._ended:
                await self._signing_out.end_families(session, by=_BY)
            self._ended = max(self._ended, entry.sequence)
            full = full or not self._room()
            if not full:
                self._plan(session, entry.sequence)
                self._heard = entry.sequence
        await self._note()
        now = self._clock()
        return sorted((each for each in self._due.values() if each.at <= now), key=lambda each: each.attempt)

    async def _over(self, entry: FeedEntry) -> Credential | None:
        """Return the session whose end the entry tells of, where applications were let in through it."""
        if entry.topic is not Topic.CREDENTIAL or not entry.key.startswith(_SESSION):
            return None
        session = await self._store.credential(entry.key)
        goes_on = session is None or session.replaced_by is not None
        return None if goes_on or session is None or not session.detail.get(APPS) else session

    def _room(self) -> bool:
        """Return whether more may wait.

        Who fills the room with applications that do not answer loses these: they are told once, and not again.
        """
        if len(self._due) < _MOST_DUE:
            return True
        tried = [each for each in self._due.values() if each.attempt > 0]
        for subject, count in Counter(each.subject for each in tried).most_common(1):
            for each in tried if count > _MOST_DUE // _SHARE else ():
                if each.subject == subject:
                    self._forget(each)
        return len(self._due) < _MOST_DUE

    def _plan(self, session: Credential | None, sequence: int) -> None:
        if session is None or self._fetch is None:
            return
        for client_id, openid in session.detail[APPS].items():
            if openid:
                due = Due(session.id, origin_of(session), client_id, session.subject, sequence, self._clock())
                self._due.setdefault((session.id, client_id), due)

    async def _note(self) -> None:
        """Keep how far the feed is dealt with: up to the first entry that somebody is still to be told of."""
        waiting = min((each.sequence for each in self._due.values()), default=None)
        done = (self._heard or 0) if waiting is None else waiting - 1
        if done >= self._noted + _STRIDE:  # what is read again after a crash is known to be done
            await self._store.put(_CURSOR, b"%d" % done, self._clock() + _REMEMBERED)
            self._noted = done

    async def tell(self, due: Due) -> None:
        """Make one attempt at telling, unless another worker does or did. Raise Unavailable when the store breaks."""
        client = await self._clients.find(due.client_id)
        uri = None if client is None else client.detail.get("backchannel_logout_uri")
        if client is None or not uri:
            self._forget(due)
            return
        if not await self._mine(due):
            return
        outcome, said = await self._sent(due, client, str(uri))
        final = outcome != "broken" or due.attempt + 1 >= len(_AFTER)
        await self._result(due, final=final)
        event = Event(
            self._clock(),
            "backchannel-logout",
            outcome,
            scheme=client.kind,
            credential=client.id,
            subject=due.subject,
            actor=_BY,
            detail=f"{due.session}, attempt {due.attempt + 1}: {said}",
        )
        await self._store.write(event)
        if final:
            self._forget(due)
            return
        due.attempt += 1
        due.at = self._clock() + _AFTER[due.attempt]

    async def _mine(self, due: Due) -> bool:
        """Return whether this worker is to make the attempt; else when to look again is set."""
        kept = await self._store.get(due.place)
        if kept is not None:
            state = json.loads(kept)
            if state["final"]:
                self._forget(due)
                return False
            if state["next"] > due.attempt:  # another worker tried meanwhile
                due.attempt, due.at, due.claimed_by_another = state["next"], state["at"], False
                if due.at > self._clock():
                    return False
        if due.claimed_by_another:  # its lease is over and nothing is known of it: whoever claimed it is gone
            due.attempt, due.claimed_by_another = due.attempt + 1, False
            if due.attempt >= len(_AFTER):
                await self._result(due, final=True)
                self._forget(due)
                return False
        claimed = self._store.claim(digest(f"{due.place} {due.attempt}"), self._clock() + _REMEMBERED)
        if await claimed if isawaitable(claimed) else claimed:
            return True
        due.claimed_by_another, due.at = True, self._clock() + _LEASE
        return False

    async def _sent(self, due: Due, client: Credential, uri: str) -> tuple[str, str]:
        """Return the outcome and what was answered."""
        assert self._fetch is not None  # noqa: S101 - nothing is due without it
        claims = logout_claims(
            issuer=self._openid.issuer,
            client_id=due.client_id,
            subject=self._openid.subjects.of(client, due.subject),
            session=self._openid.subjects.session(client, due.origin),
            jti=new_id("jti_"),
            now=self._clock(),
        )
        token = (await self._openid.key_for(client)).sign(claims, LOGOUT_TOKEN)
        try:
            answer = self._fetch(uri, data={"logout_token": token})
            status = (await answer if isawaitable(answer) else answer).status
        except Unavailable:
            return "broken", "no answer"
        if status in _DONE:
            return "done", f"status {status}"
        return "refused" if status == _REFUSED else "broken", f"status {status}"

    async def _result(self, due: Due, *, final: bool) -> None:
        after = due.attempt + 1
        at = self._clock() + _AFTER[min(after, len(_AFTER) - 1)]
        state = json.dumps({"final": final, "next": after, "at": at}).encode()
        await self._store.put(due.place, state, self._clock() + _REMEMBERED)

    def _forget(self, due: Due) -> None:
        self._due.pop((due.session, due.client_id), None)
