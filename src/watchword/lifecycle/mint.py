"""Make what each kind of credential consists of: one row a kind, so a new kind is one function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from watchword.codec.secrets import Sealer, digest, new_id, new_secret
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import redirect_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Passwords, Records

__all__ = [
    "CA_SUBJECT",
    "CERTIFICATE_LIFE",
    "MINTS",
    "SECRET_METHODS",
    "SELF_SIGNED",
    "Draft",
    "Minted",
    "Workshop",
    "context",
    "every",
]

CA_SUBJECT: Final = "service:watchword"
"""Who owns the server's own keys."""

PROFILES: Final = ("v1", "concat")
CERTIFICATE_LIFE: Final = 90 * 86400
"""Seconds that a client certificate lives where nothing else is said."""
SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
"""How a client authenticates that has a secret (RFC 7591 section 2)."""
SELF_SIGNED: Final = "self_signed_tls_client_auth"
"""How one does by a certificate of its own, which TLS has to let through (RFC 8705 section 2.2)."""

_CLIENT: Final[Mapping[str, Any]] = {
    "grants": ["client_credentials"],
    "redirect_uris": [],
    "public": False,
    "first_party": False,
}
_FIRST_RECORDS: Final = frozenset({"tokens_void_up_to"})  # what only the record of the client id says
_LOGIN: Final = ("factors", "proved", "authenticated_at", "login", "agent", "address", "outside")
_PAGE: Final = 100
_IDLE: Final = 3600  # seconds (NIST SP 800-63B-4 section 2.2.3)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Hold what minting needs."""

    records: Records
    sealer: Sealer
    passwords: Passwords


@dataclass(frozen=True, slots=True)
class Draft:
    """Say what is wanted. ``previous`` is the record that a rotation replaces."""

    kind: Kind
    subject: str
    now: int
    expires_at: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    previous: Credential | None = None

    def option(self, name: str, default: Any = None) -> Any:
        """Return an option, or what the replaced credential had."""
        if name in self.options:
            return self.options[name]
        return default if self.previous is None else self.previous.detail.get(name, default)


@dataclass(frozen=True, slots=True)
class Minted:
    """Hold a new credential's identity and proof. ``material`` is shown once and kept nowhere."""

    id: str
    lookup: bytes | None = field(default=None, repr=False)
    secret: bytes = field(default=b"", repr=False)
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)
    material: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: int | None = None


Mint: TypeAlias = Callable[[Workshop, Draft], Awaitable[Minted]]


async def every(records: Records, kind: Kind) -> list[Credential]:
    """Return all records of a kind, such as the server's own keys, of which there are few."""
    found: list[Credential] = []
    while page := await records.credentials(kind=kind, after=found[-1].id if found else "", limit=_PAGE):
        found += page
        if len(page) < _PAGE:
            break
    return found


def context(id: str) -> str:
    """Return the row that a sealed secret is bound to."""
    return f"credential:{id}"


def _environment(draft: Draft) -> str:
    return "test" if draft.option("test", False) else "live"


async def _api_key(workshop: Workshop, draft: Draft) -> Minted:
    secret = new_secret(f"ak_{_environment(draft)}_")
    name = draft.option("name")
    detail = {"test": bool(draft.option("test", False)), "hint": secret[-4:], **({"name": name} if name else {})}
    return Minted(new_id("key_"), lookup=digest(secret), detail=detail, material={"secret": secret})


async def _hmac(workshop: Workshop, draft: Draft) -> Minted:
    profile = draft.option("profile", "v1")
    if profile not in PROFILES:
        raise LifecycleError(f"unknown signing profile {profile!r}", f"known are: {', '.join(PROFILES)}")
    environment = _environment(draft)
    id, secret = new_id(f"hk_{environment}_"), new_secret(f"hs_{environment}_")
    sealed = workshop.sealer.seal(secret.encode(), context(id))
    detail = {"profile": profile, "test": bool(draft.option("test", False))}
    # Requests name the id; the digest finds the record of a secret that leaked.
    return Minted(id, digest(secret), sealed, detail, material={"key_id": id, "secret": secret})


async def _password(workshop: Workshop, draft: Draft) -> Minted:
    given = draft.options.get("password")
    password = given if given is not None else new_secret("")
    hashed = workshop.passwords.hash(password)
    encoded = await hashed if isawaitable(hashed) else hashed
    material = {} if given is not None else {"password": password}
    return Minted(new_id("pwd_"), secret=encoded.encode(), material=material)


