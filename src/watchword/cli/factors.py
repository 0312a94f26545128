"""``user factors``, ``remove-factor``, ``reset-factors``: look at second factors, and take back lost ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import day, note, print_record, print_rows
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.model.credential import Credential

__all__ = ["register"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as alice.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="A factor's public id: otp_…, psk_…, rec_…", show_default=False)]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the audit.")]


def register(user: typer.Typer) -> None:
    """Add the verbs to the group ``user``."""
    user.command("factors", cls=VerbCommand, epilog="$ watchword user factors alice")(factors)
    user.command("remove-factor", cls=VerbCommand, epilog="""
    $ watchword user remove-factor alice psk_5bX0… --reason "the key was lost"
    """)(remove_factor)  # fmt: skip
    user.command("reset-factors", cls=VerbCommand, epilog="""
    $ watchword user reset-factors alice --reason "phone lost; seen in person"
    """)(reset_factors)  # fmt: skip


def factors(ctx: typer.Context, name: Name) -> None:
    """List somebody's second factors that can be used now."""
    subject = _subject(name)

    async def work(house: Watchword) -> tuple[Credential, ...]:
        await house.lifecycle.subject(subject)
        return await house.factors.enrolled(subject)

    found = run(asked(ctx), work)
    columns = {
        "ID": [each.id for each in found],
        "KIND": [each.kind.value for each in found],
        "NAME": [_called(each) for each in found],
        "ENROLLED": [day(each.created_at) for each in found],
        "LAST USED": [day(each.last_used_at) or "never" for each in found],
    }
    print_rows(asked(ctx), [_value(each) for each in found], columns, f"{subject} has no second factor")


def remove_factor(ctx: typer.Context, name: Name, id: Id, reason: Why) -> None:
    """Remove one factor of somebody's; with the last one their recovery codes go."""
    subject, why = _subject(name), _reason(reason)

    async def work(house: Watchword) -> tuple[Credential, ...]:
        await house.lifecycle.subject(subject)
        await house.factors.remove(id, by=actor(), reason=why, subject=subject)
        return await house.factors.enrolled(subject)

    left = run(asked(ctx), work)
    value = {"subject": subject, "removed": id, "left": [each.id for each in left]}
    print_record(asked(ctx), value, [("left", value["left"])], f"removed {id}")


def reset_factors(
    ctx: typer.Context,
    name: Name,
    reason: Why,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take back every factor of who has lost theirs, and end all their logins and tokens.

    Afterwards the password alone lets them in, so make sure first that it is they who ask, and let them enrol again.
    """
    subject, why = _subject(name), _reason(reason)
    if not yes:
        _confirm(subject)

    async def work(house: Watchword) -> tuple[Credential, ...]:
        await house.lifecycle.subject(subject)
        return await house.factors.reset(subject, by=actor(), reason=why)

    removed: Sequence[Credential] = run(asked(ctx), work)
    value = {"subject": subject, "removed": [each.id for each in removed]}
    print_record(asked(ctx), value, [("removed", value["removed"])], f"{subject} has no second factor now")
    if not asked(ctx).json:
        note("every login of theirs has ended: let them enrol again at the next one")


def _confirm(subject: str) -> None:
    if not sys.stdin.isatty():
        raise Stop(f"every second factor and login of {subject} would end", "add --yes")
    answer = input(f"Take back every second factor of {subject}? Type the name: ").strip()
    if answer not in (subject, subject.partition(":")[2]):
        raise Stop("that is another name", "nothing was taken back")


def _value(record: Credential) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": record.id,
        "kind": record.kind.value,
        "subject": record.subject,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
    }
    if "codes" in record.detail:
        return value | {"codes_left": len(record.detail["codes"])}
    return value | {"name": record.detail["name"]}


def _called(record: Credential) -> str:
    codes = record.detail.get("codes")
    return str(record.detail["name"]) if codes is None else f"{len(codes)} codes left"


def _reason(text: str) -> str:
    if not text.strip():
        raise Stop("--reason is empty", 'say why, such as --reason "phone lost; seen in person"')
    return text


def _subject(name: str) -> str:
    from watchword.lifecycle.values import subject_of

    return at("NAME", subject_of, name if name.startswith("user:") else f"user:{name}")
