"""``list``, ``show``, ``revoke``: the lifecycle, all kinds alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli.clients import book_of
from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.named import credential_named
from watchword.cli.plumbing.output import day, moment, note, print_record, print_rows
from watchword.cli.plumbing.records import rows_of, value_of
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at, chosen, token_from_stdin

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.rotation import Retirement
    from watchword.model.credential import Credential, Kind, State

__all__ = ["register"]

_PAGE = 500

Id = Annotated[str, typer.Argument(metavar="ID", help="A credential's public id: key_…, hk_live_…, crt_…")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("list", cls=VerbCommand, epilog="""
    $ watchword list
    $ watchword list signing-key
    $ watchword list --subject service:billing --state active
    """)(list_)  # fmt: skip
    app.command("show", cls=VerbCommand, epilog="$ watchword show key_5bX0…")(show)
    app.command("revoke", cls=VerbCommand, epilog="""
    $ watchword revoke key_5bX0… --reason "left the team"
    $ watchword revoke --subject user:alice --reason "lost laptop"
    """)(revoke)  # fmt: skip


def list_(
    ctx: typer.Context,
    named: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only this kind.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="SUBJECT", help="Only whose they are.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 100,
) -> None:
    """List credentials; no secret is ever shown."""
    from watchword.lifecycle.values import subject_of
    from watchword.model.credential import Kind, State

    if named is not None and kind is not None:
        raise Stop("the kind is named twice", f"`watchword list {named}` is enough")
    wished = named if kind is None else kind
    only = None if wished is None else chosen("kind", wished, Kind)
    wanted = None if state is None else chosen("state", state, State)
    owner = None if subject is None else at("--subject", subject_of, subject)

    async def work(house: Watchword) -> tuple[list[Credential], dict[str, Retirement]]:
        if owner is not None:
            await house.lifecycle.subject(owner)  # one that nobody has is a mistake, not an empty list
        found, rotation = await _found(house, only, owner, wanted, limit), house.operations.rotation
        retiring = [each.id for each in found[:limit] if each.state(house.clock()) is State.RETIRING]
        return found, {id: await rotation.retire_safe(id) for id in retiring}

    found, retirements = run(asked(ctx), work)
    _print_list(ctx, found[:limit], retirements)
    if len(found) > limit:
        note(f"there are more than {limit}: see them with --limit")


async def _found(
    house: Watchword, kind: Kind | None, owner: str | None, state: State | None, limit: int
) -> list[Credential]:
    """Return one more than ``limit``, so that the end can be told."""
    found: list[Credential] = []
    after, now = "", time.time()
    while len(found) <= limit:
        page = await house.lifecycle.page(kind=kind, subject=owner, after=after, limit=_PAGE)
        found += [record for record in page if state is None or record.state(now) is state]
        if len(page) < _PAGE:
            break
        after = page[-1].id
    return found[: limit + 1]


def _print_list(ctx: typer.Context, found: Sequence[Credential], retirements: Mapping[str, Retirement]) -> None:
    now = time.time()

    def state_of(record: Credential) -> str:
        retirement = retirements.get(record.id)
        name = record.state(now).value
        return name if retirement is None else f"{name}: {'safe' if retirement.safe else 'needed'}"

    values = [value_of(record) for record in found]
    for value in values:
        if value["id"] in retirements:
            value["retirement"] = {"safe": retirements[value["id"]].safe, "says": retirements[value["id"]].says}
    columns = {
        "ID": [record.id for record in found],
        "SUBJECT": [record.subject for record in found],
        "STATE": [state_of(record) for record in found],
        "ENDS": [day(record.ends_at()) or "-" for record in found],
        "LAST USED": [day(record.last_used_at) or "never" for record in found],
        "KIND": [record.kind.value for record in found],
        "SCOPES": [" ".join(sorted(record.scopes)) for record in found],
    }
    empty = "no credentials: make one with `watchword issue`"
    print_rows(asked(ctx), values, columns, empty)


def show(ctx: typer.Context, id: Id) -> None:
    """Show one: its state, bounds, history and last use."""

    async def work(house: Watchword) -> tuple[Credential, Retirement | None]:
        record = await credential_named(house, id)
        return record, await house.operations.rotation.retire_safe(id) if record.replaced_by else None

    record, retirement = run(asked(ctx), work)
    value, rows = value_of(record), rows_of(value_of(record))
    if retirement is not None:
        networks = [{"network": each.network, "last_at": each.last_at} for each in retirement.origins]
        value["retirement"] = {"safe": retirement.safe, "says": retirement.says, "networks": networks}
        rows.append(("safe to retire", f"{'yes' if retirement.safe else 'no'}: {retirement.says}"))
        rows += [("used from", f"{each.network}, last {moment(each.last_at)}") for each in retirement.origins[:3]]
    print_record(asked(ctx), value, rows)


def revoke(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the audit.")],
    id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A credential's public id: key_…, fam_…, sig_….")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help="One access token: its jti, or - to read it from stdin."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="SUBJECT", help="Whatever was given before now: sessions, tokens."),
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="Access tokens that this OAuth client was given.")
    ] = None,
) -> None:
    """Revoke now and for good: a credential with every token that came from it, or tokens alone."""
    if not reason.strip():
        raise Stop("--reason is empty", 'say why, such as --reason "left the team"')
    if sum(each is not None for each in (id, token, subject, client)) != 1:
        raise Stop("say one thing to revoke", "an ID, --token, --subject or --client")
    if token is not None:
        _revoke_token(ctx, token_from_stdin() if token == "-" else token, reason)  # noqa: S105 - "-" is standard input
    elif subject is not None:
        _revoke_of_subject(ctx, subject, reason)
    elif client is not None:
        _revoke_of_client(ctx, client, reason)
    elif id is not None:
        _revoke_one(ctx, id, reason)


def _revoke_one(ctx: typer.Context, id: str, reason: str) -> None:
    async def work(house: Watchword) -> tuple[Credential, bool]:
        old = await credential_named(house, id)
        if old.detail.get("client_id") == old.id:  # it is the client's name, whichever secrets followed
            client = await book_of(house).find(old.id)
            before = all(each.revoked_at is not None for each in client.records)
            return (await book_of(house).remove(old.id, reason=reason, by=actor())).records[0], before
        return await house.lifecycle.revoke(old.id, reason=reason, by=actor()), old.revoked_at is not None

    record, before = run(asked(ctx), work)
    value = value_of(record)
    rows = [(name, content) for name, content in rows_of(value) if name.startswith("revoke") or name == "subject"]
    print_record(asked(ctx), value, rows, f"{record.id} is revoked" + (" since before" if before else ""))


def _revoke_token(ctx: typer.Context, token: str, reason: str) -> None:
    async def work(house: Watchword) -> dict[str, Any]:
        from watchword.lifecycle.verbs import REMEMBERED

        jti, until, subject = token, int(time.time()) + REMEMBERED, ""
        if token.startswith("eyJ"):
            claims = house.keys.claims_of(token.encode("ascii", "replace"))
            if claims is None:
                raise Stop("that is no access token of ours, or its key is gone", "nothing accepts it")
            jti, until, subject = str(claims["jti"]), int(claims["exp"]), str(claims["sub"])
        elif not token.startswith("jti_"):
            raise Stop("that is neither a token nor a jti", "a jti starts with jti_, and stands in the token's claims")
        await house.lifecycle.revoke_token(jti, until=until, subject=subject, reason=reason, by=actor())
        return {"jti": jti, "subject": subject or None, "until": until}

    value = run(asked(ctx), work)
    print_record(asked(ctx), value, [("subject", value["subject"])], f"{value['jti']} is revoked")


def _revoke_of_subject(ctx: typer.Context, subject: str, reason: str) -> None:
    from watchword.lifecycle.values import subject_of

    name = at("--subject", subject_of, subject)

    async def work(house: Watchword) -> None:
        await house.lifecycle.revoke_tokens(name, reason=reason, by=actor(), everything=True)

    run(asked(ctx), work)
    rows = [("still valid", "keys, certificates and passwords: see watchword list --subject")]
    print_record(asked(ctx), {"subject": name}, rows, f"{name} is logged out everywhere; tokens of before are void")


def _revoke_of_client(ctx: typer.Context, client: str, reason: str) -> None:
    async def work(house: Watchword) -> str:
        record = await house.lifecycle.revoke_client_tokens(
            (await credential_named(house, client)).id, reason=reason, by=actor()
        )
        return str(record.detail["client_id"])

    name = run(asked(ctx), work)
    rows = [("still valid", f"its secret: watchword revoke {name} ends that, too")]
    print_record(asked(ctx), {"client_id": name}, rows, f"tokens that {name} was given before are void")