async def _client_cert(workshop: Workshop, draft: Draft) -> Minted:
    from watchword.codec.shapes.pem import key_of_certificate
    from watchword.codec.x509 import der_of, serial_of
    from watchword.lifecycle.certificates import issue_client_certificate

    usable = [record for record in await every(workshop.records, Kind.CA) if record.refusal(draft.now) is None]
    if not usable:
        raise LifecycleError("no certificate authority issues", "try again in some seconds")
    authority = max(usable, key=lambda record: (record.not_before or record.created_at, record.id))
    key = workshop.sealer.open(authority.secret, context(authority.id))
    expires_at = draft.expires_at or draft.now + CERTIFICATE_LIFE
    if authority.retire_at is not None and expires_at > authority.retire_at:
        hint = "try again in some seconds, or choose a shorter --expires"
        raise LifecycleError("the certificate authority is being replaced", hint)
    own = authority.detail["certificate"].encode()
    try:
        certificate, private_key, chain = issue_client_certificate(own, key, draft.subject, draft.now, expires_at)
    except ValueError as error:
        raise LifecycleError(str(error), "choose a shorter --expires") from None
    der = der_of(certificate)
    return Minted(
        new_id("crt_"),
        lookup=digest(der),
        detail={
            "serial": format(serial_of(der), "x"),
            "authority": authority.id,
            "key": key_of_certificate(der),  # finds the record of a private key that leaked
        },
        material={"certificate": certificate.decode(), "private_key": private_key.decode(), "chain": chain.decode()},
        expires_at=expires_at,
    )


async def _oauth_client(workshop: Workshop, draft: Draft) -> Minted:
    id = new_id("cli_")
    for uri in draft.options.get("redirect_uris", ()):
        redirect_of(uri)
    before = {} if draft.previous is None else draft.previous.detail
    kept = {name: value for name, value in before.items() if name not in _FIRST_RECORDS}
    client_id = before.get("client_id", id)
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in draft.options.items()}
    detail: dict[str, Any] = {**_CLIENT, **kept, **given, "client_id": client_id}
    if detail["public"] or detail.get("auth_method", "client_secret_basic") not in SECRET_METHODS:
        return Minted(id, detail=detail, material={"client_id": client_id})
    secret = new_secret("cs_live_")
    lookup = client_lookup(client_id, secret)
    return Minted(id, lookup=lookup, detail=detail, material={"client_id": client_id, "client_secret": secret})


def client_lookup(client_id: str, secret: str) -> bytes:
    """Return the digest that an OAuth client is found by: of id and secret together, so two secrets can be valid."""
    return digest(f"{client_id}\n{secret}")


async def _session(workshop: Workshop, draft: Draft) -> Minted:
    secret = new_secret("ws_")
    wanted = {name: draft.option(name) for name in _LOGIN}
    detail = {"idle": draft.option("idle", _IDLE), **{name: v for name, v in wanted.items() if v is not None}}
    return Minted(new_id("ses_"), lookup=digest(secret), detail=detail, material={"cookie": secret})


async def _signing_key(workshop: Workshop, draft: Draft) -> Minted:
    from watchword.codec.jose import SigningKey

    id = new_id("sig_")
    key = SigningKey.generate(draft.option("algorithm", "EdDSA"), kid=id)
    sealed = workshop.sealer.seal(key.to_pkcs8(), context(id))
    return Minted(id, secret=sealed, detail={"kid": id, "public_jwk": key.public_jwk(), "algorithm": key.algorithm})


async def _authority(workshop: Workshop, draft: Draft) -> Minted:
    from watchword.lifecycle.certificates import new_ca

    id = new_id("ca_")
    certificate, key = new_ca(draft.option("name", "Watchword"), draft.now)
    sealed = workshop.sealer.seal(key, context(id))
    detail = {"certificate": certificate.decode(), "name": draft.option("name", "Watchword")}
    return Minted(id, secret=sealed, detail=detail, material={"certificate": certificate.decode()})


MINTS: Final[Mapping[Kind, Mint]] = {
    Kind.API_KEY: _api_key,
    Kind.HMAC: _hmac,
    Kind.PASSWORD: _password,
    Kind.CLIENT_CERT: _client_cert,
    Kind.OAUTH_CLIENT: _oauth_client,
    Kind.SESSION: _session,
    Kind.SIGNING_KEY: _signing_key,
    Kind.CA: _authority,
}
