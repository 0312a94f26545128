"""``leaked``: a secret was found; say whose it is and what it did, and take it back."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import moment, note, print_json, print_record, print_rows, warn
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import prompted

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.leaks import LeakReport
    from watchword.lifecycle.operations.usage import Picture
    from watchword.lifecycle.verbs import Issued

__all__ = ["register"]

_STDIN: Final = "-"
_SHOWN: Final = 10  # networks and routes
_CHUNK: Final = 2_000  # secrets that are looked up together


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("leaked", cls=VerbCommand, epilog="""
    $ watchword leaked -
    $ watchword leaked - < found.txt
    $ watchword leaked key_5bX0… --reissue --where "a public gist"
    """)(leaked)  # fmt: skip


def leaked(
    ctx: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="CREDENTIAL-OR-ID", help="A secret or an id; - reads standard input, one a line.")
    ] = _STDIN,
    where: Annotated[str, typer.Option("--where", metavar="TEXT", help="Where it was found; kept in the audit.")] = "",
    reissue: Annotated[bool, typer.Option("--reissue", help="Issue a successor, and print it once.")] = False,
) -> None:
    """Revoke what leaked, at once, and say whose it is, what it did and from where.

    Any secret, certificate or private key will do, also one that ended long ago. Exit 1: it is nobody's here.
    """
    texts = _given(what)
    if len(texts) > 1:
        if reissue:
            raise Stop("--reissue is for one secret at a time")
        _many(asked(ctx), texts, where)
        return
    if what != _STDIN and _secret(what):
        warn("The shell's history has it now, too: give secrets by standard input, -")

    async def work(house: Watchword) -> LeakReport | None:
        return await house.operations.leaks.report(texts[0], by=actor(), where=where, reissue=reissue)

    report = run(asked(ctx), work)
    if report is None:
        raise Stop("that is nobody's here", "is it another server's? No record, old ones included, has it", REFUSED)
    _print(asked(ctx), report)


def _given(what: str) -> list[str]:
    """Return what was given: one text, of standard input each line unless it is PEM."""
    if what != _STDIN:
        return [what]
    text = prompted("Secret") if sys.stdin.isatty() else sys.stdin.read()
    if "-----BEGIN " in text:
        return [text]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise Stop("nothing came on standard input", "such as: watchword leaked - < found.txt")
    return list(dict.fromkeys(lines))


def _secret(text: str) -> bool:
    from watchword.codec.shapes import shape_of

    return shape_of(text.strip()) is not None


def _value(report: LeakReport) -> dict[str, Any]:
    from watchword.cli.plumbing.records import value_of

    record = report.credential
    value: dict[str, Any] = {
        "id": report.id,
        "kind": str(report.kind),
        "subject": report.subject or None,
        "before": report.before.value,
        "revoked": report.kind != "root-key",
    }
    if record is not None and not report.jti:
        value |= {name: value_of(record)[name] for name in ("state", "created_at", "last_used_at", "revoked_at")}
    if report.jti and record is not None:
        value["came_from"] = record.id
    return value | ({"note": report.note} if report.note else {})


def _used(picture: Picture) -> dict[str, Any]:
    return {
        "since": picture.since,
        "accepted": picture.decisions("accepted"),
        "refused": picture.decisions("refused"),
        "networks": [each._asdict() for each in picture.origins[:_SHOWN]],
        "routes": [
            {"route": each.name, "verdict": each.verdict, "decisions": each.decisions}
            for each in picture.routes[:_SHOWN]
        ],
    }


def _print(asked: Asked, report: LeakReport) -> None:
    value = _value(report)
    if asked.json:
        used = {} if report.picture is None else {"usage": _used(report.picture)}
        print_json(value | used | ({} if report.successor is None else {"successor": _successor(report.successor)}))
        return
    rows = [
        ("of", report.subject),
        ("kind", value["kind"]),
        ("came from", value.get("came_from")),
        ("was", report.before.value),
        ("made", moment(value.get("created_at"))),
        ("last used", moment(value.get("last_used_at"))),
        *([] if report.picture is None else _rows(report.picture)),
    ]
    done = "is revoked as leaked" if value["revoked"] else "cannot be revoked"
    print_record(asked, value, rows, f"{report.id or report.kind} {done}")
    if report.note:
        note(report.note)
    if report.successor is not None:
        from watchword.cli.plumbing.records import print_issued

        print()
        print_issued(asked, report.successor, f"{report.successor.credential.id} takes its place")


def _rows(picture: Picture) -> list[tuple[str, str]]:
    counts = [f"{picture.decisions(name):,} {name}" for name in ("accepted", "refused") if picture.decisions(name)]
    origins = [
        f"{each.network} ({moment(each.first_at)} to {moment(each.last_at)})" for each in picture.origins[:_SHOWN]
    ]
    routes = [f"{each.name} ({each.decisions:,} {each.verdict})" for each in picture.routes[:_SHOWN]]
    return [
        ("did", ", ".join(counts) or f"nothing since {moment(picture.since)}"),
        *(("from" if number == 0 else "", text) for number, text in enumerate(origins)),
        *(("asked for" if number == 0 else "", text) for number, text in enumerate(routes)),
    ]


def _successor(issued: Issued) -> Mapping[str, Any]:
    return {"id": issued.credential.id, "expires_at": issued.credential.expires_at, **issued.material}


def _many(asked: Asked, texts: Sequence[str], where: str) -> None:
    """Answer a list: nobody is left out, and whoever owned one is named."""
    from watchword.codec.shapes import shown

    async def work(house: Watchword) -> list[LeakReport | None]:
        found: list[LeakReport | None] = []
        for start in range(0, len(texts), _CHUNK):
            part = texts[start : start + _CHUNK]
            found += await house.operations.leaks.report_all(part, by=actor(), where=where)
            if len(found) < len(texts):
                note(f"{len(found):,} of {len(texts):,} are answered")
        return found

    reports = run(asked, work)
    values = [
        {"shown": shown(text), "id": None} if report is None else {"shown": shown(text), **_value(report)}
        for text, report in zip(texts, reports, strict=True)
    ]
    columns = {
        "SECRET": [str(value["shown"]) for value in values],
        "ID": [str(value["id"] or "-") for value in values],
        "SUBJECT": [str(value.get("subject") or "nobody's here") for value in values],
        "WAS": [str(value.get("before", "-")) for value in values],
        "KIND": [str(value.get("kind", "-")) for value in values],
    }
    print_rows(asked, values, columns)
    known = [report for report in reports if report is not None]
    owners = {report.subject for report in known if report.subject}
    ended = sum(report.usable for report in known)
    note(f"{len(known)} of {len(texts)} are known, {ended} could be used until now; they are {len(owners)} subjects'")
    for each in dict.fromkeys(report.note for report in known if report.note):
        note(each)
    if len(known) < len(texts):
        raise typer.Exit(REFUSED)
