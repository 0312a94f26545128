"""The policy at work: plain synchronous calls; a coroutine only where a scheme answers with an awaitable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from watchword.model.ports import Scheme, Soon
from watchword.model.reason import NO_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rejection
from watchword.policy.merge import acting, together
from watchword.policy.tree import Both, Leaf, Policy, Via, names, render

__all__ = ["ABSENT", "Evaluate", "Recall", "evaluator", "recaller"]

Read: TypeAlias = Callable[[Request], Any]
Verify: TypeAlias = Callable[[Any, Request], Any]
Recall: TypeAlias = Callable[[Request], Principal | None]
Way: TypeAlias = tuple[Recall, Read, Verify]
Evaluate: TypeAlias = Callable[[Request], Soon[Principal | Rejection | None]]
Proofs: TypeAlias = Mapping[str, Principal]

ABSENT: Final = Rejection(NO_CREDENTIAL)
_UNREAD: Final = object()
_VERDICTS: Final = (Principal, Rejection)


def evaluator(alternatives: Sequence[Policy], schemes: Mapping[str, Scheme[Any]], *, public: bool) -> Evaluate:
    """Return the function that judges a request by ``alternatives``, which hold no ``|`` and no ``public``.

    It returns None only when ``public`` and no alternative was wholly presented. What a scheme raises passes through.
    """
    absent = None if public else ABSENT
    count = next((i for i, tree in enumerate(alternatives) if not isinstance(tree, Leaf)), len(alternatives))
    ways = [_way(schemes[name]) for tree in alternatives[:count] for name in names(tree)]
    rest = _joined([_Conjunction(tree, schemes) for tree in alternatives[count:]], absent)
    if count == len(alternatives) == 1:
        return _one(ways[0], absent)
    if count == len(alternatives):
        return _first(tuple(ways), absent)
    return _first_or(tuple(ways), rest) if ways else rest


def recaller(alternatives: Sequence[Policy], schemes: Mapping[str, Scheme[Any]]) -> Recall:
    """Return what recalls whom a request proves before anything is evaluated: only where a single scheme is asked for.

    With more of them the first one presented decides, so each is read before the next one may recall.
    """
    only = alternatives[0] if len(alternatives) == 1 else None
    return _way(schemes[names(only)[0]])[0] if isinstance(only, Leaf) else _nobody


def _way(scheme: Scheme[Any]) -> Way:
    """Return how a scheme recalls, reads and verifies. Not every scheme recalls."""
    recall: Recall = getattr(scheme, "recall", _nobody)
    return recall, scheme.read, scheme.verify


def _nobody(request: Request) -> None:
    """Recall nobody."""


def _one(way: Way, absent: Rejection | None) -> Evaluate:
    _, read, verify = way

    def evaluate(request: Request) -> Soon[Principal | Rejection | None]:
        credential = read(request)
        if credential is None:
            return absent
        if credential.__class__ is Rejection:
            return credential
        verdict = verify(credential, request)
        return verdict if verdict.__class__ is Principal else _settled(verdict)

    return evaluate


def _first(ways: tuple[Way, ...], absent: Rejection | None) -> Evaluate:
    def evaluate(request: Request) -> Soon[Principal | Rejection | None]:
        for recall, read, verify in ways:
            known = recall(request)
            if known.__class__ is Principal:
                return known
            credential = read(request)
            if credential is None:
                continue
            if credential.__class__ is Rejection:
                return credential
            verdict = verify(credential, request)
            return verdict if verdict.__class__ is Principal else _settled(verdict)
        return absent

    return evaluate


def _first_or(ways: tuple[Way, ...], rest: Evaluate) -> Evaluate:
    first = _first(ways, None)

    def evaluate(request: Request) -> Soon[Principal | Rejection | None]:
        verdict = first(request)
        return rest(request) if verdict is None else verdict

    return evaluate


def _settled(verdict: Any) -> Soon[Principal | Rejection]:
    # Exactly these classes: None means "public" further up, and callers tell verdicts apart by class, so what a
    # faulty scheme returns must break here and never look like leave to enter.
    if verdict.__class__ in _VERDICTS:
        return verdict
    if isinstance(verdict, Awaitable):
        return _awaited(verdict)
    raise _no_verdict(verdict)


async def _awaited(pending: Awaitable[Any]) -> Principal | Rejection:
    verdict = await pending
    if verdict.__class__ in _VERDICTS:
        return verdict
    raise _no_verdict(verdict)


def _no_verdict(answer: object) -> TypeError:
    return TypeError(f"a scheme answered with {answer.__class__.__name__}, not Principal or Rejection")


def _joined(alternatives: list[_Conjunction], absent: Rejection | None) -> Evaluate:
    def evaluate(request: Request) -> Soon[Principal | Rejection | None]:
        credentials: dict[str, Any] = {}
        for alternative in alternatives:
            if alternative.presented(request, credentials):
                return alternative.decide(request, credentials)
        return absent and _incomplete(alternatives, request, absent)

    return evaluate


def _incomplete(alternatives: list[_Conjunction], request: Request, absent: Rejection) -> Rejection:
    for alternative in alternatives:
        missing = [name for name, scheme in alternative.schemes.items() if scheme.read(request) is None]
        if len(missing) < len(alternative.schemes):
            return Rejection(NO_CREDENTIAL, f"{alternative.text}: {', '.join(missing)} is missing")
    return absent


class _Conjunction:
    """Judge one alternative: every scheme in it must be presented, then every one must prove."""

    __slots__ = ("combine", "schemes", "text")

    def __init__(self, tree: Policy, schemes: Mapping[str, Scheme[Any]]) -> None:
        self.text = render(tree)
        self.schemes = {name: schemes[name] for name in names(tree)}
        self.combine = _combination(tree)

    def presented(self, request: Request, credentials: dict[str, Any]) -> bool:
        """Read what was not read yet; return whether every scheme found something."""
        for name, scheme in self.schemes.items():
            credential = credentials.get(name, _UNREAD)
            if credential is _UNREAD:
                credential = credentials[name] = scheme.read(request)
            if credential is None:
                return False
        return True

    def decide(self, request: Request, credentials: dict[str, Any]) -> Soon[Principal | Rejection]:
        # All are looked at before any is verified: verifying may spend a nonce or a password hash.
        for name in self.schemes:
            if isinstance(credentials[name], Rejection):
                return credentials[name]  # type: ignore[no-any-return]
        return self._prove(iter(self.schemes.items()), request, credentials, {})

    def _prove(
        self,
        remaining: Iterator[tuple[str, Scheme[Any]]],
        request: Request,
        credentials: dict[str, Any],
        proofs: dict[str, Principal],
    ) -> Soon[Principal | Rejection]:
        for name, scheme in remaining:
            verdict = _settled(scheme.verify(credentials[name], request))
            if isinstance(verdict, Principal):
                proofs[name] = verdict
            elif isinstance(verdict, Rejection):
                return verdict
            else:
                return self._resumed(verdict, name, remaining, request, credentials=credentials, proofs=proofs)
        return self.combine(proofs)

    async def _resumed(
        self,
        pending: Awaitable[Principal | Rejection],
        name: str,
        remaining: Iterator[tuple[str, Scheme[Any]]],
        request: Request,
        *,
        credentials: dict[str, Any],
        proofs: dict[str, Principal],
    ) -> Principal | Rejection:
        verdict = await pending
        if isinstance(verdict, Rejection):
            return verdict
        proofs[name] = verdict
        final = self._prove(remaining, request, credentials, proofs)
        return final if isinstance(final, _VERDICTS) else await final


def _combination(tree: Policy) -> Callable[[Proofs], Principal | Rejection]:
    if isinstance(tree, Leaf):
        leaf = tree.name
        return lambda proofs: proofs[leaf]
    scheme, leaves = render(tree), names(tree)
    if isinstance(tree, Via):
        user, application = _combination(tree.user), _combination(tree.application)

        def via(proofs: Proofs) -> Principal | Rejection:
            who, through = user(proofs), application(proofs)
            if isinstance(who, Rejection):
                return who
            return through if isinstance(through, Rejection) else acting(scheme, _ids(leaves, proofs), who, through)

        return via
    assert isinstance(tree, Both)  # noqa: S101 - alternatives hold nothing else
    parts = tuple(_combination(part) for part in tree.parts)

    def both(proofs: Proofs) -> Principal | Rejection:
        found: list[Principal] = []
        for part in parts:
            who = part(proofs)
            if isinstance(who, Rejection):
                return who
            found.append(who)
        return together(scheme, _ids(leaves, proofs), found)

    return both


def _ids(leaves: tuple[str, ...], proofs: Proofs) -> str:
    return "+".join([proofs[name].credential for name in leaves])
