"""``rotate --due``: say what is old or about to end, and replace it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import day, moment, note, print_json, print_rows, warn
from watchword.cli.plumbing.records import print_issued, value_of
from watchword.cli.plumbing.shell import REFUSED, Stop, asked
from watchword.cli.plumbing.typed import seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.rotation import Due, Outcome, Rotated

__all__ = ["rotate_due"]

_SHORT: Final = ("id", "kind", "subject", "scopes", "expires_at", "networks", "limit", "client_id", "profile")


def rotate_due(ctx: typer.Context, *, overlap: int | None, out: Path | None, within: str | None, dry_run: bool) -> None:
    """Replace what is due and print each successor once; exit 1 where something is left to do."""
    horizon = 0 if within is None else seconds_of("--within", within)
    if dry_run:
        _say_due(ctx, horizon)
        return
    _check_folder(out)

    async def work(house: Watchword) -> tuple[int, list[Outcome]]:
        done = 0
        left: list[Outcome] = []
        async for outcome in house.operations.rotation.rotate_due(by=actor(), overlap=overlap, horizon=horizon):
            if outcome.rotated is None:
                left.append(outcome)
            else:  # at once: what is printed or written survives whatever happens to the rest
                _hand_over(ctx, outcome.rotated, out)
                done += 1
        return done, left

    done, left = run(asked(ctx), work)
    for outcome in left:
        if asked(ctx).json:
            print_json({**_facts(outcome.due), "rotated": False, "problem": outcome.problem})
        else:
            warn(f"{outcome.due.id} ({outcome.due.kind} of {outcome.due.subject}): {outcome.problem}")
    if not asked(ctx).json:
        note(f"rotated: {done}" if done or left else "nothing is due")
    if left:
        raise typer.Exit(REFUSED)


def _say_due(ctx: typer.Context, horizon: int) -> None:
    async def work(house: Watchword) -> Sequence[Due]:
        return await house.operations.rotation.due(horizon=horizon)

    found = run(asked(ctx), work)
    columns = {
        "ID": [each.id for each in found],
        "KIND": [each.kind for each in found],
        "SUBJECT": [each.subject for each in found],
        "DUE": [day(each.at) for each in found],
        "WHY": [each.why for each in found],
        "BY": ["rotate --due" if each.automatic else "a person" for each in found],
        "LAST USED": [day(each.last_used_at) or "never" for each in found],
    }
    print_rows(asked(ctx), [_facts(each) for each in found], columns, "nothing is due")
    if found:
        raise typer.Exit(REFUSED)


def _facts(due: Due) -> dict[str, Any]:
    return {
        "id": due.id,
        "kind": str(due.kind),
        "subject": due.subject,
        "due_at": due.at,
        "why": due.why,
        "automatic": due.automatic,
        "last_used_at": due.last_used_at,
    }


def _hand_over(ctx: typer.Context, rotated: Rotated, out: Path | None) -> None:
    record, old = rotated.issued.credential, rotated.old
    more: dict[str, Any] = {"replaces": old.id, "overlap_ends_at": rotated.ends_at, "rotated": True}
    title = f"{record.kind} for {record.subject}"
    if out is None:
        print_issued(asked(ctx), rotated.issued, title, None, **more)
        return
    facts = {name: content for name, content in value_of(record).items() if name in _SHORT}
    path = out / f"{record.id}.json"
    try:
        _write(path, facts | more | dict(rotated.issued.material))
    except OSError as error:  # such as a full disk: what is shown once must not be lost
        path.unlink(missing_ok=True)
        warn(f"{path} cannot be written ({error.strerror}), so it is printed")
        print_issued(asked(ctx), rotated.issued, title, None, **more)
        return
    if asked(ctx).json:
        print_json({**facts, **more, "file": str(path)})
    else:
        note(f"{old.id} → {record.id}, valid until {moment(rotated.ends_at)}: {path}")


def _check_folder(out: Path | None) -> None:
    if out is None:
        return
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"--out: {out}: {error.strerror}") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise Stop(f"--out: {out} cannot be written to")


def _write(path: Path, value: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
