"""Walk a request through a gate of its own and note each step: what looked, what it said, what it cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from time import perf_counter_ns
from typing import Any, Final

from watchword.app import Watchword
from watchword.audit import Audit
from watchword.explanation.dry import DryMeter, Twins
from watchword.explanation.result import Step
from watchword.gate import Gate, Route
from watchword.guards.url_credentials import UrlCredentials
from watchword.model.ports import Guard
from watchword.model.request import Request
from watchword.model.verdict import Decision, Deny, Principal, Rejection
from watchword.policy import Compiled
from watchword.routes import Rule

__all__ = ["Leaf", "Walked", "walk"]

_NAMES: Final = {
    "UrlCredentials": "URL free of credentials",
    "Networks": "network",
    "AddressLimit": "limit of this address",
    "Csrf": "CSRF token",
    "Scopes": "scopes",
    "StepUp": "factors and freshness",
    "CredentialLimit": "limit of this credential",
    "SubjectLimit": "limit of this subject",
}
_THOUSAND: Final = 1000  # nanoseconds a microsecond
_BROKEN: Final = 503


@dataclass(slots=True)
class Leaf:
    """Note what one scheme did: what it found in the request, its verdict, whether a remembered one, its cost in µs.

    ``malformed`` is why what it found cannot be a proof.
    """

    presence: str = "absent"
    malformed: Rejection | None = None
    verdict: Principal | Rejection | BaseException | None = None
    remembered: bool = False
    cost: float = 0.0


@dataclass(slots=True)
class Walked:
    """Hold the decision and the steps to it; ``policy`` is what the policy answered, None while it was not reached."""

    decision: Decision
    cost: float
    steps: list[Step] = field(default_factory=list)
    leaves: Mapping[str, Leaf] = field(default_factory=dict)
    reached: bool = False
    policy: Principal | Rejection | None = None
    notes: tuple[str, ...] = ()
    guessed: bool = False


async def walk(house: Watchword, rule: Rule, live: Route, request: Request) -> Walked:
    """Decide as the house would. Nothing is kept: no event, no count, no first use, no verdict, no revocation."""
    record = _Record(house, rule, live)
    gate = Gate(house.watch, Audit(house.store, house.store), clock=house.clock)
    began = perf_counter_ns()
    decision = await gate.decide(request, record.route)
    cost = (perf_counter_ns() - began) / _THOUSAND
    record.look(request)
    steps = [*_repeated(request, decision), *record.steps, *record.unreached()]
    notes = tuple(dict.fromkeys(record.twins.notes))
    told = record.leaves, record.reached, record.verdict, notes, record.twins.guessed
    return Walked(decision, cost, steps, *told)


def _repeated(request: Request, decision: Decision) -> list[Step]:
    """Return the step that comes before all others where a field came twice that may come once."""
    if not request.repeated or not isinstance(decision, Deny):
        return []
    refused = decision.rejection
    return [Step("before", "fields that may come once", "refused", refused.reason.code, refused.detail)]


class _Record:
    """Build the route over copies that keep nothing, and note what happens on it."""

    def __init__(self, house: Watchword, rule: Rule, live: Route) -> None:
        self.twins = Twins(house)
        self.steps: list[Step] = []
        self.leaves: dict[str, Leaf] = {}
        self.reached = False
        self.verdict: Principal | Rejection | None = None
        self._meter = DryMeter(house.meter)
        policy = live.policy
        watched = {name: self._watched(name, scheme, rule) for name, scheme in policy._schemes.items()}
        compiled = Compiled(policy.policy, watched)
        guards = replace(house._guards, meter=self._meter, urls=UrlCredentials())
        before, after = guards.before(rule), guards.after(rule, compiled)
        # A guard of bounds alone is not asked about a credential that has none: nobody misses it.
        asked = [guard for guard in after if not getattr(guard, "bounds_only", False)]
        self._waiting = [("before", guard) for guard in before] + [("after", guard) for guard in asked]
        self.route = Route(compiled, before, after, live.scopes, live.metadata)
        self._note_steps(compiled)

    def _watched(self, name: str, scheme: Any, rule: Rule) -> _Watched:
        twin = self.twins.of(scheme)
        if rule.body == "upstream" and hasattr(twin, "_upstream_body"):
            twin._upstream_body = True
        self.leaves[name] = Leaf()
        return _Watched(twin, self.leaves[name], self.twins)

    def _note_steps(self, compiled: Compiled) -> None:
        """Put what notes in the place of what only answers. The guards themselves stay: the gate asks some of them."""
        route = self.route
        checks = {id(guard): self._check("before", guard) for guard in route.before}
        checks |= {id(guard): self._check("after", guard) for guard in route.after}
        free = [guard for guard in route.after if not getattr(guard, "bounds_only", False)]
        for name, guards in (("before", route.before), ("after", free), ("bound", route.after)):
            object.__setattr__(route, f"checks_{name}", tuple(checks[id(guard)] for guard in guards))
        object.__setattr__(route, "recall", self._judging(compiled.recall))
        object.__setattr__(route, "evaluate", self._judging(compiled.evaluate))

    def _check(self, stage: str, guard: Guard) -> Callable[[Request, Principal | None], Any]:
        def check(request: Request, who: Principal | None) -> Any:
            self._waiting = [each for each in self._waiting if each[1] is not guard]
            self._meter.left = None
            return _timed(lambda: guard.check(request, who), lambda *told: self._guarded(stage, guard, *told))

        return check

    def _guarded(self, stage: str, guard: Guard, answer: Any, cost: float) -> None:
        name = _name(guard)
        if isinstance(answer, Rejection):
            step = Step(stage, name, "refused", answer.reason.code, answer.detail, cost)
        elif isinstance(answer, BaseException):
            step = Step(stage, name, "broken", "broken", type(answer).__name__, cost)
        else:
            left = "" if self._meter.left is None else f"{self._meter.left} left after this one"
            step = Step(stage, name, "passed", "", left, cost)
        self.steps.append(step)

    def _judging(self, judge: Callable[[Request], Any]) -> Callable[[Request], Any]:
        return lambda request: _timed(lambda: judge(request), self._judged)

    def _judged(self, verdict: Any, cost: float) -> None:
        if verdict is None and not self.reached:  # nothing was recalled, or nothing was presented: what comes tells
            self.reached = True
            self.steps.append(Step("policy", self.route.policy.text, "passed", "", "", cost))
            return
        if self.reached:
            cost += self.steps.pop().cost
        self.reached, self.verdict = True, verdict if isinstance(verdict, Principal | Rejection) else None
        if isinstance(verdict, Rejection):
            outcome, reason, detail = "refused", verdict.reason.code, verdict.detail
            outcome = "broken" if verdict.reason.status == _BROKEN else outcome
        elif isinstance(verdict, BaseException):
            outcome, reason, detail = "broken", "broken", type(verdict).__name__
        else:
            outcome, reason, detail = "passed", "", ""
        self.steps.append(Step("policy", self.route.policy.text, outcome, reason, detail, cost))

    def look(self, request: Request) -> None:
        """Read what each scheme finds in the request, also where none was asked."""
        for name, presence in self.route.policy.trace(request):
            self.leaves[name].presence = presence

    def unreached(self) -> list[Step]:
        """Return the guards that were not asked, once something was refused."""
        if not self._waiting and self.reached:
            return []
        steps = [Step(stage, _name(guard), "not reached") for stage, guard in self._waiting]
        if self.reached:
            return steps
        before = [step for step in steps if step.stage == "before"]
        return [*before, Step("policy", self.route.policy.text, "not reached"), *steps[len(before) :]]


def _name(guard: Guard) -> str:
    kind = type(guard).__name__
    return "network of this credential" if getattr(guard, "bounds_only", False) else _NAMES.get(kind, kind)


class _Watched:
    """Be a scheme that notes what it finds and says."""

    def __init__(self, inner: Any, leaf: Leaf, twins: Twins) -> None:
        self._inner = inner
        self._leaf = leaf
        self._twins = twins
        self.name: str = inner.name
        self.needs_body: bool = inner.needs_body

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._recalling(found) if name == "recall" else found

    def read(self, request: Request) -> Any:
        """Return what the scheme finds."""
        found = self._inner.read(request)
        self._leaf.malformed = found if isinstance(found, Rejection) else None
        return found

    def verify(self, credential: Any, request: Request) -> Any:
        """Return the scheme's verdict, noted."""
        before = self._twins.hits()

        def told(verdict: Any, cost: float) -> None:
            leaf = self._leaf
            leaf.verdict, leaf.cost = verdict, leaf.cost + cost
            leaf.remembered = self._twins.hits() > before

        return _timed(lambda: self._inner.verify(credential, request), told)

    def _recalling(self, recall: Callable[[Request], Principal | None]) -> Callable[[Request], Principal | None]:
        def recalled(request: Request) -> Principal | None:
            began = perf_counter_ns()
            found = recall(request)
            self._leaf.cost += (perf_counter_ns() - began) / _THOUSAND
            if found is not None:
                self._leaf.verdict, self._leaf.remembered = found, True
            return found

        return recalled


def _timed(ask: Callable[[], Any], told: Callable[[Any, float], None]) -> Any:
    """Ask; tell the answer, or what broke, and the time that it took in microseconds, also where it is awaited."""
    began = perf_counter_ns()
    try:
        answer = ask()
    except Exception as error:
        told(error, (perf_counter_ns() - began) / _THOUSAND)
        raise
    if isawaitable(answer):
        return _timed_later(answer, began, told)
    told(answer, (perf_counter_ns() - began) / _THOUSAND)
    return answer


async def _timed_later(answer: Awaitable[Any], began: int, told: Callable[[Any, float], None]) -> Any:
    try:
        found = await answer
    except Exception as error:
        told(error, (perf_counter_ns() - began) / _THOUSAND)
        raise
    told(found, (perf_counter_ns() - began) / _THOUSAND)
    return found
