"""Hold an explanation as values, and as JSON; nothing in it is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchword.audit import redact
from watchword.explanation.routing import Candidate
from watchword.explanation.signing import Signing

__all__ = ["Explanation", "Node", "Outcome", "Response", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """Note one step: "before", "policy" or "after", what looked, its outcome and cost (microseconds).

    ``outcome`` is "passed", "refused", "broken" or "not reached"; ``detail`` explains a refusal, or says what is left.
    """

    stage: str
    name: str
    outcome: str
    reason: str = ""
    detail: str = ""
    cost: float = 0.0

    def value(self) -> dict[str, Any]:
        """Return the step as JSON."""
        return {
            "stage": self.stage, "name": self.name, "outcome": self.outcome, "reason": self.reason or None,
            "detail": redact(self.detail) or None, "cost": round(self.cost, 1),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one node of the policy: "scheme", "either", "both", "via" or "public"; ``decided`` on the way that decided.

    Of a scheme also: ``presence`` ("absent", "presented", "malformed"), ``outcome`` ("proved", "refused", "broken",
    "not asked"), whom it proved or why not, whether something remembered answered, and the cost in microseconds.
    """

    kind: str
    name: str = ""
    decided: bool = False
    parts: tuple[Node, ...] = ()
    presence: str = ""
    outcome: str = ""
    reason: str = ""
    detail: str = ""
    subject: str = ""
    credential: str = ""
    remembered: bool = False
    cost: float = 0.0

    def value(self) -> dict[str, Any]:
        """Return the node, and what is below it, as JSON."""
        if self.kind != "scheme":
            return {"kind": self.kind, "decided": self.decided, "parts": [part.value() for part in self.parts]}
        return {
            "kind": self.kind, "name": self.name, "decided": self.decided, "presence": self.presence,
            "outcome": self.outcome, "reason": self.reason or None, "detail": redact(self.detail) or None,
            "subject": self.subject or None, "credential": self.credential or None, "remembered": self.remembered,
            "cost": round(self.cost, 1),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what the gate decided, as the audit would have it: "accepted", "refused" or "broken", and why or who."""

    decision: str
    status: int
    reason: str = ""
    detail: str = ""
    credential: str = ""
    scheme: str = ""
    subject: str = ""
    actor: str = ""
    scopes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    remembered: bool = False

    def value(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        known = {
            "decision": self.decision, "status": self.status, "reason": self.reason or None,
            "detail": redact(self.detail) or None, "credential": self.credential or None,
            "scheme": self.scheme or None, "remembered": self.remembered,
        }  # fmt: skip
        if self.decision != "accepted":
            return known
        who = {"subject": self.subject or None, "actor": self.actor or None}
        return {**known, **who, "scopes": list(self.scopes), "factors": list(self.factors)}


@dataclass(frozen=True, slots=True)
class Response:
    """Hold what the caller would see of a refusal; the reference in it is drawn anew for each one."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def value(self) -> dict[str, Any]:
        """Return the response as JSON."""
        return {"status": self.status, "headers": [list(pair) for pair in self.headers], "body": redact(self.body)}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Hold why a request would be let in or not. ``cost`` is what the decision took, in microseconds."""

    method: str
    url: str
    address: str
    tls: bool
    certificate: bool
    routes: tuple[Candidate, ...]
    outcome: Outcome
    response: Response
    steps: tuple[Step, ...] = ()
    policy: Node | None = None
    presence: Mapping[str, str] = field(default_factory=dict)
    signature: Signing | None = None
    cost: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Tell whether the request would be let in."""
        return self.outcome.decision == "accepted"

    def value(self) -> dict[str, Any]:
        """Return the whole as JSON; nothing in it is a secret."""
        matched = next((each.rule for each in self.routes if each.matched), None)
        route = None
        if matched is not None:
            route = {
                "path": matched.path, "methods": list(matched.methods), "accept": matched.accept,
                "scopes": list(matched.scopes), "limit": matched.limit or None, "networks": list(matched.networks),
                "factors": list(matched.factors), "within": matched.within, "body": matched.body or None,
                "resource": matched.resource or None,
            }  # fmt: skip
        others = [
            {"path": each.rule.path, "methods": list(each.rule.methods), "matched": each.matched, "why": each.why}
            for each in self.routes
        ]
        return {
            "method": redact(self.method), "url": redact(self.url), "address": self.address, "tls": self.tls,
            "certificate": self.certificate, "route": route, "routes": others, "presence": dict(self.presence),
            "steps": [step.value() for step in self.steps],
            "policy": self.policy.value() if self.policy else None,
            "signature": self.signature.value() if self.signature else None,
            **self.outcome.value(),
            "response": self.response.value(), "cost": round(self.cost, 1), "notes": list(self.notes),
        }  # fmt: skip
