"""Know clients by the document at their URL (draft-ietf-oauth-client-id-metadata-document).

named -> (not let in | fetched and judged) -> cached -> kept for good once a person lets it do something

A client's record is made of its document; once kept, its id is the URL, so it is listed, disabled and revoked like any.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from watchword.codec.oauth.redirect_uri import kind_of, redirect_fault
from watchword.codec.strict import json_object
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.oauth.described.metadata import (
    DETAIL_KEYS,
    MOST_BYTES,
    ClientMetadata,
    MetadataRefused,
    metadata_of,
)
from watchword.lifecycle.oauth.described.permits import REGISTERED, permitted, sector_fault
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Allowance, Clock, Fetch, Fetched, Meter, Records, Unavailable
from watchword.model.reason import RATE_LIMITED, SUBJECT_DISABLED, UNKNOWN_CREDENTIAL
from watchword.model.records import Add, Event, Publish, Swap, Topic
from watchword.model.verdict import Rate, Rejection
from watchword.standing import standing

__all__ = ["LONGEST", "SCHEME", "Documents", "document_fault"]

SCHEME: Final = "https://"
"""What such a ``client_id`` begins with, and no other does."""

LONGEST: Final = 256
"""Characters of the URL."""

_FRESH: Final = 300.0  # seconds that a document counts at least, and where it says nothing else
_STALE: Final = 86_400.0  # and at most
_RETRY: Final = 60.0  # seconds until a kept client's document is asked for again where it could not be had
_MOST: Final = 1_000  # documents in memory
_OF_PLACE: Final = Rate(30, 60)  # fetches for unknown URLs: nobody uses us as theirs
_OF_HOST: Final = Rate(30, 60)
_OF_ALL: Final = Rate(300, 60)
_OF_KEPT: Final = Rate(10, 60)  # of one kept client whose document became wrong: errors are not cached
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})\"?(?:$|[,\s])")
_KINDS: Final = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_SECRETS: Final = ("client_secret", "client_secret_expires_at")
_HEARD: Final = 3_600


def document_fault(url: str) -> str:
    """Return why a URL cannot be a ``client_id`` (section 3 of the draft), "" when it can."""
    if len(url) > LONGEST:
        return "too long"
    fault = redirect_fault(url)  # the same rules: https, a host, no user, fragment, dot segments or two readings
    if fault is not None or kind_of(url) != "https":
        return "not an https URL that everybody reads alike"
    if "+" in url:  # it joins the ids of credentials that prove one caller together
        return "written with a +: write %2B"
    return "" if urlsplit(url).path else "without a path"


class _Entry(NamedTuple):
    found: ClientMetadata | None  # None: it could not be had lately
    until: float


class Documents:
    """Fetch, judge and cache documents, and keep the clients that people let do something.

    What could not be had, or is wrong, is never cached; good documents count as long as they say, five minutes to a
    day. While a kept client's document cannot be had, what it said last counts, so that its people stay logged in.
    """

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        meter: Meter,
        rules: OAuthRules,
        fetch: Fetch | None,
        *,
        told: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._meter = meter
        self._rules = rules
        self._permitted = permitted(rules, "document")
        self._fetch = fetch
        self._told = told
        self._clock = clock
        self._cache: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def on(self) -> bool:
        """Return whether a URL can be a ``client_id`` at all."""
        return self._rules.described.documents and self._fetch is not None

    async def find(self, url: str, place: str = "") -> Credential | Rejection:
        """Return the client of a URL, or why there is none. ``place`` is what is limited: the caller's network."""
        fault = self._not_let_in(url)
        if fault:
            return _refused(fault)
        stored = await self._records.credential(url)
        refused = await self._standing(stored)
        if refused is not None:
            return refused
        entry = self._cache.get(url)
        if entry is None or self._clock() >= entry.until:
            found = await self._read(url, place, stored is not None)
        else:
            self._cache.move_to_end(url)
            found = entry.found
        if isinstance(found, Rejection):
            return found
        if stored is None:
            return _refused("its document cannot be had") if found is None else self._client(url, found)
        return stored if found is None else await self._renewed(stored, found)

    def _not_let_in(self, url: str) -> str:
        if not self._rules.described.documents:
            return "documents of clients are not accepted"
        if self._fetch is None:
            return "no documents are fetched here, since Watchword was given no `fetch`"
        fault = document_fault(url)
        if fault:
            return f"the URL is {fault}"
        hosts = self._rules.described.document_hosts
        return "" if not hosts or (urlsplit(url).hostname or "") in hosts else "its host is not one of document_hosts"

    async def _standing(self, stored: Credential | None) -> Rejection | None:
        """Return what the operator has against the client, or against all of its kind."""
        if stored is not None:
            return await standing(self._records, stored, Kind.OAUTH_CLIENT, self._clock())
        owner = await self._records.subject(REGISTERED)
        return None if owner is None or owner.disabled_at is None else Rejection(SUBJECT_DISABLED, REGISTERED)

    async def _read(self, url: str, place: str, kept: bool) -> ClientMetadata | Rejection | None:
        """Fetch and judge, and cache what is good; None for a kept client whose document cannot be had."""
        limited = await self._limited(url, place, kept)
        if limited is not None:
            return limited
        try:
            fetched = await self._fetched(url)
            found = await self._judged(url, fetched)
        except Unavailable as error:
            if not kept:
                return _refused(f"its document cannot be had: {error}")
            self._remember(url, _Entry(None, self._clock() + _RETRY))
            return None
        if isinstance(found, str):
            return _refused(f"its document: {found}")
        self._remember(url, _Entry(found, self._clock() + _life(fetched)))
        return found

    async def _limited(self, url: str, place: str, kept: bool) -> Rejection | None:
        """Return the refusal of who has too much fetched. A kept client waits for nobody but who asks for it alone."""
        of_all = ((f"place|{place}", _OF_PLACE), (f"host|{urlsplit(url).hostname}", _OF_HOST), ("all", _OF_ALL))
        for key, rate in ((f"kept|{url}", _OF_KEPT),) if kept else of_all:
            answer = self._meter.hit(f"client-documents|{key}", 1, rate)
            left = answer if isinstance(answer, Allowance) else await answer
            if not left.admitted:
                return Rejection(RATE_LIMITED, f"client id: too many documents ({key.partition('|')[0]})")
        return None

    async def _fetched(self, url: str) -> Fetched:
        assert self._fetch is not None  # noqa: S101 - looked at first
        answer = self._fetch(url)
        fetched = await answer if isawaitable(answer) else answer
        if fetched.status >= 500 or fetched.status == 429:
            raise Unavailable(f"status {fetched.status}")
        return fetched

    async def _judged(self, url: str, fetched: Fetched) -> ClientMetadata | str:
        """Return what the document says, or what is wrong with it (sections 4 and 4.1 of the draft)."""
        kind = fetched.headers.get("content-type", "application/json").partition(";")[0].strip()
        if fetched.status != 200 or not _KINDS.fullmatch(kind):
            return f"status {fetched.status}, {kind[:40]!a}"
        members = json_object(fetched.body) if len(fetched.body) <= MOST_BYTES else None
        if members is None:
            return "not a JSON object of 8 KiB at most"
        if members.get("client_id") != url:
            return "its client_id is another"
        if any(name in members for name in _SECRETS):
            return "a secret that everybody can read"
        found = metadata_of(members, self._permitted, "document")
        fault = found if isinstance(found, MetadataRefused) else await sector_fault(found, self._fetch)
        if isinstance(found, MetadataRefused) or fault is not None:
            return fault.description if fault is not None else ""
        own = {"client_name": urlsplit(url).hostname, **found.detail}
        more = {"client_id": url, "host": urlsplit(url).hostname, **self._rules.described.lifetimes()}
        return ClientMetadata({**own, **more}, found.scopes)

    def _remember(self, url: str, entry: _Entry) -> None:
        self._cache[url] = entry
        self._cache.move_to_end(url)
        if len(self._cache) > _MOST:
            self._cache.popitem(last=False)

    def _client(self, url: str, found: ClientMetadata) -> Credential:
        now = int(self._clock())
        return Credential(url, Kind.OAUTH_CLIENT, REGISTERED, now, scopes=found.scopes, detail=found.detail)

    # --- kept clients -------------------------------------------------------------------------------------------------

    async def keep(self, client: Credential, *, by: str) -> Credential:
        """Keep the record of a client that a person lets do something; return what is kept. Others stay as they are."""
        if client.detail.get("source") != "document" or await self._records.credential(client.id) is not None:
            return client
        if await self._records.subject(REGISTERED) is None:
            with suppress(LifecycleError):  # somebody else was faster
                await self._lifecycle.add_subject(REGISTERED, by=by)
        await self._written(Add(client), _event(self._clock(), "issue", by, client, "its document"))
        return await self._records.credential(client.id) or client

    async def _renewed(self, stored: Credential, found: ClientMetadata) -> Credential:
        """Return the kept record as the document has it now, and keep that where it changed."""
        others = {name: value for name, value in stored.detail.items() if name not in DETAIL_KEYS}
        detail: dict[str, Any] = {**others, **found.detail}
        if detail == dict(stored.detail) and found.scopes == stored.scopes:
            return stored
        changed = stored.changed(detail=detail, scopes=found.scopes)
        now = self._clock()
        heard = Publish(Topic.CHANGED, stored.id, int(now), int(now) + _HEARD)
        event = _event(now, "change", REGISTERED, changed, "its document changed")
        if await self._written(Swap(changed), heard, event):
            return changed
        return replace(stored, detail=detail, scopes=found.scopes)  # somebody wrote meanwhile: the next one keeps it

    async def _written(self, *changes: Add | Swap | Publish | Event) -> bool:
        done = await self._records.write(*changes)
        self._told()
        return done


def _life(fetched: Fetched) -> float:
    found = _MAX_AGE.search(fetched.headers.get("cache-control", "").lower())
    return min(_STALE, max(_FRESH, float(found[1]) if found is not None else 0.0))


def _refused(detail: str) -> Rejection:
    return Rejection(UNKNOWN_CREDENTIAL, f"client id: {detail}")


def _event(now: float, action: str, by: str, client: Credential, detail: str) -> Event:
    return Event(
        now,
        action,
        "done",
        scheme=client.kind,
        credential=client.id,
        subject=client.subject,
        actor=by,
        detail=detail,
    )
