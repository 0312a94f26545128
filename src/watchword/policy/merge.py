"""Two proofs, one principal: never more scopes, networks, rate or time than each proof alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchword.model.reason import NETWORK_NOT_ALLOWED, SUBJECT_MISMATCH
from watchword.model.verdict import NO_CONSTRAINTS, Constraints, Network, Principal, Rate, Rejection

__all__ = ["acting", "narrowed", "together"]


def together(scheme: str, credential: str, proofs: Sequence[Principal]) -> Principal | Rejection:
    """Return the principal that all ``proofs`` (at least one) prove together, for ``&``.

    Scopes are the intersection, factors the ordered union, ``authenticated_at`` the earliest (a fresh signature
    must not make an old second factor fresh), claims those of the
    first proof that has any. Refuse different subjects, different actors and networks without a common address.
    """
    first = proofs[0]
    scopes, factors, earliest = first.scopes, first.factors, first.authenticated_at
    claims, actor, constraints = first.claims, first.actor, first.constraints
    for proof in proofs[1:]:
        if proof.subject != first.subject:
            return _mismatch(f"{first.subject} and {proof.subject}", scheme, credential)
        if actor is None:
            actor = proof.actor
        elif proof.actor is not None and proof.actor != actor:
            return _mismatch(f"acting through {actor} and {proof.actor}", scheme, credential)
        merged = narrowed(constraints, proof.constraints)
        if isinstance(merged, Rejection):
            return replace(merged, scheme=scheme, credential=credential)
        constraints = merged
        scopes &= proof.scopes
        factors += tuple([factor for factor in proof.factors if factor not in factors])
        earliest = min(earliest, proof.authenticated_at)
        claims = claims or proof.claims
    return Principal(first.subject, scheme, credential, scopes, factors, earliest, claims, actor, constraints)


def acting(scheme: str, credential: str, user: Principal, application: Principal) -> Principal | Rejection:
    """Return ``user`` acting through ``application``, for ``via``.

    Factors, time and claims stay the user's: an application's certificate is no factor of a person. Refuse an
    application that itself acts through another, and a user's proof that was issued to another application.
    """
    if application.actor is not None:
        return _mismatch(f"{application.subject} acts through {application.actor}", scheme, credential)
    if user.actor is not None and user.actor != application.subject:
        return _mismatch(f"acting through {user.actor} and {application.subject}", scheme, credential)
    constraints = narrowed(user.constraints, application.constraints)
    if isinstance(constraints, Rejection):
        return replace(constraints, scheme=scheme, credential=credential)
    return user._replace(
        scheme=scheme,
        credential=credential,
        scopes=user.scopes & application.scopes,
        actor=application.subject,
        constraints=constraints,
    )


def _mismatch(detail: str, scheme: str, credential: str) -> Rejection:
    return Rejection(SUBJECT_MISMATCH, detail, scheme=scheme, credential=credential)


def narrowed(one: Constraints, other: Constraints) -> Constraints | Rejection:
    """Return constraints that hold only where both hold, or the refusal when no address can satisfy both.

    The limit is the one with the lower mean rate (on a tie the smaller burst), the expiry the earlier.
    """
    if one is other or other == NO_CONSTRAINTS:
        return one
    if one == NO_CONSTRAINTS:
        return other
    networks = one.networks or other.networks
    if one.networks and other.networks:
        networks = _common(one.networks, other.networks)
        if not networks:  # () would mean "from anywhere"
            return Rejection(NETWORK_NOT_ALLOWED, "the credentials have no network in common")
    ends = [end for end in (one.expires_at, other.expires_at) if end is not None]
    return Constraints(networks, _lower(one.limit, other.limit), min(ends) if ends else None)


def _common(ours: tuple[Network, ...], theirs: tuple[Network, ...]) -> tuple[Network, ...]:
    # Two CIDR blocks are nested or disjoint (RFC 4632), so the smaller of each nested pair is the exact intersection.
    if ours == theirs:
        return ours
    pairs = ((a, b) for a in ours for b in theirs)
    return tuple(dict.fromkeys(a if _within(a, b) else b for a, b in pairs if _within(a, b) or _within(b, a)))


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.prefixlen >= outer.prefixlen and inner.network_address in outer


def _lower(one: Rate | None, other: Rate | None) -> Rate | None:
    if one is None or other is None:
        return one or other
    mine, theirs = one.count * other.seconds, other.count * one.seconds
    return one if (mine, one.count) <= (theirs, other.count) else other
