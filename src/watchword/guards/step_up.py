"""Demand a stronger or fresher login than the caller has (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from watchword.model.ports import Clock
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION, NO_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["STEP_UP", "StepUp"]

STEP_UP: Final = "/login/step-up"
"""Where a person proves what is missing."""

_SKEW: Final = 60  # seconds that another issuer's clock may be ahead
_FIRST: Final = frozenset({"pwd", "fed"})
_OUTSIDE: Final = ":"  # in the names of what others issued, never in a public id of ours


class StepUp:
    """Let in only who proved all of ``factors`` (RFC 8176 names), each within the last ``within`` seconds.

    Each demanded factor has to be fresh itself: a fresh code does not make up for an old passkey (GHSA-hp74-gm6m-2qm5).
    When it was proven, our own sessions and tokens say in ``claims["proved"]``; elsewhere all are as old as the login.
    Where no factor is named, the latest proof has to be fresh.
    """

    __slots__ = ("_clock", "_place", "demands", "factors", "within")

    def __init__(self, factors: Iterable[str], within: float | None, clock: Clock) -> None:
        self.factors: frozenset[str] = frozenset(factors)
        self.within: float | None = within
        self.demands: tuple[tuple[str, str], ...] = _demands(self.factors, within)
        self._place = f"{STEP_UP}?" + (f"factors={quote(' '.join(sorted(self.factors)))}&" if self.factors else "")
        self._clock = clock

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return a Rejection that names what is missing, or nothing."""
        if not self.factors and self.within is None:
            return ()
        if who is None:
            return Rejection(NO_CREDENTIAL, "a login is required")
        if not self.factors.issubset(who.factors):
            missing = " ".join(sorted(self.factors.difference(who.factors)))
            return self._refused(request, who, f"factors missing: {missing}")
        if self.within is not None:
            age = self._clock() - self._proved_at(who)
            if not -_SKEW <= age <= self.within:
                return self._refused(request, who, f"{age:.0f} s since the login, {self.within:.0f} allowed")
        return ()

    def _proved_at(self, who: Principal) -> float:
        """Return when the oldest of the demanded factors was proven, or the login where none is named."""
        proved = who.claims.get("proved") if self.factors and _OUTSIDE not in who.credential else None
        if not isinstance(proved, Mapping):
            return who.authenticated_at
        return min(_moment(proved.get(name), who.authenticated_at) for name in self.factors)

    def _refused(self, request: Request, who: Principal, detail: str) -> Rejection:
        headers = ((b"location", self._step_up(request)),) if _browsing(request, who) else ()
        return Rejection(INSUFFICIENT_AUTHENTICATION, detail, headers)

    def _step_up(self, request: Request) -> bytes:
        """Return the page to prove more on, which leads back here."""
        return f"{self._place}next={quote(request.target, safe='/')}".encode("ascii")


def _demands(factors: frozenset[str], within: float | None) -> tuple[tuple[str, str], ...]:
    """Return the parameters of the challenge (RFC 9470 section 3): strength, age, and which factors we mean."""
    acr = (("acr_values", "aal1" if factors <= _FIRST else "aal2"),) if factors else ()
    age = (("max_age", f"{within:.0f}"),) if within is not None else ()
    named = (("factors", " ".join(sorted(factors))),) if factors else ()
    return (*acr, *age, *named)


def _browsing(request: Request, who: Principal) -> bool:
    """Return whether a person looks at a page, rather than a script at what it fetched."""
    if request.method != "GET" or "session" not in who.scheme:
        return False
    mode = request.fields.get(b"sec-fetch-mode", b"navigate")
    return mode == b"navigate" and b"text/html" in request.fields.get(b"accept", b"")


def _moment(value: object, otherwise: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
