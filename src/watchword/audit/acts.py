"""Say what a note is about: the text that the log keeps, and what it is counted by."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from watchword.audit.counting import REST, Counted, fitting, method_of, network_of, shape_of
from watchword.audit.redaction import place, redact
from watchword.codec.events import act_around, act_of, quoted
from watchword.model.reason import METHOD_NOT_ALLOWED, NO_ROUTE, NOT_FOUND, REVOKED
from watchword.model.records import Event
from watchword.model.verdict import Principal, Rejection

__all__ = ["Act", "Acts", "Noted", "Verdict"]

Verdict: TypeAlias = Principal | Rejection | None

_DETAIL_SHOWN: Final = 256
_ROUTES: Final = 64  # of one caller that are remembered
_BROKEN: Final = 503
_NOWHERE: Final = frozenset({NO_ROUTE, NOT_FOUND, METHOD_NOT_ALLOWED})  # callers made such places up
_KEY: Final = 512  # bytes of one name: an index entry of PostgreSQL holds 2704 in all
_SHORT: Final = 256
_TOKENS: Final = frozenset({"jti", "token"})  # kinds of names that are said of one token alone


class Act(NamedTuple):
    """Hold all that a note says but its time."""

    text: str
    counted: Counted


class Noted:
    """Hold what was noted but for its time: all that a caller does again in one place is one of these.

    It is the same as itself only. ``act`` is there once it was made.
    """

    __slots__ = ("act", "address", "method", "path", "reference", "verdict")

    def __init__(self, method: str, path: bytes, address: str, verdict: Verdict, reference: str = "") -> None:
        self.method: str = method
        self.path: bytes = path
        self.address: str = address
        self.verdict: Verdict = verdict
        self.reference: str = reference
        self.act: Act | None = None


class _Way:
    """Hold what one caller from one address does by one method, wherever: acts there differ in little."""

    __slots__ = ("_around", "_counted", "_event", "_routes")

    def __init__(self, event: Event, counted: Counted) -> None:
        self._event = event
        self._around = act_around(event)
        self._counted = counted
        self._routes: dict[str, Counted] = {}

    def to(self, where: str, route: str) -> Act:
        """Return the act of doing it there."""
        counted = self._routes.get(route)
        if counted is None:
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            counted = self._routes[route] = self._counted._replace(route=route)
        if not where:
            return Act(act_of(self._event), counted)
        before, after = self._around
        return Act(f"{before}{quoted(where)}{after}", counted)


class Acts:
    """Make acts; of what one caller does again all that does not hang on the place is remembered.

    ``template`` returns the path of the configured route of a method and a decoded path, None where there is none.
    """

    __slots__ = ("_route", "_ways", "template")

    def __init__(self) -> None:
        self.template: Callable[[str, str], str | None] = _none
        self._route = lru_cache(4096)(self._labelled)
        self._ways = lru_cache(4096)(self._way)

    def act(self, noted: Noted) -> Act:
        """Return what a note says."""
        method, path, verdict = noted.method, noted.path, noted.verdict
        if isinstance(verdict, Rejection):
            return self._refused(method, path, noted.address, verdict, noted.reference)
        if verdict is None:
            way = self._ways(method, noted.address, "", "", "", "", "public")
        else:
            subject, scheme, credential, _, _, _, _, actor, _ = verdict
            way = self._ways(method, noted.address, scheme, credential, subject, actor or "", "")
        return way.to(place(path), self._route(method, path))

    def route(self, method: str, path: bytes) -> str:
        """Return what a method and a raw path are counted as."""
        return self._route(method, path)

    def _way(
        self, method: str, address: str, scheme: str, credential: str, subject: str, actor: str, reason: str
    ) -> _Way:
        event = Event(
            0.0, "decide", "accepted", reason, "", scheme, credential, subject, actor, redact(method), "", address
        )
        return _Way(event, self._counted(event, ""))

    def _refused(self, method: str, path: bytes, address: str, rejection: Rejection, reference: str) -> Act:
        event = Event(
            0.0,
            "decide",
            "broken" if rejection.reason.status == _BROKEN else "refused",
            reason=rejection.reason.code,
            reference=reference,
            scheme=rejection.scheme,
            credential=rejection.credential,
            method=redact(method),
            path=place(path),
            address=address,
            detail=redact(rejection.detail)[:_DETAIL_SHOWN],
        )
        return Act(act_of(event), self._counted(event, self._route(method, path, rejection.reason in _NOWHERE)))

    def _counted(self, event: Event, route: str) -> Counted:
        return Counted(
            _counted_as(event.credential, event.reason),
            fitting(event.subject, _KEY),
            fitting(event.scheme, _SHORT),
            route,
            network_of(event.address),
            event.outcome,
            event.reason,
        )

    def _labelled(self, method: str, path: bytes, nowhere: bool = False) -> str:
        """Return the route as it was configured; where none was, the path without what looks like an id."""
        plain = path.decode("utf-8", "backslashreplace")
        template = self.template(method, unquote(plain) if "%" in plain else plain)
        if template is not None:
            return fitting(f"{method_of(method)} {template}", _SHORT)
        return REST if nowhere else fitting(shape_of(method, place(path)), _SHORT)


def _counted_as(credential: str, reason: str) -> str:
    """Return the name of what was proved. Tokens that nobody keeps a record of are one: each of them is another.

    One that was taken back keeps its name, for those are few, and who uses them is asked for.
    """
    if ":" not in credential and len(credential) <= _KEY:
        return fitting(credential, _KEY)
    return "+".join([_part_as(part, reason) for part in credential.split("+")])


def _part_as(part: str, reason: str) -> str:
    kind, outside, _ = part.partition(":")
    return f"{kind}:{REST}" if outside and kind in _TOKENS and reason != REVOKED.code else fitting(part, _KEY)


def _none(method: str, path: str) -> None:
    return None
