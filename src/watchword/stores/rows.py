"""Map records to rows and back, the same for every store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from watchword.model.credential import Credential, Kind
from watchword.model.records import FeedEntry, Publish, Record, Subject, Topic
from watchword.model.verdict import Rate

__all__ = [
    "check",
    "credential_from",
    "credential_row",
    "feed_entry_from",
    "folded",
    "prefix_end",
    "publish_row",
    "storable",
    "subject_from",
    "subject_row",
]

Row = Sequence[Any]

_LONGEST_KEY = 512  # bytes of UTF-8: an index entry of PostgreSQL holds no more than 2704
_LONGEST_NAME = 64  # characters
_LAST_CHARACTER = "\U0010ffff"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def storable(*texts: str) -> bool:
    """Tell whether every store can hold these texts: no NUL (PostgreSQL), no lone surrogate (UTF-8).

    A caller may send anything: what cannot be stored cannot be found either, and that is no fault of the store.
    """
    for text in texts:
        if "\0" in text:
            return False
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return False
    return True


def check(record: Record | Publish) -> None:
    """Raise ValueError when some store could not hold the record."""
    texts: list[str | None] = []
    if isinstance(record, Subject):
        keys = [record.name]
    elif isinstance(record, Publish):
        keys = [record.key]
    else:
        keys = [record.id, record.subject]
        texts = [record.replaces, record.replaced_by, record.revoked_by, record.revoke_reason]
    if not storable(*keys, *(text for text in texts if text)):
        raise ValueError("a record's text may hold neither NUL nor lone surrogates")
    if any(len(key.encode()) > _LONGEST_KEY for key in keys):
        raise ValueError(f"a record's key may be {_LONGEST_KEY} bytes long, not longer")


def prefix_end(prefix: str) -> str | None:
    """Return the least text above all texts with this prefix, None when there is none."""
    prefix = prefix.rstrip(_LAST_CHARACTER)
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:
        following = 0xE000
    return prefix[:-1] + chr(following)


def credential_row(record: Credential) -> dict[str, Any]:
    """Return the column values of a credential."""
    limit = record.limit
    return {
        "id": record.id,
        "kind": record.kind.value,
        "subject": record.subject,
        "created_at": record.created_at,
        "scopes": _text(sorted(record.scopes)),
        "lookup": record.lookup,
        "secret": record.secret,
        "networks": _text(record.networks),
        "limit_count": None if limit is None else limit.count,
        "limit_seconds": None if limit is None else limit.seconds,
        "not_before": record.not_before,
        "expires_at": record.expires_at,
        "retire_at": record.retire_at,
        "replaces": record.replaces,
        "replaced_by": record.replaced_by,
        "revoked_at": record.revoked_at,
        "revoked_by": record.revoked_by,
        "revoke_reason": record.revoke_reason,
        "leaked": record.leaked,
        "last_used_at": record.last_used_at,
        "detail": _object(record.detail),
        "version": record.version,
        "name": folded(str(record.detail.get("name") or record.detail.get("client_name") or "")) or None,
    }


def folded(name: str) -> str:
    """Return a name as it is searched for: without a difference of case, not too long for an index; "" for none."""
    text = name.casefold()[:_LONGEST_NAME]
    return text if storable(text) else ""


def credential_from(row: Row) -> Credential:
    """Return the credential of a row: the columns in the order of the table."""
    id, kind, subject, created_at, scopes, lookup, secret, networks, count, seconds = row[:10]
    not_before, expires_at, retire_at, replaces, replaced_by, revoked_at, revoked_by, revoke_reason = row[10:18]
    leaked, last_used_at, detail, version = row[18:22]
    return Credential(
        id,
        Kind(kind),
        subject,
        created_at,
        frozenset(json.loads(scopes)) if scopes else frozenset(),
        lookup,
        secret,
        tuple(json.loads(networks)) if networks else (),
        None if count is None else Rate(count, seconds),
        not_before,
        expires_at,
        retire_at,
        replaces,
        replaced_by,
        revoked_at,
        revoked_by,
        revoke_reason,
        bool(leaked),
        last_used_at,
        _mapping(detail),
        version,
    )


def subject_row(record: Subject) -> dict[str, Any]:
    """Return the column values of a subject."""
    return {
        "name": record.name,
        "created_at": record.created_at,
        "disabled_at": record.disabled_at,
        "detail": _object(record.detail),
        "version": record.version,
    }


def subject_from(row: Row) -> Subject:
    """Return the subject of a row: the columns in the order of the table."""
    name, created_at, disabled_at, detail, version = row
    return Subject(name, created_at, disabled_at, _mapping(detail), version)


def publish_row(change: Publish) -> dict[str, Any]:
    """Return the column values of a feed entry but its sequence number."""
    return {"topic": change.topic.value, "key": change.key, "at": change.at, "until": change.until}


def feed_entry_from(row: Row) -> FeedEntry:
    """Return the feed entry of a row: the columns in the order of the table."""
    sequence, topic, key, at, until = row
    return FeedEntry(sequence, Topic(topic), key, at, until)


def _text(values: Sequence[str]) -> str:
    return json.dumps(list(values), separators=(",", ":")) if values else ""


def _object(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), separators=(",", ":"), allow_nan=False) if values else ""


def _mapping(text: str) -> Mapping[str, Any]:
    return MappingProxyType(json.loads(text)) if text else _NOTHING
