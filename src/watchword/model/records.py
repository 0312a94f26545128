"""Records that are not credentials: subjects, feed entries, audit events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from watchword.model.credential import Credential

__all__ = ["Add", "Change", "Drop", "Event", "FeedEntry", "Packed", "Publish", "Record", "Subject", "Swap", "Topic"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Record a user or a service: ``name`` is "user:alice" or "service:billing"."""

    name: str
    created_at: int
    disabled_at: int | None = None
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    version: int = 1

    def changed(self, **fields: Any) -> Subject:
        """Return the next version with ``fields`` changed."""
        return replace(self, version=self.version + 1, **fields)


class Topic(StrEnum):
    """Name what a feed entry is about."""

    CREDENTIAL = "credential"  # key: a credential's id, taken back: tokens that came from it are void too
    CHANGED = "changed"  # key: a credential's id, whose record changed: forget what is cached, read it again
    SUBJECT = "subject"  # key: a subject; tokens issued before ``at`` are void
    TOKEN = "token"  # noqa: S105 - key: the ``jti`` of one token
    KEYS = "keys"  # signing keys changed: load them again


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """Tell every node that something was taken back; ``until`` is when the entry may be forgotten."""

    sequence: int
    topic: Topic
    key: str
    at: int
    until: int


class Event(NamedTuple):
    """Record one decision or administrative act. No field ever holds a secret. A tuple: one is made per request."""

    at: float
    action: str  # "decide", or the lifecycle's verb: "issue", "rotate", "revoke", ...
    outcome: str  # "accepted", "refused", "broken", "done"
    reason: str = ""
    reference: str = ""
    scheme: str = ""
    credential: str = ""
    subject: str = ""
    actor: str = ""
    method: str = ""
    path: str = ""
    address: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """Hold a batch of events as the log keeps it: when the first and the last happened (Unix seconds), how many."""

    first_at: float
    last_at: float
    count: int
    text: str


Record: TypeAlias = Credential | Subject


@dataclass(frozen=True, slots=True)
class Add:
    """Insert a record; lost when its key exists."""

    record: Record


@dataclass(frozen=True, slots=True)
class Swap:
    """Replace the stored version ``new.version - 1`` by ``new``; lost when another version is stored."""

    new: Record


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete a record for good; lost when another version is stored."""

    old: Record


@dataclass(frozen=True, slots=True)
class Publish:
    """Append to the revocation feed; the store gives the sequence number."""

    topic: Topic
    key: str
    at: int
    until: int


Change: TypeAlias = Add | Swap | Drop | Publish | Event
