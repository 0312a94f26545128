"""What the core asks of the world: protocols with few verbs, all atomic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from watchword.model.credential import Credential, Kind
from watchword.model.records import Change, Event, FeedEntry, Packed, Subject
from watchword.model.request import Request
from watchword.model.usage import Observed
from watchword.model.verdict import Challenge, Headers, Principal, Rate, Rejection, SecurityScheme

__all__ = [
    "Allowance",
    "AuditLog",
    "Clock",
    "Ephemeral",
    "Feed",
    "Fetch",
    "Fetched",
    "Guard",
    "Meter",
    "Passwords",
    "Records",
    "Scheme",
    "Soon",
    "Unavailable",
]

T = TypeVar("T")
C = TypeVar("C")

Soon: TypeAlias = T | Awaitable[T]
"""A value now, or an awaitable of it: cache hits stay synchronous and are not awaited."""

Clock: TypeAlias = Callable[[], float]
"""Return Unix seconds."""


class Unavailable(Exception):
    """Say that a store or an outside provider is broken: 503, never absent, never refused."""


@runtime_checkable
class Scheme(Protocol[C]):
    """Prove who is calling by one kind of credential. One file = one scheme.

    A scheme may have ``recall(request)``: whom the request proves where that is plain at once, as when the very same
    proof did before, or None. It is asked first, for speed, and answers nothing that ``read`` and ``verify`` would not.
    One with ``needs_body`` may have ``reads_body(request)``: whether this request's content must be read for it
    (without: what ``read`` finds tells). A scheme may say in ``carrier`` which field alone it can travel in
    ("Authorization"), so that a policy that asks for two of those together is refused when it is compiled. One that is
    presented by several HTTP authentication schemes may have ``challenges(rejection, request)``, which is then asked
    instead of ``challenge``.
    """

    name: str
    needs_body: bool

    def read(self, request: Request) -> C | Rejection | None:
        """Return this scheme's credential, a Rejection when it is malformed, None when there is none. Pure."""
        ...

    def verify(self, credential: C, request: Request) -> Soon[Principal | Rejection]:
        """Return who it proves, or why not. Raise Unavailable (or anything) when that cannot be told."""
        ...

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Return what to ask the caller for (WWW-Authenticate), None for schemes that have no challenge."""
        ...

    def describe(self) -> SecurityScheme:
        """Return the OpenAPI 3.1 security scheme object."""
        ...


class Guard(Protocol):
    """Defend by one rule; ``who`` is None before authentication and on public routes."""

    def check(self, request: Request, who: Principal | None) -> Soon[Rejection | Headers]:
        """Return a Rejection, or header fields for the response (usually none: ``()``)."""
        ...


class Records(Protocol):
    """Keep credentials and subjects durably: an acknowledged write survives a crash."""

    async def credential(self, id: str) -> Credential | None:
        """Return the credential with this public id."""
        ...

    async def credential_by(self, lookup: bytes) -> Credential | None:
        """Return the credential whose ``lookup`` digest this is."""
        ...

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page ordered by id, strictly after ``after``."""
        ...

    async def subject(self, name: str) -> Subject | None:
        """Return the subject of this name."""
        ...

    async def subjects(self, *, prefix: str = "", after: str = "", limit: int = 100) -> list[Subject]:
        """Return a page ordered by name, strictly after ``after``."""
        ...

    async def write(self, *changes: Change) -> bool:
        """Apply all changes in one transaction, or none: False when an Add, a Swap or a Drop lost."""
        ...

    async def used(self, seen: Mapping[str, int]) -> None:
        """Set ``last_used_at`` of each credential id to the given Unix second if that is later; no version change."""
        ...


class Ephemeral(Protocol):
    """Keep short-lived values, each verb atomic over all workers that share the store. Times are Unix seconds."""

    def claim(self, key: bytes, until: float) -> Soon[bool]:
        """Return True to exactly one caller for this key until ``until``; survives a restart."""
        ...

    async def put(self, key: str, value: bytes, until: float) -> None:
        """Keep a value."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the value if it has not expired."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Return the value to exactly one caller and forget it."""
        ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """Answer a Meter: whether to admit, requests left now, seconds until ``retry`` helps and until full again."""

    admitted: bool
    remaining: int
    retry_after: float
    reset_after: float


class Meter(Protocol):
    """Count requests by GCRA: bursts up to ``rate.count``, then evenly."""

    def hit(self, key: str, cost: int, rate: Rate) -> Soon[Allowance]:
        """Spend ``cost`` if there is room; cost 0 only looks."""
        ...


class AuditLog(Protocol):
    """Append events durably and page them."""

    async def append(self, events: Sequence[Event] | Packed, observed: Observed | None = None) -> None:
        """Append a batch and what was observed in it, all or nothing, chained to the one before.

        Packed are events already encoded.
        """
        ...

    async def events(self, *, since: float = 0.0, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        """Return (position, event) pairs in order, positions strictly after ``after``."""
        ...


class Feed(Protocol):
    """Read revocations in order: no entry ever appears behind a sequence number already read."""

    def entries(self, after: int) -> Soon[list[FeedEntry]]:
        """Return the entries with a sequence number above ``after`` that have not ended, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """Answer a Fetch: status, body, and of the header fields ``cache-control`` and ``content-type``, as sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


class Fetch(Protocol):
    """Make one outgoing HTTPS request: no redirects, bounded size and time."""

    def __call__(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Soon[Fetched]:
        """GET, or POST a form when ``data`` is given. Raise Unavailable when there is no usable answer."""
        ...


class Passwords(Protocol):
    """Hash and verify passwords, bounded in number at once and off the event loop."""

    def verify(self, encoded: str, password: str) -> Soon[bool]:
        """Return whether the password fits the encoded hash."""
        ...

    def hash(self, password: str) -> Soon[str]:
        """Return the encoded hash."""
        ...


Claims: TypeAlias = Mapping[str, Any]
