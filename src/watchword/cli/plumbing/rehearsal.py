"""Walk a request through the real gate and note each step, keeping nothing of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, cast

from watchword.model.verdict import Allow, Decision, Headers, Principal, Rejection

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.gate import Route
    from watchword.model.request import Request
    from watchword.routes import Rule

__all__ = ["Rehearsed", "Signing", "Step", "rehearse", "rule_for", "signing_of"]

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


@dataclass(frozen=True, slots=True)
class Step:
    """Note one step: "before", "policy" or "after", what looked, and how it answered."""

    stage: str
    name: str
    answer: Principal | Rejection | Headers | None

    @property
    def refused(self) -> bool:
        """Tell whether the request ended here."""
        return isinstance(self.answer, Rejection)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Hold the decision and the steps to it."""

    decision: Decision
    steps: tuple[Step, ...]
    presence: dict[str, str] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Tell whether the request was let in."""
        return isinstance(self.decision, Allow)


@dataclass(frozen=True, slots=True)
class Signing:
    """Hold what a signed request must sign: the profile, and the text, None where no signature can name the request."""

    key_id: str
    profile: str
    text: bytes | None
    timestamp_given: bool


async def rehearse(house: Watchword, route: Route, request: Request) -> Rehearsed:
    """Decide as the server would. Nothing is written: no audit, no first use of a signature, no revocation."""
    from watchword.gate import Route

    _keep_nothing(house.store)
    steps: list[Step] = []
    recorded = Route(
        route.policy,
        tuple(_Recorded("before", guard, steps) for guard in route.before),
        tuple(_Recorded("after", guard, steps) for guard in route.after),
        route.scopes,
    )
    object.__setattr__(recorded, "evaluate", _recorded(route, steps))
    presence = {name: str(found) for name, found in route.policy.trace(request)}
    return Rehearsed(await house.gate.decide(request, recorded), tuple(steps), presence)


def rule_for(rules: list[Rule], method: str, path: str) -> Rule | None:
    """Return the rule that the server would apply, found as it finds them."""
    from watchword.routes import RouteTable

    table = RouteTable((rule, cast("Route", rule)) for rule in rules)
    return cast("Rule | None", table.find(method, path))


async def signing_of(house: Watchword, request: Request) -> Signing | None:
    """Return what the request must sign, None when it does not name a signing key on record."""
    from watchword.codec.message import DEFAULT_PROFILE, Parts, body_digest, canonical
    from watchword.model.credential import Kind

    fields = request.fields
    key_id = fields.get(b"x-api-key", b"")
    if not key_id.startswith(b"hk_"):
        return None
    record = await house.store.credential(key_id.decode("ascii", "replace"))
    if record is None or record.kind is not Kind.HMAC:
        return None
    profile = record.detail.get("profile", DEFAULT_PROFILE)
    body = request.body or b""
    parts = Parts(
        key_id,
        fields.get(b"x-timestamp", str(int(time.time())).encode()),
        fields.get(b"x-nonce", b""),
        request.method,
        fields.get(b"host", b""),
        request.path,
        request.query,
        fields.get(b"content-type", b""),
        body_digest(body),
        body,
    )
    return Signing(record.id, profile, canonical(profile, parts), b"x-timestamp" in fields)


class _Recorded:
    """Ask a guard and note its answer."""

    def __init__(self, stage: str, guard: Any, steps: list[Step]) -> None:
        self._stage, self._guard, self._steps = stage, guard, steps
        self._name = _NAMES.get(type(guard).__name__, type(guard).__name__)

    def check(self, request: Request, who: Principal | None) -> Any:
        answer = self._guard.check(request, who)
        return self._later(answer) if isawaitable(answer) else self._noted(answer)

    async def _later(self, answer: Awaitable[Rejection | Headers]) -> Rejection | Headers:
        return self._noted(await answer)

    def _noted(self, answer: Rejection | Headers) -> Rejection | Headers:
        self._steps.append(Step(self._stage, self._name, answer))
        return answer


def _recorded(route: Route, steps: list[Step]) -> Any:
    def noted(verdict: Any) -> Any:
        steps.append(Step("policy", route.policy.text, verdict))
        return verdict

    async def later(verdict: Any) -> Any:
        return noted(await verdict)

    def evaluate(request: Request) -> Any:
        verdict = route.policy.evaluate(request)
        return later(verdict) if isawaitable(verdict) else noted(verdict)

    return evaluate


def _keep_nothing(store: Any) -> None:
    """Let every write of the opened store succeed and do nothing."""

    async def nothing(*_: Any, **__: Any) -> None:
        """Keep nothing."""

    async def won(*_: Any, **__: Any) -> bool:
        return True

    store.append, store.used, store.put = nothing, nothing, nothing
    store.write, store.claim = won, won
