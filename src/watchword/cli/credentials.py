"""``list``, ``show``, ``rotate``, ``revoke``: the lifecycle, all kinds alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import day, moment, note, print_record, print_rows
from watchword.cli.plumbing.passwords import demand
from watchword.cli.plumbing.records import check_folder, print_issued, rows_of, value_of
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked, nearest
from watchword.cli.plumbing.typed import at, chosen, password_from_stdin, seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.verbs import Issued
    from watchword.model.credential import Credential, Kind, State

__all__ = ["register"]

_PAGE = 500
_OWN = ("signing-key", "ca")  # the server has one in use: its kind says which is meant

Id = Annotated[str, typer.Argument(metavar="ID", help="A credential's public id: key_…, hk_live_…, crt_…")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("list", cls=VerbCommand, epilog="""
    $ watchword list
    $ watchword list --subject service:billing --state active
    """)(list_)  # fmt: skip
    app.command("show", cls=VerbCommand, epilog="$ watchword show key_5bX0…")(show)
    app.command("rotate", cls=VerbCommand, epilog="""
    $ watchword rotate key_5bX0… --overlap 7d
    $ watchword rotate signing-key
    """)(rotate)  # fmt: skip
    app.command("revoke", cls=VerbCommand, epilog='$ watchword revoke key_5bX0… --reason "left the team"')(revoke)


def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="SUBJECT", help="Only whose they are.")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 100,
) -> None:
    """List credentials; no secret is ever shown."""
    from watchword.lifecycle.values import subject_of
    from watchword.model.credential import Kind, State

    only = None if kind is None else chosen("kind", kind, Kind)
    wanted = None if state is None else chosen("state", state, State)
    owner = None if subject is None else at("--subject", subject_of, subject)

    async def work(house: Watchword) -> list[Credential]:
        if owner is not None:
            await house.lifecycle.subject(owner)  # one that nobody has is a mistake, not an empty list
        return await _found(house, only, owner, wanted, limit)

    found = run(asked(ctx), work)
    _print_list(ctx, found[:limit])
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


def _print_list(ctx: typer.Context, found: Sequence[Credential]) -> None:
    now = time.time()
    columns = {
        "ID": [record.id for record in found],
        "SUBJECT": [record.subject for record in found],
        "STATE": [record.state(now).value for record in found],
        "ENDS": [day(record.ends_at()) or "-" for record in found],
        "LAST USED": [day(record.last_used_at) or "never" for record in found],
        "KIND": [record.kind.value for record in found],
        "SCOPES": [" ".join(sorted(record.scopes)) for record in found],
    }
    empty = "no credentials: make one with `watchword issue`"
    print_rows(asked(ctx), [value_of(record) for record in found], columns, empty)


def show(ctx: typer.Context, id: Id) -> None:
    """Show one: its state, bounds, history and last use."""

    async def work(house: Watchword) -> Credential:
        return await _one(house, id)

    value = value_of(run(asked(ctx), work))
    print_record(asked(ctx), value, rows_of(value))


def rotate(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="A credential's public id, or signing-key.")],
    overlap: Annotated[str, typer.Option("--overlap", metavar="D", help="How long the old one stays valid.")] = "24h",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="client-cert: write PEM files here.")] = None,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="password: read the new one; otherwise one is made.")
    ] = False,
) -> None:
    """Issue a successor; both are valid until the overlap ends."""
    seconds = 0 if overlap.strip() in ("0", "0s") else seconds_of("--overlap", overlap)

    async def work(house: Watchword) -> tuple[Issued, str]:
        old = await _newest(house, id) if id in _OWN else await _one(house, id)
        for option, given, kind in (("--out", out, "client-cert"), ("--password-stdin", from_stdin, "password")):
            if given and old.kind.value != kind:
                raise Stop(f"{option} is for {kind}, and {old.id} is {old.kind}")
        check_folder(out)
        options = {"password": password_from_stdin()} if from_stdin else {}
        await demand(house, old.subject, options.get("password"))
        return await house.lifecycle.rotate(old.id, overlap=seconds, by=actor(), options=options), old.id

    issued, old = run(asked(ctx), work)
    record = issued.credential
    more: dict[str, Any] = {"replaces": old, "overlap_ends_at": record.created_at + seconds}
    print_issued(asked(ctx), issued, f"{record.kind} for {record.subject}", out, **more)
    if not asked(ctx).json:
        note(f"{old} is valid until {moment(record.created_at + seconds)}.")


def revoke(
    ctx: typer.Context,
    id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the audit.")],
) -> None:
    """Revoke now and for good, with every token that came from it."""
    if not reason.strip():
        raise Stop("--reason is empty", 'say why, such as --reason "left the team"')

    async def work(house: Watchword) -> tuple[Credential, bool]:
        old = await _one(house, id)
        return await house.lifecycle.revoke(old.id, reason=reason, by=actor()), old.revoked_at is not None

    record, before = run(asked(ctx), work)
    value = value_of(record)
    rows = [(name, content) for name, content in rows_of(value) if name.startswith("revoke") or name == "subject"]
    print_record(asked(ctx), value, rows, f"{record.id} is revoked" + (" since before" if before else ""))


async def _one(house: Watchword, id: str) -> Credential:
    """Return the credential, or stop and name the nearest id. A secret typed instead of an id is never repeated."""
    if id.startswith(("ak_", "hs_", "rt_", "cs_", "ws_", "eyJ")):
        raise Stop(*await _not_an_id(house, id))
    record = await house.store.credential(id)
    if record is not None:
        return record
    ids: list[str] = []
    while page := await house.lifecycle.page(after=ids[-1] if ids else "", limit=_PAGE):
        ids += [each.id for each in page]
        if len(page) < _PAGE or len(ids) > 10 * _PAGE:
            break
    if id in _OWN:
        raise Stop(f"{id!r} is a kind, not an id", f"`watchword list --kind {id}` shows the ids")
    near = nearest(id, ids, 0.6) or next((each for each in ids if len(id) > 6 and each.startswith(id)), None)
    hint = f"did you mean {near}?" if near else "`watchword list` shows their ids"
    raise Stop(f"there is no credential {id[:64]!r}", hint)


async def _not_an_id(house: Watchword, secret: str) -> tuple[str, str]:
    from watchword.codec.secrets import digest

    record = await house.store.credential_by(digest(secret))
    if record is None:
        return "that is a secret, not an id", "`watchword list` shows the ids"
    return "that is a secret, not an id", f"its id is {record.id}"


async def _newest(house: Watchword, kind: str) -> Credential:
    from watchword.model.credential import Kind, State

    now = time.time()
    held = await house.lifecycle.page(kind=Kind(kind), limit=1000)
    active = [record for record in held if record.state(now) is State.ACTIVE]
    if not active:
        raise Stop(f"there is no active {kind}", "restart the server: it makes one")
    return max(active, key=lambda record: record.created_at)
