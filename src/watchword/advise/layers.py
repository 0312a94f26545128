"""Say what to put on top of a scheme: another proof, networks, a fresh second factor. Rows of a table, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from watchword.advise.answers import Answers

__all__ = ["LAYERS", "LIMITS", "UNSEEN", "Layer", "layers_of"]

LIMITS: Final[Mapping[str, str]] = MappingProxyType({"low": "600/min", "medium": "300/min", "high": "120/min"})
"""What one credential may ask of one route: a leaked one must not drain the service."""

UNSEEN: Final = 'body = "upstream"'
"""The setting of a route whose signatures cover a digest of content that a gateway does not show us."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Suggest one thing on top: ``settings`` are lines of the route's block, such as another ``accept``; and why."""

    name: str
    why: str
    settings: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def holds(self, scheme: str, answers: Answers) -> bool:
        """Tell whether the layer is for this scheme and these answers."""
        fits = all(getattr(answers, name) in words for name, words in self.when.items())
        return fits and (not self.schemes or scheme in self.schemes)

    def value(self) -> dict[str, Any]:
        """Return the layer as JSON."""
        return {"name": self.name, "why": self.why, "settings": list(self.settings)}


def _layer(name: str, why: str, *settings: str, schemes: tuple[str, ...] = (), **when: tuple[str, ...]) -> Layer:
    return Layer(name, why, settings, schemes, MappingProxyType(when))


_PEOPLE: Final = ("people", "both")
_OF_PEOPLE: Final = ("session", "jwt", "oauth2")

LAYERS: Final[tuple[Layer, ...]] = (
    _layer(
        "people and machines",
        "Both call here: a browser brings its cookie, a program its key; the first one presented decides.",
        'accept = "session | api-key"',
        schemes=("session",),
        callers=("both",),
    ),
    _layer(
        "people and machines",
        "Both call here: people bring a token, programs a key; the first one presented decides.",
        'accept = "jwt | api-key"',
        schemes=("jwt",),
        callers=("both",),
    ),
    _layer(
        "people and machines",
        "Both call here: programs bring a key, people a token of their login; the first one presented decides.",
        'accept = "api-key | jwt"',
        schemes=("api-key",),
        callers=("both",),
    ),
    _layer(
        "the application, too",
        "The application proves itself beside the person: both are in the audit, and either can be stopped alone.",
        'accept = "jwt via api-key"',
        schemes=("jwt",),
        through=("server", "third-party"),
    ),
    _layer(
        "the application, by its certificate",
        "What people's tokens travel through proves itself by its connection: a token alone is of no use elsewhere.",
        'accept = "jwt via mtls"',
        schemes=("jwt",),
        callers=_PEOPLE,
        certificates=("yes",),
        sensitivity=("high",),
    ),
    _layer(
        "certificate and signature",
        "The certificate proves the connection, the signature each request; both must be of the same service.",
        'accept = "mtls & hmac"',
        schemes=("hmac",),
        certificates=("yes",),
        sensitivity=("medium", "high"),
    ),
    _layer(
        "certificate and signature",
        "The certificate proves the connection, the signature each request; both must be of the same service.",
        'accept = "mtls & hmac"',
        UNSEEN,
        schemes=("mtls",),
        certificates=("yes",),
        sensitivity=("medium", "high"),
    ),
    _layer(
        "certificate and key",
        "A key alone is of no use to who finds it; both must be of the same service.",
        'accept = "mtls & api-key"',
        schemes=("api-key",),
        certificates=("yes",),
    ),
    _layer(
        "the stronger one beside it",
        "Callers that can sign may do so already; the audit says who still uses the key.",
        'accept = "hmac | api-key"',
        UNSEEN,
        schemes=("api-key",),
        callers=("machines",),
        sensitivity=("medium", "high"),
    ),
    _layer(
        "away from passwords",
        "Whoever can send a key may do so already; the audit says who still sends a password.",
        'accept = "api-key | basic"',
        schemes=("basic",),
    ),
    _layer(
        "networks",
        "You know where callers are: from anywhere else a stolen credential is worth nothing.",
        'networks = ["10.0.0.0/8"]',
        ends=("ours",),
        callers=("machines",),
    ),
    _layer(
        "networks of each caller",
        "Say with --ip at issue from where this caller calls: from anywhere else its credential is worth nothing.",
        schemes=("api-key", "hmac", "mtls", "basic"),
        ends=("theirs",),
        callers=("machines",),
    ),
    _layer(
        "a second factor where it hurts",
        "Much is at stake: a login with a second factor, not longer ago than this, whatever the browser keeps.",
        'factors = ["otp"]',
        'within = "10m"',
        schemes=_OF_PEOPLE,
        callers=("people",),
        sensitivity=("high",),
    ),
    _layer(
        "tokens that belong to a key",
        "A stolen token is of no use without the client's key (DPoP, RFC 9449): OAuth2Auth(…, dpop=True).",
        schemes=("oauth2",),
        sensitivity=("medium", "high"),
    ),
    _layer(
        "an end",
        "Every credential ends and is replaced with an overlap: --expires at issue, `watchword rotate`.",
        schemes=("api-key", "hmac", "mtls", "basic"),
    ),
)
"""Every suggestion, in the order in which they are made."""


def layers_of(scheme: str, answers: Answers) -> tuple[Layer, ...]:
    """Return what to put on top of a scheme, for these answers."""
    return tuple(layer for layer in LAYERS if layer.holds(scheme, answers))
