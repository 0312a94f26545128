"""``client``: OAuth clients, everything that can be said of one, changed without a new secret."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from watchword.cli.plumbing.client_options import ClientCommand, bounds_of, fields_of, refusing_fields
from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import day, moment, note, print_record, print_rows, warn
from watchword.cli.plumbing.records import print_issued
from watchword.cli.plumbing.shell import Asked, Stop, VerbCommand, asked, group, nearest
from watchword.cli.plumbing.typed import at, expiry_of, seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.clients.book import Client, ClientBook
    from watchword.lifecycle.verbs import Issued

__all__ = ["register"]

T = TypeVar("T")

_PAGE: Final = 200
_TIMES: Final = ("created_at", "expires_at", "last_used_at", "ends_at")
_TAKEN_AWAY: Final = {"scopes": {"scopes": ()}, "networks": {"networks": ()}}
_BOUNDS: Final = {"limit": "no_limit", "expires_at": "no_end"}

Id = Annotated[str, typer.Argument(metavar="ID", help="A client_id: cli_…", show_default=False)]

client: typer.Typer = group(
    "Add OAuth clients, change them, disable and enable them, replace their secrets.",
    "client add shop --redirect-uri https://shop.example/cb",
    "client list",
    "client rotate cli_… --overlap 7d",
)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(client, name="client")


@client.command("add", cls=ClientCommand, epilog="""
    $ watchword client add billing --scope orders:read
    $ watchword client add shop --redirect-uri https://shop.example/cb
    $ watchword client add ci --auth-method private_key_jwt --jwks ci.json
    """)  # fmt: skip
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service that it is, such as billing.")],
) -> None:
    """Add a client, and the service that it is; its secret is printed once, here."""
    from watchword.lifecycle.values import subject_of

    subject = at("NAME", subject_of, name if ":" in name else f"service:{name}")
    fields, bounds = fields_of(ctx), bounds_of(ctx)

    async def work(house: Watchword) -> tuple[Issued, Client]:
        book = book_of(house)
        issued = await _told(book.add(subject, {"client_name": name, **fields}, bounds, by=actor()))
        _warn_of_unknown(house, fields)
        _warn_of_tls(fields)
        return issued, await book.find(issued.credential.id)

    issued, added = run(asked(ctx), work)
    _print_secret(asked(ctx), added, issued.material, f"added the client of {subject}")


@client.command("list", cls=VerbCommand, epilog="""
    $ watchword client list
    $ watchword client list --state disabled
    """)  # fmt: skip
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only in this state.")] = None,
) -> None:
    """List clients; no secret is ever shown."""
    states = ("active", "disabled", "revoked", "expired", "retired", "leaked")
    if state is not None and state not in states:
        near = nearest(state, states)
        raise Stop(f"there is no state {state[:40]!r}", f"did you mean {near}?" if near else ", ".join(states))

    async def work(house: Watchword) -> list[Client]:
        found: list[Client] = []
        after = ""
        while True:
            page, after = await book_of(house).page(after=after, limit=_PAGE)
            found += [each for each in page if state is None or each.state(time.time()) == state]
            if not after:
                return found

    values = [each.value(time.time()) for each in run(asked(ctx), work)]
    columns = {
        "CLIENT": [value["client_id"] for value in values],
        "NAME": [value.get("client_name", "") for value in values],
        "STATE": [value["state"] for value in values],
        "SUBJECT": [value["subject"] for value in values],
        "GRANTS": [" ".join(grant.rpartition(":")[2] for grant in value["grants"]) for value in values],
        "ADDED": [day(value["created_at"]) for value in values],
        "LAST USED": [day(value["last_used_at"]) or "never" for value in values],
        "SOURCE": [value["source"] for value in values],
    }
    print_rows(asked(ctx), values, columns, "there are no clients yet: add one with `watchword client add NAME`")


@client.command("show", cls=VerbCommand, epilog="$ watchword client show cli_…")
def show(ctx: typer.Context, id: Id) -> None:
    """Show a client: what it may, how it proves itself, its secrets' ends."""
    value = run(asked(ctx), lambda house: _found(house, id)).value(time.time())
    print_record(asked(ctx), value, _rows(value))


