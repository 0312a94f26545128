"""The pipeline: one request, six steps, forward only."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, Final, Protocol, TypeAlias

from watchword.audit import Audit
from watchword.codec.passwords import Overloaded
from watchword.guards.step_up import StepUp
from watchword.model.ports import Clock, Guard, Soon, Unavailable
from watchword.model.reason import (
    BROKEN,
    CREDENTIAL_IN_URL,
    DUPLICATE_FIELD,
    INSUFFICIENT_AUTHENTICATION,
    INSUFFICIENT_SCOPE,
    NO_CREDENTIAL,
    NONCE_NEEDED,
    OVERLOADED,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import NO_CONSTRAINTS, Allow, Challenge, Decision, Deny, Headers, Principal, Rejection
from watchword.policy import Compiled
from watchword.verdicts import FeedWatch

__all__ = ["Failures", "Gate", "Route"]

logger: logging.Logger = logging.getLogger("watchword")

_UNAUTHENTICATED = 401
_BROKEN = 503
_QUIET = 1.0
_GUESSES = frozenset({400, 401})
_NO_GUESS = (NO_CREDENTIAL, NONCE_NEEDED)  # the latter is how every client begins whose proofs must hold a nonce
_TOKENS = frozenset({"Bearer", "DPoP"})
_SETTLED = frozenset({Principal, Rejection, type(None)})
_NOTHING: Final[Headers] = ()  # what nearly every guard answers: there is but one empty tuple
_Check: TypeAlias = Callable[[Request, Principal | None], Soon[Rejection | Headers]]


class Failures(Protocol):
    """Be told of refusals, so that an address that guesses is slowed down."""

    def failed(self, request: Request) -> Soon[None]:
        """Count one refused proof."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Hold what one place in the API demands: its compiled policy, and guards before and after it.

    ``metadata`` is the URL of what the API says about itself: where it is set, challenges name it, and the scopes.
    """

    policy: Compiled
    before: tuple[Guard, ...] = ()
    after: tuple[Guard, ...] = ()
    scopes: tuple[str, ...] = ()
    metadata: str = ""
    checks_before: tuple[_Check, ...] = field(init=False, repr=False)
    checks_after: tuple[_Check, ...] = field(init=False, repr=False)  # of credentials that nothing bounds
    checks_bound: tuple[_Check, ...] = field(init=False, repr=False)  # of all others: every guard
    evaluate: Callable[[Request], Soon[Principal | Rejection | None]] = field(init=False, repr=False)
    recall: Callable[[Request], Principal | None] = field(init=False, repr=False)
    needs_body: bool = field(init=False)  # whether a scheme here signs the content

    def __post_init__(self) -> None:
        object.__setattr__(self, "recall", self.policy.recall)
        object.__setattr__(self, "evaluate", self.policy.evaluate)
        object.__setattr__(self, "needs_body", self.policy.needs_body)
        object.__setattr__(self, "checks_before", tuple(guard.check for guard in self.before))
        object.__setattr__(self, "checks_bound", tuple(guard.check for guard in self.after))
        always = [guard for guard in self.after if not getattr(guard, "bounds_only", False)]
        object.__setattr__(self, "checks_after", tuple(guard.check for guard in always))


class Gate:
    """Decide who is calling. Everything that breaks on the way is a Deny with 503, never absent, never refused."""

    __slots__ = ("_audit", "_burn", "_clock", "_failures", "_watch")

    def __init__(
        self,
        watch: FeedWatch,
        audit: Audit,
        *,
        failures: Failures | None = None,
        burn: Callable[[Request], Awaitable[None]] | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._watch = watch
        self._audit = audit
        self._failures = failures
        self._burn = burn
        self._clock = clock

    async def decide(self, request: Request, route: Route) -> Decision:
        """Walk the request past the guards and through the policy of its route; note the outcome; answer."""
        decision = self.judge(request, route)
        return Allow(decision) if isinstance(decision, Principal) else await decision

    def judge(self, request: Request, route: Route) -> Principal | Coroutine[Any, Any, Decision]:
        """Return who may enter where that is plain at once, for less than a coroutine costs; else what decides later.

        Whatever is not plain goes on in ``_later``, from the very step that answered otherwise.
        """
        clock = self._clock  # what an instance holds is called by a name of its own: in half the time
        now = clock()
        try:
            watch = self._watch
            if now >= watch.due or now < watch.read_at:
                reading = watch.sync(now)
                if reading is not None:
                    return self._later(request, route, now, self._read(reading, request, route, now))
            if request.repeated:
                return self._deny(request, route, _duplicate(request), now)
            for check in route.checks_before:
                answer = check(request, None)
                if answer is not _NOTHING:
                    rest = _following(route.checks_before, check)
                    return self._later(request, route, now, self._before(request, route, now, rest, answer))
            recall = route.recall
            verdict: Any = recall(request)
            if type(verdict) is not Principal:
                verdict = route.evaluate(request)
                if type(verdict) is not Principal:  # exactly: whatever else comes out is looked at slowly
                    return self._later(request, route, now, self._judged(request, route, now, (), verdict))
            free = verdict.constraints is NO_CONSTRAINTS
            checks = route.checks_after if free else route.checks_bound
            for check in checks:
                answer = check(request, verdict)
                if answer is not _NOTHING:
                    rest = _following(checks, check)
                    return self._later(request, route, now, self._after(request, route, now, (), rest, answer, verdict))
            self._audit.note(now, request, verdict)
            return verdict
        except Exception as error:  # whatever broke: broken is 503
            return self._deny(request, route, _broken(error), now)

    async def _later(self, request: Request, route: Route, now: float, rest: Awaitable[Decision]) -> Decision:
        """Await the rest of a decision; what breaks there is 503, too."""
        try:
            return await rest
        except Exception as error:
            return await self._deny(request, route, _broken(error), now)

    async def _read(self, reading: Awaitable[None], request: Request, route: Route, now: float) -> Decision:
        await reading
        if request.repeated:
            return await self._deny(request, route, _duplicate(request), now)
        return await self._before(request, route, now, iter(route.checks_before), _NOTHING)

    async def _before(
        self, request: Request, route: Route, now: float, checks: Iterator[_Check], answer: Soon[Rejection | Headers]
    ) -> Decision:
        passed = await _passed(request, None, checks, answer)
        if isinstance(passed, Rejection):
            return await self._deny(request, route, passed, now)
        return await self._judged(request, route, now, passed, route.evaluate(request))

    async def _judged(
        self,
        request: Request,
        route: Route,
        now: float,
        headers: Headers,
        verdict: Soon[Principal | Rejection | None],
    ) -> Decision:
        found = verdict if verdict.__class__ in _SETTLED else await verdict  # type: ignore[misc]
        # Exactly a Principal, or None where the policy says so: whatever else comes out is no leave to enter.
        if found.__class__ is not Principal and not (found is None and route.policy.public):
            return await self._deny(request, route, _refused(found), now)
        who: Principal | None = found
        free = who is None or who.constraints is NO_CONSTRAINTS
        checks = iter(route.checks_after if free else route.checks_bound)
        return await self._after(request, route, now, headers, checks, _NOTHING, who)

    async def _after(
        self,
        request: Request,
        route: Route,
        now: float,
        headers: Headers,
        checks: Iterator[_Check],
        answer: Soon[Rejection | Headers],
        who: Principal | None,
    ) -> Decision:
        passed = await _passed(request, who, checks, answer)
        if isinstance(passed, Rejection):
            return await self._deny(request, route, _of(passed, who), now)
        self._audit.note(now, request, who)
        return Allow(who, (*headers, *passed))

    async def screen(self, request: Request, route: Route) -> Deny | None:
        """Walk past the guards that need nobody, where something else will decide; only a refusal is noted."""
        now = self._clock()
        try:
            watch = self._watch
            if now >= watch.due or now < watch.read_at:  # what is signed after a login must not be void already
                reading = watch.sync(now)
                if reading is not None:
                    await reading
            if request.repeated:
                return await self._deny(request, route, _duplicate(request), now)
            passed = await _passed(request, None, iter(route.checks_before), _NOTHING)
            return await self._deny(request, route, passed, now) if isinstance(passed, Rejection) else None
        except Exception as error:
            return await self._deny(request, route, _broken(error), now)

    def refuse(self, request: Request, rejection: Rejection) -> Deny:
        """Refuse what never reaches a policy: no route, content too large. It is noted like every decision."""
        reference = secrets.token_hex(8)
        try:
            self._audit.note(self._clock(), request, rejection, reference)
        except Unavailable as error:
            rejection = _broken(error)
        return Deny(rejection, reference, (), rejection.headers)

    def broken(self, request: Request, error: Exception) -> Deny:
        """Answer 503 for what broke before there was anything to decide: the start, the reading of the request."""
        return self.refuse(request, _broken(error))

    async def _deny(self, request: Request, route: Route, rejection: Rejection, now: float) -> Deny:
        reference = secrets.token_hex(8)
        challenges: tuple[Challenge, ...] = ()
        try:
            if rejection.reason.status != _BROKEN:
                await self._punish(request, rejection.reason)
                if not rejection.scheme:
                    rejection = replace(rejection, scheme=_presented(request, route))
                challenges = _challenges(request, route, rejection)
        except Exception as error:
            rejection, challenges = _broken(error), ()
        try:
            self._audit.note(now, request, rejection, reference)
        except Exception as error:
            rejection, challenges = _broken(error), ()
        return Deny(rejection, reference, challenges, rejection.headers)

    async def _punish(self, request: Request, reason: Reason) -> None:
        """Count a refused proof against its address; take back what travelled in the URL."""
        if self._failures is not None and reason.status in _GUESSES and reason not in _NO_GUESS:
            counted = self._failures.failed(request)
            if counted is not None:
                await counted
        if reason is CREDENTIAL_IN_URL and self._burn is not None:
            await self._burn(request)


def _following(checks: tuple[_Check, ...], check: _Check) -> Iterator[_Check]:
    """Return what comes after ``check``, which is one of ``checks`` itself: each of those is an object of its own."""
    every = iter(checks)
    while next(every) is not check:
        pass
    return every


async def _passed(
    request: Request, who: Principal | None, checks: Iterator[_Check], answer: Soon[Rejection | Headers]
) -> Rejection | Headers:
    """Take an answer and ask the rest of the guards; return the first refusal, or every header field."""
    headers: Headers = _NOTHING
    while True:
        if answer is not _NOTHING:
            answer = await answer if isawaitable(answer) else answer
            if isinstance(answer, Rejection):
                return answer
            headers = (*headers, *answer)  # None, from a guard that forgot to answer, breaks here
        check = next(checks, None)
        if check is None:
            return headers
        answer = check(request, who)


def _broken(error: Exception) -> Rejection:
    """Return 503, and log the kind of error and its place, never its text: that may quote a secret."""
    _report(error)
    if isinstance(error, Overloaded):
        return Rejection(OVERLOADED, type(error).__name__, headers=((b"retry-after", b"1"),))
    return Rejection(BROKEN, type(error).__name__, headers=((b"retry-after", b"5"),))


_reported: dict[str, float] = {}


def _report(error: Exception) -> None:
    """Log an error, the same one at most once a second: a broken store must not fill the disk too."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "nowhere"
    message = f"{type(error).__name__} at {place}"
    now = time.monotonic()
    if now - _reported.get(message, -_QUIET) >= _QUIET:
        _reported[message] = now
        logger.error("a decision broke: %s", message)


