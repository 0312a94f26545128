"""Draw the policy as a tree: what each scheme found and said, and the way through it that decided."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final, TypeAlias

from watchword.explanation.result import Node
from watchword.explanation.walk import Leaf as Looked
from watchword.explanation.walk import Walked
from watchword.model.verdict import Principal, Rejection
from watchword.policy import Both, Either, Leaf, Policy, Public, Via

__all__ = ["tree_of"]

_Path: TypeAlias = tuple[int, ...]  # which part, from the root on
_BROKEN: Final = 503


def tree_of(policy: Policy, walked: Walked) -> Node:
    """Return the tree. Nothing in it decided while the policy was not reached."""
    return _node(policy, (), _decided(policy, walked), walked.leaves)


def _decided(policy: Policy, walked: Walked) -> frozenset[_Path]:
    """Return the places on the way that decided: of the first alternative wholly presented, or of ``public``."""
    if not walked.reached:
        return frozenset()
    absent = {name for name, leaf in walked.leaves.items() if leaf.presence == "absent"}
    for way in _ways(policy, ()):
        if not any(name in absent for _, name in way):
            return _above(place for place, _ in way)
    return _above(_publics(policy, ())) if walked.policy is None else frozenset()


def _above(places: object) -> frozenset[_Path]:
    """Return the places, and those that lead to them."""
    return frozenset(place[:end] for place in places for end in range(len(place) + 1))  # type: ignore[attr-defined]


def _ways(policy: Policy, place: _Path) -> list[tuple[tuple[_Path, str], ...]]:
    """Return the alternatives, in the order in which they are tried, each as its schemes and where they stand."""
    match policy:
        case Either(parts):
            return [way for at, part in enumerate(parts) for way in _ways(part, (*place, at))]
        case Both(parts):
            every = [_ways(part, (*place, at)) for at, part in enumerate(parts)]
        case Via(user, application):
            every = [_ways(user, (*place, 0)), _ways(application, (*place, 1))]
        case Leaf(name):
            return [((place, name),)]
        case Public():
            return []
    return [tuple(each for part in way for each in part) for way in product(*every)]


def _publics(policy: Policy, place: _Path) -> list[_Path]:
    if isinstance(policy, Public):
        return [place]
    parts = policy.parts if isinstance(policy, Either) else ()
    return [found for at, part in enumerate(parts) for found in _publics(part, (*place, at))]


def _node(policy: Policy, place: _Path, decided: frozenset[_Path], leaves: Mapping[str, Looked]) -> Node:
    on_the_way = place in decided
    match policy:
        case Leaf(name):
            return _leaf(name, on_the_way, leaves[name])
        case Either(parts) | Both(parts):
            kind = "either" if isinstance(policy, Either) else "both"
            below = tuple(_node(part, (*place, at), decided, leaves) for at, part in enumerate(parts))
            return Node(kind, decided=on_the_way, parts=below)
        case Via(user, application):
            pair = (_node(user, (*place, 0), decided, leaves), _node(application, (*place, 1), decided, leaves))
            return Node("via", decided=on_the_way, parts=pair)
        case Public():
            return Node("public", decided=on_the_way)


def _leaf(name: str, decided: bool, looked: Looked) -> Node:
    verdict = looked.verdict or (looked.malformed if decided else None)
    seen = {"decided": decided, "presence": looked.presence, "remembered": looked.remembered, "cost": looked.cost}
    if isinstance(verdict, Principal):
        subject = verdict.subject + (f" through {verdict.actor}" if verdict.actor else "")
        return Node("scheme", name, outcome="proved", subject=subject, credential=verdict.credential, **seen)  # type: ignore[arg-type]
    if isinstance(verdict, Rejection):
        outcome = "broken" if verdict.reason.status == _BROKEN else "refused"
        told = {"reason": verdict.reason.code, "detail": verdict.detail, "credential": verdict.credential}
        return Node("scheme", name, outcome=outcome, **told, **seen)  # type: ignore[arg-type]
    if isinstance(verdict, BaseException):
        return Node("scheme", name, outcome="broken", reason="broken", detail=type(verdict).__name__, **seen)  # type: ignore[arg-type]
    return Node("scheme", name, outcome="not asked", **seen)  # type: ignore[arg-type]
