"""Have people prove themselves again, by a second factor where they have one, before they reveal or destroy.

A machine cannot: what bounds it are its scopes, its networks and its limit. Who is a person says the subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchword.guards.step_up import StepUp
from watchword.lifecycle.people.factors import FACTORS, SecondFactors
from watchword.model.ports import Clock, Soon
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["Anew"]

_SKEW: Final = 60  # seconds that another issuer's clock may be ahead
_OUTSIDE: Final = ":"  # in the names of what others issued, never in a public id of ours


class Anew(StepUp):
    """Be a guard that lets in services, and people who proved themselves within the last ``within`` seconds.

    A person with second factors has to have proved one of them in that time, with their session or token: a key that
    they hold proves no factor.
    """

    __slots__ = ("_factors", "_now")

    def __init__(self, within: float, factors: SecondFactors, clock: Clock) -> None:
        super().__init__((), within, clock)
        self._factors = factors
        self._now = clock

    def check(self, request: Request, who: Principal | None) -> Soon[Rejection | Headers]:  # type: ignore[override]
        """Return a Rejection that asks for another proof, or nothing."""
        return () if who is None or who.kind != "user" else self._checked(who)

    async def _checked(self, who: Principal) -> Rejection | Headers:
        enrolled = await self._factors.enrolled(who.subject)
        names = {FACTORS[each.kind] for each in enrolled}
        times = _proved(who)
        proved = [times.get(name, 0.0) for name in names] if names else [float(who.authenticated_at)]
        age = self._now() - max(proved)
        within = self.within or 0.0
        if -_SKEW <= age <= within:
            return ()
        wanted = " or ".join(sorted(names)) or "a login"
        return Rejection(INSUFFICIENT_AUTHENTICATION, f"{wanted} within {within:.0f} s")


def _proved(who: Principal) -> dict[str, float]:
    """Return when each factor was proved: our own logins say so, of others' all are as old as the login."""
    proved = who.claims.get("proved")
    if isinstance(proved, Mapping) and _OUTSIDE not in who.credential:
        return {name: float(at) for name, at in proved.items() if isinstance(at, int | float)}
    return dict.fromkeys(who.factors, float(who.authenticated_at))