def _duplicate(request: Request) -> Rejection:
    return Rejection(DUPLICATE_FIELD, b" ".join(sorted(request.repeated)).decode())


def _refused(verdict: object) -> Rejection:
    """Return what a policy answered instead of a principal."""
    if isinstance(verdict, Rejection):
        return verdict
    raise TypeError(f"a policy answered with {verdict.__class__.__name__}")


def _of(rejection: Rejection, who: Principal | None) -> Rejection:
    """Return the rejection with the public name of whom it refused, for the audit."""
    if who is None:
        return rejection
    return replace(rejection, scheme=who.scheme, credential=who.credential)


def _presented(request: Request, route: Route) -> str:
    """Return the first scheme of the route that the request presents, "" when there is none."""
    return next((name for name, presence in route.policy.trace(request) if presence != "absent"), "")


def _challenges(request: Request, route: Route, rejection: Rejection) -> tuple[Challenge, ...]:
    if rejection.reason.status == _UNAUTHENTICATED:
        found = route.policy.challenges(rejection, request)
        if rejection.reason is INSUFFICIENT_AUTHENTICATION:
            return _described(route, _step_up_challenges(route, found))
        return _described(route, _scoped(route, found) if route.metadata else found)
    return _described(route, _scope_challenge(route)) if rejection.reason is INSUFFICIENT_SCOPE else ()


