"""``issue``: give a subject a credential of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import note, warn
from watchword.cli.plumbing.passwords import demand
from watchword.cli.plumbing.records import check_folder, print_issued
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked, nearest
from watchword.cli.plumbing.typed import at, chosen, expiry_of, password_from_stdin

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.verbs import Issued
    from watchword.model.credential import Kind
    from watchword.model.verdict import Rate

__all__ = ["register"]

# Which option goes with which kinds; what is not here goes with all.
_FOR_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "--test": ("api-key", "hmac"),
    "--profile": ("hmac",),
    "--out": ("client-cert",),
    "--redirect-uri": ("oauth-client",),
    "--grant": ("oauth-client",),
    "--public": ("oauth-client",),
    "--first-party": ("oauth-client",),
    "--password-stdin": ("password",),
}

Repeated = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("issue", cls=VerbCommand, epilog="""
    $ watchword issue api-key --for service:billing --scope a --expires 90d
    $ watchword issue hmac --for service:billing --ip 10.0.0.0/8 --limit 600/min
    $ watchword issue client-cert --for service:billing --out billing-tls
    $ watchword issue oauth-client --for service:billing --scope orders:read
    $ watchword issue password --for user:alice --password-stdin <password.txt
    """)(issue)  # fmt: skip


def issue(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="api-key, hmac, client-cert, oauth-client or password.")],
    subject: Annotated[str, typer.Option("--for", metavar="SUBJECT", help="Whose: user:alice, service:billing.")],
    scopes: Annotated[
        Repeated, typer.Option("--scope", metavar="SCOPE", help="What it allows; repeat for more.")
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="D", help="When it ends, such as 90d.")] = None,
    networks: Annotated[
        Repeated, typer.Option("--ip", metavar="CIDR", help="Where it may be used from; repeat for more.")
    ] = None,
    limit: Annotated[str | None, typer.Option("--limit", metavar="RATE", help="How often, such as 600/min.")] = None,
    test: Annotated[bool, typer.Option("--test", help="api-key, hmac: marked as a test credential.")] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="hmac: v1 (default) or concat.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="client-cert: write PEM files here.")] = None,
    redirects: Annotated[
        Repeated, typer.Option("--redirect-uri", metavar="URI", help="oauth-client: where codes go; repeat for more.")
    ] = None,
    grants: Annotated[
        Repeated,
        typer.Option("--grant", metavar="GRANT", help="oauth-client: how it gets tokens, such as client_credentials."),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="oauth-client: an app that can keep no secret.")] = False,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="oauth-client: an app of your own: people are not asked.")
    ] = False,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="password: read it; otherwise one is made.")
    ] = False,
) -> None:
    """Issue a credential; what proves it is printed once, here."""
    from watchword.lifecycle.values import rate_of, subject_of

    word = _kind(kind)
    given = {
        "--test": test, "--profile": profile, "--out": out, "--redirect-uri": redirects, "--grant": grants,
        "--public": public, "--first-party": first_party, "--password-stdin": from_stdin,
    }  # fmt: skip
    _check_options(word.value, given)
    owner = at("--for", subject_of, subject)
    ends = expiry_of(expires)
    rate = None if limit is None else at("--limit", rate_of, limit)
    _check_lists(scopes or [], networks or [])
    options = _options(given)
    check_folder(out)
    issued = run(asked(ctx), _work(word, owner, (scopes or [], networks or []), ends, rate, options))
    record = issued.credential
    if record.detail.get("profile") == "concat":
        warn("concat leaves host and content type unsigned and marks no borders: use v1 where the caller can.")
    print_issued(asked(ctx), issued, f"{record.kind} for {record.subject}", out)
    if not record.scopes and not asked(ctx).json and word.value != "client-cert":
        note("It has no scopes: only places that ask for none will let it in.")


def _work(
    kind: Kind, owner: str, lists: tuple[list[str], list[str]], ends: int | None, rate: Rate | None, options: Any
) -> Callable[[Watchword], Any]:
    async def work(house: Watchword) -> Issued:
        from watchword.lifecycle.errors import LifecycleError

        scopes, networks = lists
        await demand(house, owner, options.get("password"))
        try:
            return await house.lifecycle.issue(
                kind, owner, by=actor(), scopes=scopes, expires_at=ends, networks=networks, limit=rate, options=options
            )
        except LifecycleError:
            raise
        except ValueError as error:  # a certificate that would outlive its authority
            raise Stop(f"{kind}: {error}", "a shorter --expires") from None

    return work


def _kind(text: str) -> Kind:
    from watchword.model.credential import Kind

    allowed = (Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.PASSWORD)
    if text.strip().lower().replace("_", "-") in (Kind.TOTP, Kind.PASSKEY, Kind.RECOVERY):
        raise Stop(f"people enrol a {text.strip()} themselves", "when they log in, or on the page of their account")
    return chosen("kind", text, allowed)


def _check_options(kind: str, given: Mapping[str, Any]) -> None:
    for option, kinds in _FOR_KINDS.items():
        if given[option] and kind not in kinds:
            mine = [name for name, theirs in _FOR_KINDS.items() if kind in theirs]
            hint = f"{kind} has {', '.join(mine)}" if mine else f"{kind} has no options of its own"
            raise Stop(f"{option} is for {' and '.join(kinds)}, not for {kind}", hint)


def _check_lists(scopes: list[str], networks: list[str]) -> None:
    from watchword.lifecycle.values import networks_of, scopes_of

    for scope in scopes:
        at("--scope", lambda text: scopes_of([text]), scope)
    for network in networks:
        at("--ip", lambda text: networks_of([text]), network)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if given["--test"]:
        options["test"] = True
    if given["--profile"]:
        options["profile"] = _profile(given["--profile"])
    if given["--grant"] or given["--redirect-uri"] or given["--public"] or given["--first-party"]:
        lists = (given["--grant"] or [], given["--redirect-uri"] or [])
        options |= _client(*lists, bool(given["--public"]), bool(given["--first-party"]))
    if given["--password-stdin"]:
        options["password"] = password_from_stdin()
    return options


def _profile(text: str) -> str:
    from watchword.codec.message import PROFILES

    if text not in PROFILES:
        near = nearest(text, PROFILES, 0.3)
        hint = f"did you mean {near}?" if near else f"one of: {', '.join(PROFILES)}"
        raise Stop(f"--profile: there is no signing profile {text[:40]!r}", hint)
    return text


def _client(grants: list[str], redirects: list[str], public: bool, first_party: bool) -> dict[str, Any]:
    """Return an OAuth client's options; what a grant needs is asked for here, not when it is first used."""
    from watchword.cli.plumbing.client_options import refusing_fields
    from watchword.lifecycle.clients.fields import settled

    given = {"grants": grants, "redirect_uris": redirects, "public": public, "first_party": first_party}
    with refusing_fields():
        return settled({name: value for name, value in given.items() if value})
