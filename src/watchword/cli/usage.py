"""``usage``: who used what, how often, from where, and what was refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.named import credential_named
from watchword.cli.plumbing.output import clean, colour, moment, note, print_json, print_record, print_rows
from watchword.cli.plumbing.shell import Asked, Stop, VerbCommand, asked, nearest
from watchword.cli.plumbing.typed import at, seconds_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.usage import Picture
    from watchword.model.usage import Grain, Share

__all__ = ["register"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDEST: Final = 60  # bars
_GRAINS: Final = ("minute", "hour", "day")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("usage", cls=VerbCommand, epilog="""
    $ watchword usage
    $ watchword usage key_5bX0… --since 7d
    $ watchword usage service:billing --since 2h --by minute
    """)(usage)  # fmt: skip


def usage(
    ctx: typer.Context,
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A credential's id, or a subject.")] = None,
    since: Annotated[str, typer.Option("--since", metavar="D", help="The last 2h, 7d, …; 90d at most.")] = "24h",
    by: Annotated[str | None, typer.Option("--by", metavar="GRAIN", help="minute, hour or day.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="Lines of each list.")] = 10,
) -> None:
    """Show how often credentials are used, from where, for what; all of them, one, or a subject's."""
    from watchword.lifecycle.values import subject_of

    seconds = seconds_of("--since", since)
    grain = _grain(by, seconds)
    subject = at("ID", subject_of, id) if id is not None and ":" in id else ""

    async def work(house: Watchword) -> tuple[dict[str, Any], Picture]:
        whose: dict[str, Any] = {"id": None, "subject": subject or None, "last_used_at": None}
        if subject:
            await house.lifecycle.subject(subject)
        elif id is not None:
            record = await credential_named(house, id)
            whose = {"id": record.id, "subject": record.subject, "last_used_at": record.last_used_at}
        credential = whose["id"] or ""
        find = house.operations.usage.picture
        return whose, await find(seconds, grain=grain, credential=credential, subject=subject, shown=limit)

    whose, picture = run(asked(ctx), work)
    if asked(ctx).json:
        print_json(_value(whose, picture))
    else:
        _print(asked(ctx), whose, picture)


def _grain(by: str | None, seconds: int) -> Grain:
    """Return what is counted by. Stop where that is not kept for so long."""
    from watchword.lifecycle.operations.usage import KEPT, grain_of
    from watchword.model.usage import Grain

    if seconds > KEPT:
        raise Stop("--since: counts are kept for 90 days", "such as --since 90d")
    least = grain_of(seconds)
    if by is None:
        return least
    word = by.strip().lower()
    if word not in _GRAINS:
        near = nearest(word, _GRAINS)
        raise Stop(f"--by: there is no {by[:20]!r}", f"did you mean {near}?" if near else "minute, hour or day")
    grain = Grain[word.upper()]
    if grain < least:
        hint = {"minute": "minutes are kept for 2 hours: --since 2h", "hour": "hours are kept for 7 days: --since 7d"}
        raise Stop(f"--by {word} does not go back so far", hint[word])
    return grain


def _value(whose: dict[str, Any], picture: Picture) -> dict[str, Any]:
    def shares(found: Sequence[Share], name: str) -> list[dict[str, Any]]:
        return [{name: each.name, "verdict": each.verdict, "decisions": each.decisions} for each in found]

    return {
        **whose,
        "since": picture.since,
        "until": picture.until,
        "by": picture.grain.name.lower(),
        "decisions": picture.decisions(),
        "accepted": picture.decisions("accepted"),
        "refused": picture.decisions("refused"),
        "broken": picture.decisions("broken"),
        "points": [each._asdict() for each in picture.points],
        "routes": shares(picture.routes, "route"),
        "networks": shares(picture.networks, "network"),
        "reasons": shares(picture.reasons, "reason"),
        "credentials": shares(picture.credentials, "credential"),
        "origins": [each._asdict() for each in picture.origins],
    }


def _print(asked: Asked, whose: dict[str, Any], picture: Picture) -> None:
    title = whose["id"] or whose["subject"] or "everybody"
    counts = {name: picture.decisions(name) for name in ("accepted", "refused", "broken")}
    rows = [
        ("subject", whose["subject"] if whose["id"] else ""),
        ("since", moment(picture.since)),
        ("last used", moment(whose["last_used_at"])),
        *((name, f"{count:,}") for name, count in counts.items() if count or name == "accepted"),
    ]
    print_record(asked, {}, rows, str(title))
    if not picture.decisions():
        note("nothing was decided in that time")
        return
    _print_series(picture)
    for head, shares in (
        ("ROUTE", picture.routes),
        ("NETWORK", picture.networks),
        ("REASON", picture.reasons),
        ("CREDENTIAL", picture.credentials),
    ):
        _print_shares(asked, head, shares)
    if picture.origins:
        print()
        columns = {
            "USED FROM": [each.network for each in picture.origins],
            "FIRST": [moment(each.first_at) for each in picture.origins],
            "LAST": [moment(each.last_at) for each in picture.origins],
        }
        print_rows(asked, [each._asdict() for each in picture.origins], columns)


def _print_series(picture: Picture) -> None:
    unit = picture.grain.name.lower()
    for verdict, shade in (("accepted", "green"), ("refused", "red"), ("broken", "red")):
        counts = [count for _, count in picture.series(verdict)]
        if any(counts):
            line = colour(sparkline(counts), shade, sys.stdout)
            print(f"\n  {line}\n  {verdict} by the {unit}, {max(counts):,} at most")


def _print_shares(asked: Asked, head: str, shares: Sequence[Share]) -> None:
    if shares:
        print()
        columns = {
            head: [clean(each.name) or ("nobody" if head == "CREDENTIAL" else "-") for each in shares],
            "VERDICT": [each.verdict for each in shares],
            "DECISIONS": [f"{each.decisions:,}" for each in shares],
        }
        print_rows(asked, [each._asdict() for each in shares], columns)


def sparkline(counts: Sequence[int]) -> str:
    """Return counts as bars; what is more than nothing is seen. Many are added up so that the line stays short."""
    width = -(-len(counts) // _WIDEST) or 1
    sums = [sum(counts[start : start + width]) for start in range(0, len(counts), width)]
    most = max(sums, default=0)
    if not most:
        return _BARS[0] * len(sums)
    last = len(_BARS) - 1
    return "".join(_BARS[0] if not each else _BARS[max(1, round(each / most * last))] for each in sums)
