"""``audit``: who was let in, who was not and why, and what operators did."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.evidence import export, sign
from watchword.cli.plumbing.evidence import verify as prove
from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.output import clean, colour, moment, print_json, print_rows, too_wide
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, VerbCommand, asked, nearest
from watchword.cli.plumbing.typed import seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.model.records import Event

__all__ = ["register"]

_PAGE: Final = 1000
_OUTCOMES: Final = ("accepted", "refused", "broken", "done")
_EVERY: Final = 0.5  # seconds between looks


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("audit", cls=VerbCommand, epilog="""
    $ watchword audit --since 1h
    $ watchword audit --follow --outcome refused
    $ watchword audit --credential key_W4H4RccuLTqkjbWnoV5Z --since 30d
    $ watchword audit --verify
    $ watchword audit --checkpoint --json >>checkpoints.jsonl
    $ watchword audit --export audit.jsonl
    $ watchword audit --reference 5f0c7a9d21e84b36
    """)(audit)  # fmt: skip


def audit(
    ctx: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events come; Ctrl-C ends it.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="D", help="Only the last 15m, 90d, ….")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 100,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="REF", help="Only the decision with this reference.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option("--credential", metavar="ID", help="Only what this credential did.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="SUBJECT", help="Only whom it is about, or who acted.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="WORD", help="accepted, refused, broken or done.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="CODE", help="Only refusals for this.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="VERB", help="decide, or an act such as revoke.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Prove the log: exit 1 if anything was altered.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="FILE", help="With --verify: a checkpoint kept elsewhere.")
    ] = None,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Sign the log now; print what to keep elsewhere.")
    ] = False,
    target: Annotated[
        str | None, typer.Option("--export", metavar="FILE", help="Add what is new to FILE, as JSON lines; - prints.")
    ] = None,
) -> None:
    """Show the log, oldest first: what callers are not told is here."""
    _one_of(verify=verify, follow=follow, checkpoint=checkpoint, export=target is not None)
    if against is not None and not verify:
        raise Stop("--against goes with --verify", "add --verify")
    if verify:
        raise typer.Exit(prove(asked(ctx), against))
    if checkpoint:
        sign(asked(ctx))
        return
    if target is not None:
        export(asked(ctx), target)
        return
    start = 0.0 if since is None else time.time() - seconds_of("--since", since)
    wanted = Wanted(reference, credential, subject, outcome, reason, action)
    wanted.check()
    _show(asked(ctx), wanted, start, limit, follow)


def _one_of(**chosen: bool) -> None:
    given = [f"--{name}" for name, yes in chosen.items() if yes]
    if len(given) > 1:
        raise Stop(f"{' and '.join(given)} exclude each other", "use one of them")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say which events are wanted: None is all."""

    reference: str | None = None
    credential: str | None = None
    subject: str | None = None
    outcome: str | None = None
    reason: str | None = None
    action: str | None = None

    def check(self) -> None:
        """Stop for an outcome or a reason that there is not."""
        from watchword.model.reason import REASONS

        for option, word, words in (("--outcome", self.outcome, _OUTCOMES), ("--reason", self.reason, REASONS)):
            if word is not None and word not in words:
                near = nearest(word, words)
                hint = f"did you mean {near}?" if near else f"one of: {', '.join(words)}"
                raise Stop(f"{option}: there is no {word[:40]!r}", hint)

    def fits(self, event: Event) -> bool:
        """Tell whether the event is wanted."""
        return (
            self.reference in (None, event.reference)
            and (self.credential is None or self.credential in (event.credential, *event.credential.split("+")))
            and self.subject in (None, event.subject, event.actor)
            and self.outcome in (None, event.outcome)
            and self.reason in (None, event.reason)
            and self.action in (None, event.action)
        )


def _show(asked: Asked, wanted: Wanted, start: float, limit: int, follow: bool) -> None:
    async def work(house: Watchword) -> list[tuple[int, Event]]:
        end = await _end(house) if follow else 0  # first: nothing comes between that and what is followed
        newest = await _newest(house, start, limit, wanted)
        if follow:
            await _follow(asked, house, newest, end, wanted)
        return newest

    events = run(asked, work)
    _print(asked, events)
    if wanted.reference is not None and not events:
        raise typer.Exit(REFUSED)


async def _end(house: Watchword) -> int:
    """Return the position of the last event, 0 where there is none."""
    from watchword.stores.observed.backwards import backwards_of

    async for position, _ in backwards_of(house.store).events():
        return position
    return 0


async def _newest(house: Watchword, start: float, limit: int, wanted: Wanted) -> list[tuple[int, Event]]:
    from watchword.stores.observed.backwards import backwards_of

    if not start:  # from the end: there may be millions
        found: list[tuple[int, Event]] = []
        async for each in backwards_of(house.store).events():
            if wanted.fits(each[1]):
                found.append(each)
            if len(found) == limit:
                break
        return found[::-1]
    kept: deque[tuple[int, Event]] = deque(maxlen=limit)
    after = 0
    while True:
        page = await house.store.events(since=start, after=after, limit=_PAGE)
        kept.extend(each for each in page if wanted.fits(each[1]))
        if len(page) < _PAGE:
            return list(kept)
        after = page[-1][0]


async def _follow(
    asked: Asked, house: Watchword, newest: Sequence[tuple[int, Event]], end: int, wanted: Wanted
) -> None:
    """Print what there is and what comes, a line each, until interrupted."""
    import asyncio

    for position, event in newest:
        _print_line(asked, position, event)
    after = max([end, *(position for position, _ in newest)])
    while True:
        for position, event in await house.store.events(after=after, limit=_PAGE):
            after = position
            if wanted.fits(event):
                _print_line(asked, position, event)
        await asyncio.sleep(_EVERY)


def _value(position: int, event: Event) -> dict[str, Any]:
    from watchword.lifecycle.operations.handing_on import value_of

    return value_of(position, event)


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