@client.command("set", cls=ClientCommand, epilog="""
    $ watchword client set cli_… --redirect-uri https://shop.example/new
    $ watchword client set cli_… --token-format opaque --access-lifetime 5m
    $ watchword client set cli_… --unset jwks --jwks-uri https://shop.example/keys
    """)  # fmt: skip
def set_(
    ctx: typer.Context,
    id: Id,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="FIELD", help="Take a field away; repeat for more.")
    ] = None,
) -> None:
    """Change a client at once, for every worker; a list replaces the one before."""
    fields, bounds = fields_of(ctx), bounds_of(ctx)
    more = _unset(unset or [], fields)
    if not fields and bounds == type(bounds)() and not more:
        raise Stop("set: say what is to change", "such as --redirect-uri https://app.example/cb")

    async def work(house: Watchword) -> Client:
        from dataclasses import replace

        found = await _found(house, id)
        changed = await _told(book_of(house).change(found.id, fields, replace(bounds, **more), by=actor()))
        _warn_of_unknown(house, fields)
        _warn_of_tls(changed.newest.detail)
        return changed

    changed = run(asked(ctx), work)
    value = changed.value(time.time())
    said = {*fields, *more, *(name for name in ("scopes", "networks", "limit") if getattr(bounds, name) is not None)}
    print_record(asked(ctx), value, [row for row in _rows(value) if row[0].replace(" ", "_") in said], f"changed {id}")


@client.command("disable", cls=VerbCommand, epilog="$ watchword client disable cli_…")
def disable(ctx: typer.Context, id: Id) -> None:
    """Disable a client: it and its tokens are refused until it is enabled again."""
    _switch(ctx, id, False)


@client.command("enable", cls=VerbCommand, epilog="$ watchword client enable cli_…")
def enable(ctx: typer.Context, id: Id) -> None:
    """Enable a disabled client; access tokens from before stay void."""
    _switch(ctx, id, True)


@client.command("rotate", cls=VerbCommand, epilog="$ watchword client rotate cli_… --overlap 7d")
def rotate(
    ctx: typer.Context,
    id: Id,
    overlap: Annotated[str, typer.Option("--overlap", metavar="D", help="How long the old one stays valid.")] = "24h",
) -> None:
    """Give a client a new secret; both are valid until the overlap ends."""
    seconds = 0 if overlap.strip() in ("0", "0s") else seconds_of("--overlap", overlap)

    async def work(house: Watchword) -> tuple[Issued, Client]:
        found = await _found(house, id)
        issued = await _told(book_of(house).rotate(found.id, overlap=seconds, by=actor()))
        return issued, await book_of(house).find(found.id)

    issued, after = run(asked(ctx), work)
    _print_secret(asked(ctx), after, issued.material, f"a new secret of {id}")
    if not asked(ctx).json:
        note(f"The one before is valid until {moment(issued.credential.created_at + seconds)}.")


@client.command("registration-token", cls=VerbCommand, epilog="""
    $ watchword client registration-token
    $ watchword client registration-token --expires 7d --limit 5/h
    """)  # fmt: skip
def registration_token(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is for, in lists.")] = "registration",
    expires: Annotated[str, typer.Option("--expires", metavar="D", help="When it ends.")] = "24h",
    limit: Annotated[str | None, typer.Option("--limit", metavar="RATE", help="How often, such as 5/h.")] = None,
) -> None:
    """Make a token by which clients register themselves, where `oauth.registration` asks for one."""
    from watchword.lifecycle.values import rate_of

    ends = expiry_of(expires)
    rate = None if limit is None else at("--limit", rate_of, limit)

    async def work(house: Watchword) -> Issued:
        return await house.oauth.registration.initial_token(by=actor(), expires_at=ends, limit=rate, name=name)

    print_issued(asked(ctx), run(asked(ctx), work), "a token to register clients with")


def book_of(house: Watchword) -> ClientBook:
    """Return the clients of a house."""
    from watchword.lifecycle.clients.book import ClientBook

    return ClientBook(house.store, house.lifecycle, told=house.watch.hurry, clock=house.clock)


def _switch(ctx: typer.Context, id: str, enabled: bool) -> None:
    async def work(house: Watchword) -> Client:
        found = await _found(house, id)
        return await book_of(house).set_enabled(found.id, enabled, by=actor())

    value = run(asked(ctx), work).value(time.time())
    print_record(asked(ctx), value, (), f"{value['client_id']} is {'enabled' if enabled else 'disabled'}")


