"""What can be said of an OAuth client on the command line: one row an option, for every verb that takes them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.shell import Stop, VerbCommand
from watchword.cli.plumbing.typed import at, expiry_of, seconds_of

if TYPE_CHECKING:
    from watchword.lifecycle.clients.book import Bounds

__all__ = ["ClientCommand", "bounds_of", "fields_of", "refusing_fields"]

_KEPT: Final = "watchword.client_options"
_MOST_BYTES: Final = 65_536  # of a file of keys


@dataclass(frozen=True, slots=True)
class _Row:
    """Tie one option to one field; ``kind`` is "text", "texts", "flag", "seconds" or "file"."""

    option: str
    field: str
    kind: str
    metavar: str
    help: str


def _flag(option: str, field: str, help: str) -> _Row:
    return _Row(f"--{option}/--no-{option}", field, "flag", "", help)


_ROWS: Final = (
    _Row("--name", "client_name", "text", "TEXT", "What people see."),
    _Row("--scope", "scopes", "texts", "SCOPE", "What it may ask for; repeat for more."),
    _Row("--grant", "grants", "texts", "GRANT", "How it gets tokens: authorization_code, client_credentials, …"),
    _Row("--redirect-uri", "redirect_uris", "texts", "URI", "Where codes go; repeat for more."),
    _Row("--post-logout-redirect-uri", "post_logout_redirect_uris", "texts", "URI", "Where a logout may end."),
    _flag("public", "public", "It can keep no secret: an app, a page."),
    _flag("first-party", "first_party", "It is of your own: people are not asked."),
    _Row("--auth-method", "auth_method", "text", "METHOD", "How it proves itself, such as private_key_jwt."),
    _Row("--jwks", "jwks", "file", "FILE", "Its public keys: a JWK Set, or certificates in PEM."),
    _Row("--jwks-uri", "jwks_uri", "text", "URL", "Where its public keys are."),
    _Row("--audience", "audiences", "texts", "URI", "APIs that its tokens may be for; repeat for more."),
    _Row("--stands-for", "introspects", "texts", "URI", "APIs behind which it is: it may ask about their tokens."),
    _Row("--access-lifetime", "access_lifetime", "seconds", "D", "How long its access tokens live."),
    _Row("--refresh-lifetime", "refresh_lifetime", "seconds", "D", "How long its refresh tokens live."),
    _Row("--token-format", "token_format", "text", "FORMAT", "jwt or opaque."),
    _Row("--subject-type", "subject_type", "text", "TYPE", "public, or pairwise: names of people for it alone."),
    _Row("--sector-identifier-uri", "sector_identifier_uri", "text", "URL", "pairwise: which clients share names."),
    _Row(
        "--id-token-alg",
        "id_token_signed_response_alg",
        "text",
        "ALG",
        "id_tokens by EdDSA, ES256 or RS256.",
    ),
    _Row("--userinfo-alg", "userinfo_signed_response_alg", "text", "ALG", "Have userinfo signed, too."),
    _flag("require-par", "require_par", "It must push its requests first."),
    _flag("signed-requests", "require_signed_request_object", "It must sign its requests."),
    _flag("dpop", "dpop_bound_access_tokens", "Its tokens are bound to a key of its own."),
    _flag("certificate-bound", "tls_client_certificate_bound_access_tokens", "… or to its certificate."),
    _Row("--tls-subject-dn", "tls_client_auth_subject_dn", "text", "DN", "tls_client_auth: the certificate's name,"),
    _Row("--tls-san-dns", "tls_client_auth_san_dns", "text", "NAME", "… or one of its DNS names,"),
    _Row("--tls-san-uri", "tls_client_auth_san_uri", "text", "URI", "… or of its URIs,"),
    _Row("--tls-san-ip", "tls_client_auth_san_ip", "text", "IP", "… or of its IP addresses,"),
    _Row("--tls-san-email", "tls_client_auth_san_email", "text", "ADDRESS", "… or of its mail addresses."),
    _Row("--backchannel-logout-uri", "backchannel_logout_uri", "text", "URL", "Where it is told of logouts."),
    _flag("backchannel-session", "backchannel_logout_session_required", "It must be told which session."),
    _Row("--authorization-details-type", "authorization_details_types", "texts", "TYPE", "Single acts to ask for."),
    _flag("impersonate", "exchange.impersonate", "What it exchanges need not say that it acts."),
    _Row("--exchange-audience", "exchange.audiences", "texts", "ISSUER=ID", "Servers it may have assertions for."),
    _Row("--application-type", "application_type", "text", "TYPE", "web or native."),
    _Row("--client-uri", "client_uri", "text", "URL", "Its home page."),
    _Row("--logo-uri", "logo_uri", "text", "URL", "Its logo."),
    _Row("--policy-uri", "policy_uri", "text", "URL", "Its privacy policy."),
    _Row("--tos-uri", "tos_uri", "text", "URL", "Its terms."),
    _Row("--contact", "contacts", "texts", "TEXT", "Who answers for it; repeat for more."),
    _Row("--ip", "networks", "texts", "CIDR", "Where it may be used from; repeat for more."),
    _Row("--limit", "limit", "text", "RATE", "How often, such as 600/min."),
    _Row("--expires", "expires", "text", "D", "When it ends, such as 90d."),
)
_FIELD: Final = re.compile(rf"\b(?:{'|'.join(row.field for row in _ROWS if '_' in row.field)})\b")
_BOUNDS: Final = frozenset({"scopes", "networks", "limit", "expires"})
_TYPES: Final[Mapping[str, Any]] = {
    "text": str | None,
    "texts": list[str] | None,
    "flag": bool | None,
    "seconds": str | None,
    "file": Path | None,
}


def _flag_of(field: str) -> str:
    """Return the option that a field is given by, for what is said of it."""
    found = next((row.option for row in _ROWS if row.field.partition(".")[0] == field), field)
    return found.partition("/")[0]


def _with_flags(text: str) -> str:
    """Return what is said of fields with the options that give them."""
    return _FIELD.sub(lambda match: _flag_of(match[0]), text)


@contextmanager
def refusing_fields() -> Iterator[None]:
    """Stop where a field of a client is wrong, and say which option gave it."""
    from watchword.lifecycle.clients.fields import FieldError

    try:
        yield
    except FieldError as error:
        message = str(error).removeprefix(f"{error.field}: ")
        raise Stop(f"{_flag_of(error.field)}: {_with_flags(message)}", _with_flags(error.hint)) from None


class ClientCommand(VerbCommand):
    """Be a verb that takes everything that can be said of a client."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **rest: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_params()], **rest)


