"""Rules about what is issued: they look at the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from watchword.codec.oauth.redirect_uri import kind_of
from watchword.lint.case import Case
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.lint.rules.oauth import ADMIN
from watchword.lint.rules.tokens import LONGEST_ACCESS, shown
from watchword.model.credential import Credential, Kind, State

__all__ = ["RULES"]

_DAY: Final = 86400
_IDLE: Final = 90 * _DAY
_OLD: Final = 365 * _DAY
_SOON: Final = 14 * _DAY
_CA_SOON: Final = 90 * _DAY
_LATE: Final = 7 * _DAY
_MANY: Final = 10
_KEYS: Final = (Kind.API_KEY, Kind.HMAC)
_MACHINES: Final = (*_KEYS, Kind.CLIENT_CERT)


def _held(case: Case, *kinds: Kind) -> list[Credential]:
    return [] if case.holdings is None else case.holdings.of(*kinds)


def _spot(record: Credential, message: str, fix: str = "", severity: Severity | None = None) -> Spot:
    return Spot((), f"{record.kind} of {record.subject}: {message}", fix, severity, record.id)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _admin(record: Credential) -> bool:
    return any(scope.startswith(ADMIN) for scope in record.scopes)


@rule(
    "WW801",
    Severity.WARNING,
    "A key never ends",
    why="What leaked and was not noticed stays good for ever, and nobody ever tries whether it can be replaced.",
    fix="watchword issue api-key --for SUBJECT --expires 90d, then watchword revoke ID --reason replaced",
    sources=("ASVS 5.0 13.3.4",),
    issued=True,
)
def endless(case: Case) -> Iterator[Spot]:
    """Check when keys end."""
    for record in _held(case, *_KEYS):
        if record.ends_at() is None:
            fix = (
                f"watchword issue {record.kind} --for {record.subject} --expires 90d, then watchword revoke {record.id}"
            )
            yield _spot(record, "it never ends", f"{fix} --reason replaced")


@rule(
    "WW802",
    Severity.WARNING,
    "A credential is not used",
    why="Nobody would miss it, and nobody would notice if somebody else began to use it.",
    fix='watchword revoke ID --reason "not used"',
    sources=("ASVS 5.0 13.3.4", "NIST SP 800-53 AC-2(3)"),
    issued=True,
)
def unused(case: Case) -> Iterator[Spot]:
    """Check when credentials were last used: 90 days are long."""
    for record in _held(case, *_MACHINES):
        last = record.last_used_at or record.created_at
        if case.now - last > _IDLE:
            said = f"last used on {_day(last)}" if record.last_used_at else f"never used since {_day(last)}"
            yield _spot(record, said, f'watchword revoke {record.id} --reason "not used"')


@rule(
    "WW803",
    Severity.WARNING,
    "A credential is due for rotation",
    why="The longer a secret is in use, the more places have a copy of it.",
    fix="watchword rotate ID --overlap 7d",
    sources=("ASVS 5.0 13.3.4", "NIST SP 800-57-1 5.3"),
    issued=True,
)
def old(case: Case) -> Iterator[Spot]:
    """Check the age of secrets: a year is long."""
    for record in _held(case, *_KEYS, Kind.OAUTH_CLIENT):
        proves = record.kind is not Kind.OAUTH_CLIENT or record.lookup is not None
        if proves and record.replaced_by is None and case.now - record.created_at > _OLD:
            yield _spot(record, f"in use since {_day(record.created_at)}", f"watchword rotate {record.id} --overlap 7d")


@rule(
    "WW804",
    Severity.WARNING,
    "A key signs by the profile concat",
    why=(
        "Its parts are joined without borders, so that two different requests can have one signature; host "
        "and headers are not signed."
    ),
    fix="watchword issue hmac --for SUBJECT, which signs by v1",
    sources=("RFC 9421 7.2.1",),
    issued=True,
)
def concat(case: Case) -> Iterator[Spot]:
    """Check the profile of signing keys."""
    for record in _held(case, Kind.HMAC):
        if record.detail.get("profile") == "concat":
            yield _spot(record, "it signs by concat", f"watchword issue hmac --for {record.subject}")


@rule(
    "WW805",
    Severity.WARNING,
    "A client is sent its codes to localhost",
    why="The name localhost can be made to mean another machine, and a listener on it may be open to the network.",
    fix="watchword client set ID --redirect-uri http://127.0.0.1/callback",
    sources=("RFC 8252 8.3", "RFC 9700 2.1"),
    issued=True,
)
def localhost(case: Case) -> Iterator[Spot]:
    """Check the redirect URIs of clients."""
    for record in _held(case, Kind.OAUTH_CLIENT):
        for uri in record.detail.get("redirect_uris") or ():
            if kind_of(uri) == "localhost":
                better = uri.replace("localhost", "127.0.0.1", 1)
                yield _spot(
                    record, f"its codes go to {uri[:80]}", f"watchword client set {record.id} --redirect-uri {better}"
                )


@rule(
    "WW806",
    Severity.WARNING,
    "An operator has a password alone",
    why="The password opens the administration of this server, and no second factor stands beside it.",
    fix="enrol one at /account, and set mfa.required",
    sources=("ASVS 5.0 8.4.2", "ASVS 5.0 6.3.3"),
    issued=True,
)
def lone_password(case: Case) -> Iterator[Spot]:
    """Check for second factors of who administers."""
    for record in _held(case, Kind.PASSWORD):
        if _admin(record) and case.holdings is not None and record.subject not in case.holdings.factored:
            yield _spot(record, "it administers, and there is no second factor")


@rule(
    "WW807",
    Severity.WARNING,
    "A credential administers from anywhere",
    why="Whoever finds it can use it from wherever they are.",
    fix="watchword issue api-key --for SUBJECT --scope admin:… --ip 10.0.0.0/8",
    sources=("ASVS 5.0 8.4.2", "ASVS 5.0 13.2.2"),
    issued=True,
)
def admin_anywhere(case: Case) -> Iterator[Spot]:
    """Check the networks of credentials with scopes of the administration."""
    for record in _held(case, *_MACHINES, Kind.OAUTH_CLIENT):
        if _admin(record) and not record.networks:
            fix = f"watchword issue {record.kind} --for {record.subject} --scope … --ip 10.0.0.0/8"
            yield _spot(record, "it administers, from every network", fix)


@rule(
    "WW808",
    Severity.WARNING,
    "A credential that ends soon is still in use",
    why="Its overlap runs out, and whoever still uses it will be refused from then on.",
    fix="tell its owner, or give the successor more time",
    sources=("ASVS 5.0 13.3.4",),
    issued=True,
)
def still_used(case: Case) -> Iterator[Spot]:
    """Check what is retiring."""
    for record in _held(case, *_MACHINES, Kind.OAUTH_CLIENT, Kind.PASSWORD):
        if record.retire_at is None or record.last_used_at is None:
            continue
        if record.retire_at - case.now < _LATE and case.now - record.last_used_at < _DAY:
            used, ends = _moment(record.last_used_at), _moment(record.retire_at)
            fix = f"let {record.subject} use {record.replaced_by or 'the successor'} before {ends}"
            yield _spot(record, f"used at {used}, retired at {ends}", fix)


@rule(
    "WW809",
    Severity.WARNING,
    "The certificate authority ends soon",
    why="From its end on every client certificate that it issued is refused, all at once.",
    fix="watchword rotate ca",
    sources=("RFC 5280 4.1.2.5", "ASVS 5.0 13.3.4"),
    issued=True,
)
def authority(case: Case) -> Iterator[Spot]:
    """Check how long our own authority lasts."""
    from cryptography.x509 import load_pem_x509_certificate

    for record in _held(case, Kind.CA):
        certificate = load_pem_x509_certificate(str(record.detail["certificate"]).encode())
        ends = certificate.not_valid_after_utc.timestamp()
        if record.replaced_by is None and ends - case.now < _CA_SOON:
            yield _spot(record, f"it ends on {_day(ends)}", severity=Severity.ERROR if ends < case.now else None)


@rule(
    "WW810",
    Severity.WARNING,
    "A test key opens what is in production",
    why="Test keys are handled with less care: they stand in code, in examples and in tickets.",
    fix='watchword revoke ID --reason "test key in production"',
    sources=("mistake: secrets in code",),
    issued=True,
)
def test_keys(case: Case) -> Iterator[Spot]:
    """Check for test keys, where callers come by https."""
    for record in _held(case, *_KEYS) if case.https else ():
        if record.detail.get("test"):
            fix = f'watchword revoke {record.id} --reason "test key in production"'
            yield _spot(record, "it is a test key", fix)


@rule(
    "WW811",
    Severity.NOTE,
    "A subject has many keys",
    why="Nobody knows any more which of them is where; keys that are kept in case they are needed are found by others.",
    fix="watchword list --subject SUBJECT, and revoke what nobody needs",
    sources=("ASVS 5.0 13.2.2",),
    issued=True,
)
def many(case: Case) -> Iterator[Spot]:
    """Count the keys of each subject."""
    for record in _held(case, *_KEYS):
        assert case.holdings is not None  # noqa: S101 - else nothing is held
        case.holdings.counted[record.subject] += 1
        if case.holdings.counted[record.subject] == _MANY + 1:
            fix = f"watchword list --subject {record.subject}, and revoke what nobody needs"
            yield Spot((), f"{record.subject} has more than {_MANY} keys", fix, place=record.subject)


@rule(
    "WW812",
    Severity.WARNING,
    "The signing key was not replaced when it was due",
    why="Whatever replaces it does not run; when the key must be replaced in a hurry, it will not either.",
    fix="watchword rotate signing-key",
    sources=("NIST SP 800-57-1 5.3", "ASVS 5.0 13.3.4"),
    issued=True,
)
def signing_key(case: Case) -> Iterator[Spot]:
    """Check the age of the signing key."""
    every = case.settings.tokens.key_rotation
    for record in _held(case, Kind.SIGNING_KEY) if every else ():
        since = record.not_before or record.created_at
        late = case.now - since > every + _LATE
        if late and record.state(case.now) is State.ACTIVE and record.replaced_by is None:
            message = f"in use since {_day(since)}, for {shown(every)} as the settings say"
            yield _spot(record, message)


@rule(
    "WW813",
    Severity.WARNING,
    "A credential ends soon, and has no successor",
    why="Its owner will be refused from that day on, perhaps in the middle of the night.",
    fix="watchword rotate ID --overlap 7d",
    sources=("ASVS 5.0 13.3.4",),
    issued=True,
)
def ending(case: Case) -> Iterator[Spot]:
    """Check what ends within two weeks."""
    for record in _held(case, *_MACHINES):
        if record.expires_at is not None and record.replaced_by is None and record.expires_at - case.now < _SOON:
            fix = f"watchword rotate {record.id} --overlap 7d"
            yield _spot(record, f"it ends on {_day(record.expires_at)}", fix)


@rule(
    "WW814",
    Severity.WARNING,
    "A client's access tokens live long",
    why="They are believed until they end; the refresh token is what may live long.",
    fix="watchword client set ID --access-lifetime 10m",
    sources=("mistake: long-lived tokens", "RFC 6750 5.3"),
    issued=True,
)
def client_tokens(case: Case) -> Iterator[Spot]:
    """Check the lifetimes that clients have of their own."""
    for record in _held(case, Kind.OAUTH_CLIENT):
        lives = record.detail.get("access_lifetime") or 0
        if lives > LONGEST_ACCESS:
            fix = f"watchword client set {record.id} --access-lifetime 10m"
            yield _spot(record, f"its access tokens live {shown(lives)}", fix)


@rule(
    "WW815",
    Severity.NOTE,
    "A client may act as somebody without saying so",
    why="What it does by token exchange looks as if the person had done it; the audit cannot tell them apart.",
    fix="watchword client set ID --no-impersonate",
    sources=("RFC 8693 1.1",),
    issued=True,
)
def impersonation(case: Case) -> Iterator[Spot]:
    """Check what clients may exchange tokens for."""
    for record in _held(case, Kind.OAUTH_CLIENT):
        if (record.detail.get("exchange") or {}).get("impersonate"):
            yield _spot(record, "it may impersonate", f"watchword client set {record.id} --no-impersonate")


RULES: Final[tuple[Rule, ...]] = (
    *(endless, unused, old, concat, localhost, lone_password, admin_anywhere, still_used, authority),
    *(test_keys, many, signing_key, ending, client_tokens, impersonation),
)
