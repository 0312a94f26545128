"""Say what a note is about: the text that the log keeps, and what it is counted by."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from watchword.audit.counting import REST, Counted, fitting, method_of, network_of, shape_of
from watchword.audit.redaction import place, redact
from watchword.codec.events import act_of
from watchword.model.reason import METHOD_NOT_ALLOWED, NO_ROUTE, NOT_FOUND, REVOKED
from watchword.model.records import Event
from watchword.model.verdict import Principal, Rejection

__all__ = ["Act", "Acts", "Noted", "Verdict"]

Verdict: TypeAlias = Principal | Rejection | None

_DETAIL_SHOWN: Final = 256
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


class Acts:
    """Make acts; what one caller does again in one place is remembered.

    ``template`` returns the path of the configured route of a method and a decoded path, None where there is none.
    """

    __slots__ = ("_accepted", "_route", "template")

    def __init__(self) -> None:
        self.template: Callable[[str, str], str | None] = _none
        self._route = lru_cache(4096)(self._labelled)
        self._accepted = lru_cache(4096)(self._of_a_principal)

    def act(self, noted: Noted) -> Act:
        """Return what a note says."""
        verdict, place = noted.verdict, (noted.method, noted.path, noted.address)
        if isinstance(verdict, Rejection):
            return self._refused(*place, verdict, noted.reference)
        if verdict is None:
            return self._accepted(*place, "", "", "", "", "public")
        return self._accepted(*place, verdict.scheme, verdict.credential, verdict.subject, verdict.actor or "", "")

    def route(self, method: str, path: bytes) -> str:
        """Return what a method and a raw path are counted as."""
        return self._route(method, path)

    def _of_a_principal(
        self,
        method: str,
        path: bytes,
        address: str,
        scheme: str,
        credential: str,
        subject: str,
        actor: str,
        reason: str,
    ) -> Act:
        verb, where = redact(method), place(path)
        event = Event(0.0, "decide", "accepted", reason, "", scheme, credential, subject, actor, verb, where, address)
        return Act(act_of(event), self._counted(event, self._route(method, path)))

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