@cache
def _params() -> tuple[Any, ...]:
    """Have typer make the options of a function that nobody calls; each leaves its value where ``_given`` looks."""

    def stand_in() -> None:
        """Stand for a verb."""

    signature, annotations = [], {}
    for row in _ROWS:
        name = row.field.replace(".", "_")
        option = typer.Option(row.option, metavar=row.metavar or None, help=row.help, callback=_keep(row))
        option.expose_value, option.show_default = False, False
        annotations[name] = Annotated[_TYPES[row.kind], option]
        keyword = inspect.Parameter.KEYWORD_ONLY
        signature.append(inspect.Parameter(name, keyword, default=None, annotation=annotations[name]))
    stand_in.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    stand_in.__annotations__ = annotations
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command()(stand_in)
    command: Any = typer.main.get_command(alone)
    return tuple(param for param in command.params if param.name in annotations)


def _keep(row: _Row) -> Callable[..., None]:
    def keep(ctx: typer.Context, value: Any = None) -> None:
        if value not in (None, [], ()):
            ctx.meta.setdefault(_KEPT, {})[row.field] = value

    return keep


def _given(ctx: typer.Context) -> dict[str, Any]:
    found: dict[str, Any] = ctx.meta.get(_KEPT, {})
    return found


def bounds_of(ctx: typer.Context) -> Bounds:
    """Return what was said that every credential has: scopes, networks, limit, end."""
    from watchword.lifecycle.clients.book import Bounds
    from watchword.lifecycle.values import networks_of, rate_of, scopes_of

    given = _given(ctx)
    for text in given.get("scopes", ()):
        at("--scope", lambda word: scopes_of([word]), text)
    for text in given.get("networks", ()):
        at("--ip", lambda word: networks_of([word]), text)
    limit = given.get("limit")
    return Bounds(
        scopes=given.get("scopes"),
        networks=given.get("networks"),
        limit=None if limit is None else at("--limit", rate_of, limit),
        expires_at=expiry_of(given.get("expires")),
    )


def fields_of(ctx: typer.Context) -> dict[str, Any]:
    """Return what was said of the client, each value read; exchange rules put together."""
    found: dict[str, Any] = {}
    rows = {row.field: row for row in _ROWS}
    for field, value in _given(ctx).items():
        if field in _BOUNDS:
            continue
        if field.startswith("exchange."):
            found.setdefault("exchange", {})[field.partition(".")[2]] = _exchanged(field, value)
        else:
            found[field] = _read(rows[field], value)
    return found


def _read(row: _Row, value: Any) -> Any:
    if row.kind == "seconds":
        return seconds_of(row.option, value)
    return _keys_in(value) if row.kind == "file" else list(value) if row.kind == "texts" else value


def _exchanged(field: str, value: Any) -> Any:
    if field == "exchange.impersonate":
        return value
    pairs = [text.rpartition("=") for text in value]
    for issuer, _, name in pairs:
        if not issuer or not name:
            raise Stop("--exchange-audience: write ISSUER=CLIENT_ID", "such as https://chat.example=cli_abc")
    return {issuer: name for issuer, _, name in pairs}


def _keys_of(path: Path, pem: bytes) -> Any:
    from watchword.codec.jose import KeyRefused
    from watchword.codec.oauth.x5c import jwks_of

    try:
        return jwks_of(pem)
    except KeyRefused as error:
        raise Stop(f"--jwks: {path}: {error}", "a certificate in PEM, of an EC P-256, Ed25519 or RSA key") from None


def _keys_in(path: Path) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Stop(f"--jwks: {path}: {error.strerror}") from None
    if b"-----BEGIN " in raw[:_MOST_BYTES]:
        return _keys_of(path, raw[:_MOST_BYTES])
    try:
        found = json.loads(raw) if len(raw) <= _MOST_BYTES else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Stop(f"--jwks: {path} is no JWK Set", '{"keys": [{"kty": …}]}')
    return found if "keys" in found else {"keys": [found]}