def _step_up_challenges(route: Route, found: tuple[Challenge, ...]) -> tuple[Challenge, ...]:
    """Say to who bears a token how strong and how fresh a login the route wants (RFC 9470 section 3)."""
    demands = next((guard.demands for guard in route.after if isinstance(guard, StepUp)), ())
    return _with(found, demands)


def _scope_challenge(route: Route) -> tuple[Challenge, ...]:
    """Name the scopes that the route wants (RFC 6750 section 3.1), where tokens are accepted at all."""
    found = tuple(each for each in route.policy.challenges(None) if each.scheme in _TOKENS)
    return _scoped(route, _with(found, (("error", INSUFFICIENT_SCOPE.error),)))


def _scoped(route: Route, found: tuple[Challenge, ...]) -> tuple[Challenge, ...]:
    return _with(found, (("scope", " ".join(route.scopes)),)) if route.scopes else found


def _described(route: Route, found: tuple[Challenge, ...]) -> tuple[Challenge, ...]:
    """Say where clients learn who gives out tokens for this API (RFC 9728 section 5.1)."""
    return _with(found, (("resource_metadata", route.metadata),)) if route.metadata else found


def _with(found: tuple[Challenge, ...], more: tuple[tuple[str, str], ...]) -> tuple[Challenge, ...]:
    return tuple(
        Challenge(each.scheme, (*each.parameters, *more)) if each.scheme in _TOKENS else each for each in found
    )
