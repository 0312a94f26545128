"""``audit``: who was let in, who was not and why, and what operators did."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.output import clean, colour, moment, note, print_json, print_record, print_rows, too_wide
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.model.records import Event
    from watchword.stores.chain import Flaw

__all__ = ["register"]

_PAGE: Final = 1000
_EVERY: Final = 0.5  # seconds between looks


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("audit", cls=VerbCommand, epilog="""
    $ watchword audit --since 1h
    $ watchword audit --follow
    $ watchword audit --verify
    $ watchword audit --reference 5f0c7a9d21e84b36
    """)(audit)  # fmt: skip


def audit(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come; Ctrl-C ends it.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the chain: exit 1 if anything was altered.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="D", help="Only the last 15m, 90d, ….")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 100,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="REF", help="Only the decision with this reference.")
    ] = None,
) -> None:
    """Show the log, oldest first: what callers are not told is here."""
    if verify:
        if follow:
            raise Stop("--verify and --follow exclude each other", "use one of them")
        _verify(asked(ctx))
        return
    start = 0.0 if since is None else time.time() - seconds_of("--since", since)

    async def work(house: Watchword) -> list[tuple[int, Event]]:
        newest = await _newest(house, start, limit, reference)
        if follow:
            await _follow(asked(ctx), house, newest, reference)
        return newest

    events = run(asked(ctx), work)
    _print(asked(ctx), events)
    if reference is not None and not events:
        raise typer.Exit(REFUSED)


async def _newest(house: Watchword, start: float, limit: int, reference: str | None) -> list[tuple[int, Event]]:
    kept: deque[tuple[int, Event]] = deque(maxlen=limit)
    after = 0
    while True:
        page = await house.store.events(since=start, after=after, limit=_PAGE)
        kept.extend(each for each in page if reference is None or each[1].reference == reference)
        if len(page) < _PAGE:
            return list(kept)
        after = page[-1][0]


async def _follow(asked: Asked, house: Watchword, newest: Sequence[tuple[int, Event]], reference: str | None) -> None:
    """Print what there is and what comes, a line each, until interrupted."""
    import asyncio

    after = 0
    while page := await house.store.events(after=after, limit=_PAGE):  # where the log ends now
        after = page[-1][0]
    for position, event in newest:
        _print_line(asked, position, event)
    after = max([after, *(position for position, _ in newest)])
    while True:
        for position, event in await house.store.events(after=after, limit=_PAGE):
            after = position
            if reference is None or event.reference == reference:
                _print_line(asked, position, event)
        await asyncio.sleep(_EVERY)


def _value(position: int, event: Event) -> dict[str, Any]:
    return {"position": position, **event._asdict()}


def _who(event: Event) -> str:
    subject = event.subject or event.credential or "-"
    return f"{subject} by {event.actor}" if event.actor else subject


def _what(event: Event) -> str:
    if event.action == "decide":
        return f"{event.method} {event.path}"
    return f"{event.action} {event.credential}".strip()


def _outcome(event: Event) -> str:
    return f"{event.outcome}: {event.reason}" if event.outcome in ("refused", "broken") else event.outcome


def _how(event: Event) -> str:
    return " ".join(part for part in (event.scheme, event.detail) if part)


def _print_line(asked: Asked, position: int, event: Event) -> None:
    if asked.json:
        print_json(_value(position, event))
        return
    shade = {"accepted": "green", "done": "green"}.get(event.outcome, "red")
    parts = [_what(event), _who(event), _how(event), event.address, event.reference]
    rest = "  ".join(clean(part) for part in parts if part not in ("", "-"))
    print(f"{moment(event.at)}  {colour(_outcome(event).ljust(8), shade, sys.stdout)}  {rest}", flush=True)


def _print(asked: Asked, events: Sequence[tuple[int, Event]]) -> None:
    only = [event for _, event in events]
    columns = {
        "TIME": [moment(event.at) for event in only],
        "OUTCOME": [_outcome(event) for event in only],
        "WHAT": [_what(event) for event in only],
        "WHO": [_who(event) for event in only],
        "HOW": [_how(event) for event in only],
        "ADDRESS": [event.address for event in only],
        "REFERENCE": [event.reference for event in only],
    }
    if not asked.json and too_wide(columns):
        for position, event in events:  # a log that folds is read more easily than a table that lost who and why
            _print_line(asked, position, event)
        return
    print_rows(asked, [_value(*each) for each in events], columns, "nothing is in the log yet")


def _verify(asked: Asked) -> None:
    async def work(house: Watchword) -> list[Flaw]:
        return await house.store.verify_audit()

    flaws = run(asked, work)
    values = [asdict(flaw) for flaw in flaws]
    rows = [("" if number else "found", str(flaw)) for number, flaw in enumerate(flaws)]
    title = (
        "the audit log was altered" if flaws else "the audit log is whole: every event is there, in order, unchanged"
    )
    print_record(asked, {"intact": not flaws, "flaws": values}, rows, title)
    if flaws:
        if not asked.json:
            note(f"{len(flaws)} found: compare with a backup, and ask who can write to the database")
        raise typer.Exit(REFUSED)
