"""``rotate``: replace one credential, whatever its kind, or all that are due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.named import OWN_KINDS, credential_named
from watchword.cli.plumbing.output import moment, note
from watchword.cli.plumbing.passwords import demand
from watchword.cli.plumbing.records import check_folder, print_issued
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import password_from_stdin, seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.rotation import Rotated
    from watchword.model.credential import Credential

__all__ = ["register"]

_ROOT_KEY: Final = "root-key"
_OVERLAP: Final = 24 * 3600


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("rotate", cls=VerbCommand, epilog="""
    $ watchword rotate key_5bX0… --overlap 7d
    $ watchword rotate signing-key
    $ watchword rotate ca
    $ watchword rotate root-key
    $ watchword rotate --due --dry-run
    $ watchword rotate --due --out successors
    """)(rotate)  # fmt: skip


def rotate(
    ctx: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(metavar="[WHAT]", help="A credential's public id, or signing-key, ca or root-key."),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            "--overlap",
            metavar="D",
            help="How long the old one stays valid: 24h; --due: rotation.overlap; a ca: as long as what it issued.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="client-cert, --due: write what is secret into files.")
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="password: read the new one; otherwise one is made.")
    ] = False,
    due: Annotated[bool, typer.Option("--due", help="All that are old or about to end, as [rotation] says.")] = False,
    within: Annotated[
        str | None, typer.Option("--within", metavar="D", help="--due: also what will be due so soon.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="--due: only say what is due.")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="root-key: only make the new one, so that every node can be given it.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="root-key: take the old one away, now that nothing needs it.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="root-key: begin another, though the old one was not dropped yet.")
    ] = False,
) -> None:
    """Issue a successor; both are valid until the overlap ends."""
    _check_options(what, due, within=within, dry_run=dry_run, root_key=prepare or drop or again)
    seconds = _seconds(overlap)
    if due:
        from watchword.cli.rotation.due import rotate_due

        rotate_due(ctx, overlap=seconds, out=out, within=within, dry_run=dry_run)
    elif what == _ROOT_KEY:
        if overlap is not None or out is not None or from_stdin:
            raise Stop("the root key takes no --overlap, no --out and no --password-stdin")
        from watchword.cli.rotation.root_key import Wish, rotate_root_key

        rotate_root_key(ctx, Wish(prepare=prepare, drop=drop, again=again))
    elif what is not None:
        _rotate_one(ctx, what, seconds, out, from_stdin=from_stdin)


def _check_options(what: str | None, due: bool, *, within: str | None, dry_run: bool, root_key: bool) -> None:
    if (what is None) is not due:
        raise Stop("say what to rotate", "an ID, signing-key, ca, root-key, or --due for all that are due")
    if (within is not None or dry_run) and not due:
        raise Stop("--within and --dry-run are for --due")
    if root_key and what != _ROOT_KEY:
        raise Stop("--prepare, --drop and --again are for root-key")


def _seconds(overlap: str | None) -> int | None:
    if overlap is None:
        return None
    return 0 if overlap.strip() in ("0", "0s") else seconds_of("--overlap", overlap)


def _rotate_one(ctx: typer.Context, what: str, overlap: int | None, out: Path | None, *, from_stdin: bool) -> None:
    async def work(house: Watchword) -> tuple[Rotated, int]:
        old = await _in_use(house, what) if what in OWN_KINDS else await credential_named(house, what)
        for option, given, kind in (("--out", out, "client-cert"), ("--password-stdin", from_stdin, "password")):
            if given and old.kind.value != kind:
                raise Stop(f"{option} is for {kind}, and {old.id} is {old.kind}")
        check_folder(out)
        options = {"password": password_from_stdin()} if from_stdin else {}
        await demand(house, old.subject, options.get("password"))
        seconds = _OVERLAP if overlap is None and old.kind.value != "ca" else overlap
        operations = house.operations
        rotated = await operations.rotation.rotate(old.id, overlap=seconds, by=actor(), options=options)
        early = await operations.authorities.ending_early(rotated.old) if old.kind.value == "ca" else []
        return rotated, len(early)

    rotated, early = run(asked(ctx), work)
    record, old = rotated.issued.credential, rotated.old
    more: dict[str, Any] = {
        "replaces": old.id,
        "overlap_ends_at": rotated.ends_at,
        "replaced_last_used_at": old.last_used_at,
    }
    print_issued(asked(ctx), rotated.issued, f"{record.kind} for {record.subject}", out, **more)
    if not asked(ctx).json:
        note(f"{old.id} is valid until {moment(rotated.ends_at)}.")
        if old.kind.value not in OWN_KINDS:
            used = f"It was last used {moment(old.last_used_at)}" if old.last_used_at else "Nobody has used it yet"
            note(f"{used}; `watchword show {old.id}` says when it is safe to revoke.")
        if early:
            note(f"Certificates that would have outlasted it: {early}. They end with it.")


async def _in_use(house: Watchword, kind: str) -> Credential:
    """Return the signing key that signs tokens, or the CA that issues."""
    from watchword.model.credential import Kind

    return await (house.operations.authorities.issuing() if kind == Kind.CA else house.signing.in_use())
