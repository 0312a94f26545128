"""Build the parts that a composition root puts together: schemes, guards, meters."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from ipaddress import ip_network
from typing import Any, Final

from watchword.codec.oauth.dpop import ALGORITHMS
from watchword.codec.oauth.protected_resource import checked_resource
from watchword.codec.passwords import Cost
from watchword.codec.secrets import Sealer
from watchword.codec.subject_rule import parse_rule
from watchword.guards.csrf import Csrf
from watchword.guards.networks import Networks
from watchword.guards.rate_limit import AddressLimit, CredentialLimit, SubjectLimit
from watchword.guards.scopes import Scopes
from watchword.guards.step_up import StepUp
from watchword.guards.url_credentials import UrlCredentials
from watchword.keyring import Issuer, OwnKeys
from watchword.lifecycle.values import networks_of, rate_of
from watchword.model.ports import Clock, Ephemeral, Guard, Meter, Passwords, Records, Scheme
from watchword.model.verdict import Rate
from watchword.policy import Compiled
from watchword.possession import Possession
from watchword.routes import Rule
from watchword.schemes.api_key import ApiKey
from watchword.schemes.basic import Basic, Guesses, PasswordCheck
from watchword.schemes.jwt import Jwt
from watchword.schemes.mtls import Mtls
from watchword.schemes.oauth2 import Introspection, OAuth2
from watchword.schemes.session import Session
from watchword.schemes.signature import Signature
from watchword.verdicts import Revocations, Verdicts

__all__ = ["ENTRY_POINTS", "Guards", "Parts", "schemes_at", "schemes_of"]

ENTRY_POINTS: Final = "watchword.schemes"
"""The entry-point group in which a package names schemes of its own: a callable that takes Parts, gives a Scheme."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Hold what a scheme may need. An entry point of the group ``watchword.schemes`` is called with one."""

    records: Records
    ephemeral: Ephemeral
    verdicts: Verdicts
    revocations: Revocations
    sealer: Sealer
    passwords: Passwords
    password_cost: Cost
    keys: OwnKeys
    issuer: str
    audience: str
    realm: str
    clock: Clock
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    introspection: tuple[Introspection, ...] = ()
    client_subject: str | None = None
    plaintext_passwords: bool = False
    guesses: Guesses | None = None
    dpop_nonces: bool = False
    dpop_algorithms: tuple[str, ...] = ALGORITHMS

    def possession(self) -> Possession:
        """Return the check of DPoP proofs that the token endpoint and APIs share."""
        key = self.sealer.mac("dpop-nonce")
        return Possession(
            self.ephemeral,
            key,
            clock=self.clock,
            nonces=self.dpop_nonces,
            issuer=self.issuer,
            algorithms=self.dpop_algorithms,
        )

    def password_check(self) -> PasswordCheck:
        """Return the check of name and password that Basic and the login share."""
        return PasswordCheck(self.records, self.passwords, self.clock, self.password_cost, self.guesses)


def schemes_of(parts: Parts, more: Iterable[Scheme[Any]] = ()) -> dict[str, Scheme[Any]]:
    """Return every scheme by name: the seven, those of entry points, ``more``. Raise ValueError for a name twice."""
    schemes: dict[str, Scheme[Any]] = {}
    found: list[Scheme[Any]] = [build(parts) for build in _BUILT_IN]
    for entry in entry_points(group=ENTRY_POINTS):
        found.append(entry.load()(parts))
    for scheme in (*found, *more):
        if scheme.name in schemes:
            raise ValueError(f"two schemes are called {scheme.name!r}")
        schemes[scheme.name] = scheme
    return schemes


def schemes_at(resource: str, schemes: Mapping[str, Scheme[Any]], parts: Parts) -> Mapping[str, Scheme[Any]]:
    """Return the schemes of one API: access tokens must be for it (RFC 8707), for "" and our own audience as always."""
    if resource in ("", parts.audience):
        return schemes
    return {**schemes, "oauth2": _oauth2(replace(parts, audience=checked_resource(resource)), alone=True)}


def _api_key(parts: Parts) -> ApiKey:
    return ApiKey(parts.records, parts.verdicts, realm=parts.realm, clock=parts.clock)


def _basic(parts: Parts) -> Basic:
    return Basic(
        parts.password_check(),
        parts.verdicts,
        parts.clock,
        cache_key=secrets.token_bytes(32),
        realm=parts.realm,
        plaintext_allowed=parts.plaintext_passwords,
    )


def _jwt(parts: Parts) -> Jwt:
    return Jwt(
        parts.keys,
        parts.issuers,
        parts.verdicts,
        parts.revocations,
        issuer=parts.issuer,
        audience=parts.audience,
        realm=parts.realm,
        clock=parts.clock,
    )


def _oauth2(parts: Parts, *, alone: bool = False) -> OAuth2:
    return OAuth2(
        parts.keys,
        parts.issuers,
        parts.verdicts,
        parts.revocations,
        alone=alone,
        introspections=parts.introspection,
        ephemeral=parts.ephemeral,
        possession=parts.possession(),
        token_url=f"{parts.issuer}/oauth/token",
        issuer=parts.issuer,
        audience=parts.audience,
        realm=parts.realm,
        clock=parts.clock,
    )


def _hmac(parts: Parts) -> Signature:
    return Signature(parts.records, parts.ephemeral, parts.verdicts, parts.sealer, realm=parts.realm, clock=parts.clock)


def _mtls(parts: Parts) -> Mtls:
    rule = parse_rule(parts.client_subject) if parts.client_subject else None
    return Mtls(parts.records, parts.verdicts, rule=rule, clock=parts.clock)


def _session(parts: Parts) -> Session:
    return Session(parts.records, parts.verdicts, clock=parts.clock)


_BUILT_IN: Final[tuple[Callable[[Parts], Scheme[Any]], ...]] = (
    _api_key,
    _basic,
    _jwt,
    _oauth2,
    _hmac,
    _mtls,
    _session,
)


@dataclass(frozen=True, slots=True)
class Guards:
    """Hold the guards that routes share, and build a route's own."""

    urls: UrlCredentials
    meter: Meter
    csrf: Csrf
    clock: Clock
    address: AddressLimit | None = None
    subject_limit: Rate | None = None

    def before(self, rule: Rule) -> tuple[Guard, ...]:
        """Return what looks at a request before anybody is known."""
        guards: list[Guard] = [self.urls]
        if rule.networks:
            guards.append(Networks([ip_network(text) for text in networks_of(rule.networks)]))
        if self.address is not None:
            guards.append(self.address)
        return tuple(guards)

    def after(self, rule: Rule, policy: Compiled) -> tuple[Guard, ...]:
        """Return what looks at who was found: a stolen credential meets its networks first, then the rest."""
        guards: list[Guard] = [Networks()]
        if "session" in policy.schemes:
            guards.append(self.csrf)
        if rule.scopes:
            guards.append(Scopes(rule.scopes))
        if rule.factors or rule.within is not None:
            guards.append(StepUp(rule.factors, rule.within, self.clock))
        limit = rate_of(rule.limit) if rule.limit else None
        guards.append(CredentialLimit(self.meter, limit, _name(rule)))
        if self.subject_limit is not None:
            guards.append(SubjectLimit(self.meter, self.subject_limit))
        return tuple(guards)


def _name(rule: Rule) -> str:
    """Return the name that a route's limit counts under: routes do not share their counts."""
    return f"{'+'.join(sorted(rule.methods)) or '*'} {rule.path}"
