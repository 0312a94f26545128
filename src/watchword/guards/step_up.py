"""Demand a stronger or fresher login than the caller has (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchword.model.ports import Clock
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION, NO_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["StepUp"]

_SKEW: Final = 60  # seconds that another issuer's clock may be ahead


class StepUp:
    """Let in only who proved all of ``factors`` (RFC 8176 names) and logged in within the last ``within`` seconds."""

    __slots__ = ("_clock", "factors", "within")

    def __init__(self, factors: Iterable[str], within: float | None, clock: Clock) -> None:
        self.factors: frozenset[str] = frozenset(factors)
        self.within: float | None = within
        self._clock = clock

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return a Rejection that names what is missing, or nothing."""
        if not self.factors and self.within is None:
            return ()
        if who is None:
            return Rejection(NO_CREDENTIAL, "a login is required")
        if not self.factors.issubset(who.factors):
            missing = " ".join(sorted(self.factors.difference(who.factors)))
            return Rejection(INSUFFICIENT_AUTHENTICATION, f"factors missing: {missing}")
        if self.within is not None:
            age = self._clock() - who.authenticated_at
            if not -_SKEW <= age <= self.within:
                return Rejection(INSUFFICIENT_AUTHENTICATION, f"{age:.0f} s since the login, {self.within:.0f} allowed")
        return ()