async def _told(work: Awaitable[T]) -> T:
    """Do ``work``; where a field is wrong, say which option gave it."""
    with refusing_fields():
        return await work


def _warn_of_unknown(house: Watchword, fields: Mapping[str, Any]) -> None:
    """Say what a client may have that the configuration does not know: it may come there later."""
    known, rules = house.oauth.resources.known, house.oauth.rules
    for uri in (*fields.get("audiences", ()), *fields.get("introspects", ())):
        if uri not in known:
            warn(f"no [[resource]] names {uri} yet: no token is for it")
    for kind in fields.get("authorization_details_types", ()):
        if kind not in rules.details:
            warn(f"[oauth.authorization_details] has no words for {kind} yet: it is refused")


def _warn_of_tls(detail: Mapping[str, Any]) -> None:
    """Say that a client's certificate does not pass TLS here, where none of its own is given."""
    from watchword.codec.oauth.x5c import self_signed_in
    from watchword.lifecycle.mint import SELF_SIGNED

    if detail.get("auth_method") == SELF_SIGNED and not self_signed_in(detail.get("jwks")):
        warn("`watchword serve` lets its certificate through only when --jwks holds it: give the certificate in PEM")


async def _found(house: Watchword, id: str) -> Client:
    """Return the client, or stop and name the nearest one."""
    from watchword.lifecycle.clients.book import ClientUnknown

    book = book_of(house)
    try:
        return await book.find(id)
    except ClientUnknown as error:
        page, _ = await book.page(limit=_PAGE)
        near = next(iter(get_close_matches(id, [each.id for each in page], 1)), None)
        near = near or next((each.id for each in page if each.newest.detail.get("client_name") == id), None)
        raise Stop(str(error), f"did you mean {near}?" if near else error.hint) from None


def _unset(names: list[str], fields: dict[str, Any]) -> dict[str, Any]:
    """Have ``fields`` take away what was named; return what of the credential's bounds goes."""
    from watchword.lifecycle.clients.fields import FIELDS

    more: dict[str, Any] = {}
    for given in names:
        name = given.strip().removeprefix("--").replace("-", "_")
        if name in _BOUNDS:
            more[_BOUNDS[name]] = True
        elif name in _TAKEN_AWAY:
            more |= _TAKEN_AWAY[name]
        elif name in FIELDS:
            fields.setdefault(name, None)
        else:
            near = nearest(name, [*FIELDS, *_BOUNDS, *_TAKEN_AWAY])
            hint = f"did you mean {near}?" if near else "`watchword client show` names them"
            raise Stop(f"--unset: there is no field {given[:40]!r}", hint)
    return more


def _print_secret(asked: Asked, client: Client, material: Mapping[str, str], title: str) -> None:
    value = client.value(time.time()) | dict(material)
    proof = [(name.replace("_", " "), text) for name, text in material.items()]
    print_record(asked, value, [*proof, *(row for row in _rows(value) if row[0] not in dict(proof))], title)
    if asked.json:
        return
    if "client_secret" in material:
        warn("Keep the secret now: it is not shown again.")
    if not value["scopes"]:
        note("It has no scopes: only places that ask for none will let it in.")


def _rows(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the rows that people see: times spelled out, what is false or empty left out."""
    rows: list[tuple[str, Any]] = []
    for name, content in value.items():
        if content is not False and name not in ("secrets", "version"):
            rows += _shown(name, content)
    for secret in value.get("secrets", ()):
        ends = f" until {moment(secret['ends_at'])}" if secret["ends_at"] is not None else ""
        rows.append(("secret of", f"{day(secret['created_at'])}, {secret['state']}{ends}"))
    return rows


def _shown(name: str, content: Any) -> list[tuple[str, Any]]:
    if name == "jwks":
        return [(name, [str(key.get("kid", key.get("kty"))) for key in content["keys"]])]
    if name == "exchange":
        places = [f"{issuer} as {own}" for issuer, own in content.get("audiences", {}).items()]
        return [("impersonate", content.get("impersonate")), ("exchange audiences", places)]
    return [(name.replace("_", " "), moment(content) if name in _TIMES else content)]
