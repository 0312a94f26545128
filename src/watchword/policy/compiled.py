"""One policy bound to its schemes: judge, ask for credentials, describe itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final, Literal, TypeAlias

from watchword.model.ports import Scheme
from watchword.model.reason import NO_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Rejection
from watchword.policy.evaluate import Evaluate, Recall, evaluator, recaller
from watchword.policy.syntax import parse, unknown
from watchword.policy.tree import (
    Both,
    Either,
    Leaf,
    Policy,
    PolicyError,
    Public,
    Via,
    has_public,
    names,
    normal,
    render,
)

__all__ = ["MAX_ALTERNATIVES", "Compiled", "Presence", "alternatives", "compile"]

MAX_ALTERNATIVES: Final = 64
Presence: TypeAlias = Literal["absent", "presented", "malformed"]
_SCOPED: Final = frozenset({"oauth2", "openIdConnect"})  # OpenAPI 3.1.1, Security Requirement Object
_ERROR_PARAMETERS: Final = frozenset({"error", "error_description", "error_uri"})


class Compiled:
    """Judge requests by one policy.

    ``evaluate(request)`` returns a Principal, a Rejection, or an awaitable of one; None only when the policy has
    ``public`` and no alternative was wholly presented. ``schemes`` are the names used, in order; ``needs_body``
    tells whether any of them reads the content; ``text`` is the canonical policy.
    """

    __slots__ = (
        "_alternatives",
        "_readers",
        "_schemes",
        "evaluate",
        "needs_body",
        "policy",
        "public",
        "recall",
        "schemes",
        "text",
    )

    def __init__(self, policy: Policy, schemes: Mapping[str, Scheme[Any]]) -> None:
        self.policy: Policy = policy
        self.text: str = render(policy)
        self.public: bool = has_public(policy)
        self.schemes: tuple[str, ...] = names(policy)
        self._schemes = {name: schemes[name] for name in self.schemes}
        self._alternatives = alternatives(policy)
        self.needs_body: bool = any(scheme.needs_body for scheme in self._schemes.values())
        # Most of what signs the content can tell by one field that it is there; else what it reads tells.
        self._readers: tuple[Callable[[Request], Any], ...] = tuple(
            getattr(scheme, "reads_body", scheme.read) for scheme in self._schemes.values() if scheme.needs_body
        )
        self.recall: Recall = recaller(self._alternatives, self._schemes)
        self.evaluate: Evaluate = evaluator(self._alternatives, self._schemes, public=self.public)

    def __repr__(self) -> str:
        return f"Compiled({self.text!r})"

    def reads_body(self, request: Request) -> bool:
        """Return whether the request presents a scheme that judges the content, so that it must be read."""
        for reads in self._readers:
            answer = reads(request)
            if answer is not None and answer is not False:
                return True
        return False

    def challenges(self, rejection: Rejection | None, request: Request | None = None) -> tuple[Challenge, ...]:
        """Return one challenge for each HTTP authentication scheme accepted, in the order of the policy.

        Schemes that share one (two kinds of Bearer) share a challenge: parameters of the first, then what the
        others add. Without a credential none carries ``error`` (RFC 6750 section 3); given the ``request``, that
        holds for each scheme alone, so a refused API key does not call a token invalid that nobody sent.
        """
        merged: dict[str, Challenge] = {}
        for scheme in self._schemes.values():
            unseen = request is not None and scheme.read(request) is None
            silent = unseen or rejection is None or rejection.reason == NO_CREDENTIAL
            for challenge in _asked(scheme, None if unseen else rejection, request):
                shown = Challenge(challenge.scheme, _without_error(challenge.parameters)) if silent else challenge
                key = shown.scheme.lower()  # RFC 9110 section 11.1: case-insensitive
                merged[key] = _united(merged[key], shown) if key in merged else shown
        return tuple(merged.values())

    def describe(self, scopes: Sequence[str] = ()) -> list[dict[str, list[str]]]:
        """Return the OpenAPI 3.1 security requirement objects; ``scopes`` go to the OAuth 2.0 entries."""
        scoped = {name: list(scopes) for name, scheme in self._schemes.items() if _takes_scopes(scheme)}
        found: list[dict[str, list[str]]] = []
        for tree in self._alternatives:
            requirement = {name: list(scoped.get(name, ())) for name in names(tree)}
            if requirement not in found:
                found.append(requirement)
        return [*found, {}] if self.public else found

    def trace(self, request: Request) -> list[tuple[str, Presence]]:
        """Return what each scheme reads, in the order of the policy, verifying nothing."""
        return [(name, _presence(scheme.read(request))) for name, scheme in self._schemes.items()]


def compile(policy: Policy | str, schemes: Mapping[str, Scheme[Any]]) -> Compiled:
    """Return the policy bound to ``schemes`` by name.

    Raise PolicyError for a name that is no scheme, for a policy of more than 64 alternatives spelled out, and for one
    that asks for two proofs where a request has room for one: schemes whose ``carrier`` is the same.
    """
    tree = parse(policy, schemes) if isinstance(policy, str) else normal(policy)
    for name in names(tree):
        if name not in schemes:
            raise unknown(name, schemes)
    for alternative in alternatives(tree):
        _check_room(alternative, schemes)
    return Compiled(tree, schemes)


def _check_room(alternative: Policy, schemes: Mapping[str, Scheme[Any]]) -> None:
    carried: dict[str, str] = {}
    for name in names(alternative):
        carrier = getattr(schemes[name], "carrier", "")
        if carrier and carried.setdefault(carrier, name) != name:
            found = f'"{render(alternative)}"'
            hint = f"{carried[carrier]} and {name} both travel in {carrier}, which a request has once"
            raise PolicyError(found, "what a request can bring together", hint=hint)


def alternatives(policy: Policy) -> tuple[Policy, ...]:
    """Return the policy spelled out: alternatives without ``|`` inside, in the order in which they are tried.

    ``(a | b) & c`` becomes ``a & c``, ``b & c``. ``public`` is left out. Raise PolicyError above 64.
    """
    count = _count(policy)
    if count > MAX_ALTERNATIVES:
        hint = 'joining several "|" by "&" or "via" multiplies them'
        raise PolicyError(f"{count} alternatives", f"at most {MAX_ALTERNATIVES}", hint=hint)
    return tuple(dict.fromkeys(normal(tree) for tree in _spelled_out(policy)))


def _count(policy: Policy) -> int:
    match policy:
        case Either(parts):
            return sum(_count(part) for part in parts)
        case Both(parts):
            return prod(_count(part) for part in parts)
        case Via(user, application):
            return _count(user) * _count(application)
        case Leaf():
            return 1
        case Public():
            return 0


def _spelled_out(policy: Policy) -> list[Policy]:
    match policy:
        case Either(parts):
            return [tree for part in parts for tree in _spelled_out(part)]
        case Both(parts):
            return [Both(trees) for trees in product(*(_spelled_out(part) for part in parts))]
        case Via(user, application):
            return [Via(*pair) for pair in product(_spelled_out(user), _spelled_out(application))]
        case Leaf():
            return [policy]
        case Public():
            return []


def _asked(scheme: Scheme[Any], rejection: Rejection | None, request: Request | None) -> tuple[Challenge, ...]:
    """Return how a scheme asks: by several HTTP authentication schemes, if it has ``challenges``."""
    several = getattr(scheme, "challenges", None)
    if several is not None:
        return tuple(several(rejection, request))
    one = scheme.challenge(rejection)
    return () if one is None else (one,)


def _without_error(parameters: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in parameters if pair[0] not in _ERROR_PARAMETERS)


def _united(one: Challenge, other: Challenge) -> Challenge:
    present = {name for name, _ in one.parameters}
    return Challenge(one.scheme, one.parameters + tuple(pair for pair in other.parameters if pair[0] not in present))


def _takes_scopes(scheme: Scheme[Any]) -> bool:
    return scheme.describe().get("type") in _SCOPED


def _presence(credential: object) -> Presence:
    if credential is None:
        return "absent"
    return "malformed" if isinstance(credential, Rejection) else "presented"
