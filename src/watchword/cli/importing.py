"""``user import`` and ``user imported``: take people over with the password hashes that another system made."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import note, print_record, print_rows
from watchword.cli.plumbing.shell import REFUSED, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.people.importing import Newcomer

__all__ = ["register"]

_BATCH: Final = 100
_LONGEST: Final = 16 * 1024  # bytes of one line
_SHOWN: Final = 40  # problems that people are told of; JSON has all
_SUFFIXES: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


def register(user: typer.Typer) -> None:
    """Add the verbs to the group ``user``."""
    user.command("import", cls=VerbCommand, epilog="""
    $ watchword user import users.jsonl --dry-run
    $ watchword user import users.csv --scope orders:read
    """)(import_people)  # fmt: skip
    user.command("imported", cls=VerbCommand, epilog="$ watchword user imported")(imported)


@dataclass(slots=True)
class _Tally:
    """Count what became of whom."""

    counts: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    without: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    def problem(self, line: int, text: str, hint: str = "") -> None:
        """Note what is wrong with a line."""
        self.counts["refused"] += 1
        self.problems.append({"line": line, "problem": text, "hint": hint})


def import_people(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines or CSV; - is standard input.")],
    dry: Annotated[bool, typer.Option("--dry-run", help="Say what would become of whom, and change nothing.")] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORM", help="jsonl or csv, where the file's name does not say.")
    ] = None,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="What their passwords allow; repeat for more.")
    ] = None,
) -> None:
    """Take people over with their password hashes: bcrypt, PBKDF2, scrypt, Argon2.

    Fields: username, password_hash, email, display. Who is there already stays as they are.
    """
    from watchword.lifecycle.values import scopes_of

    at("--scope", lambda text: scopes_of([text]), " ".join(scopes or ()))
    read = _reader(file, form)
    tally = _Tally()

    async def work(house: Watchword) -> None:
        with _opened(file) as source:
            await _import(house, read(source), tally, scopes or (), dry)

    run(asked(ctx), work)
    _tell(ctx, file, tally, dry)
    if tally.problems:
        raise typer.Exit(REFUSED)


async def _import(
    house: Watchword, rows: Iterator[tuple[int, Newcomer | Exception]], tally: _Tally, scopes: Iterable[str], dry: bool
) -> None:
    from watchword.codec.passwords import work
    from watchword.lifecycle.people.importing import Importing, State

    importing = Importing(house.store, told=house.watch.hurry, clock=house.clock)
    while chunk := list(islice(rows, _BATCH)):
        batch = []
        for line, row in chunk:
            if isinstance(row, Exception):
                tally.problem(line, str(row), getattr(row, "hint", ""))
            else:
                batch.append((line, row))
        people = [row for _, row in batch]
        for (line, each), outcome in zip(
            batch, await importing.add(people, by=actor(), scopes=scopes, dry=dry), strict=True
        ):
            if outcome.state is State.REFUSED:
                tally.problem(line, outcome.why)
                continue
            tally.counts["added" if outcome.state is State.ADDED else "there"] += 1
            if outcome.state is State.ADDED and each.password_hash:
                tally.forms[work(each.password_hash).kind.split()[0]] += 1
            elif outcome.state is State.ADDED:
                tally.without += 1
        if sys.stderr.isatty():
            print(f"\r{chunk[-1][0]:,} lines", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r" + " " * 20, end="\r", file=sys.stderr, flush=True)


def _tell(ctx: typer.Context, file: Path, tally: _Tally, dry: bool) -> None:
    value = {
        "file": str(file),
        "dry_run": dry,
        "added": tally.counts["added"],
        "there": tally.counts["there"],
        "refused": tally.counts["refused"],
        "without_password": tally.without,
        "hashes": dict(sorted(tally.forms.items())),
        "problems": tally.problems,
    }
    hashes = ", ".join(f"{name} {count:,}" for name, count in sorted(tally.forms.items()))
    rows = [
        ("would be added" if dry else "added", f"{tally.counts['added']:,}"),
        ("there already", f"{tally.counts['there']:,}"),
        ("refused", f"{tally.counts['refused']:,}"),
        ("without a password", f"{tally.without:,}"),
        ("hashes", hashes),
    ]
    print_record(asked(ctx), value, rows, f"{file}: nothing was changed" if dry else f"{file}: imported")
    if asked(ctx).json:
        return
    for each in tally.problems[:_SHOWN]:
        note(f"line {each['line']}: {each['problem']}" + (f" ({each['hint']})" if each["hint"] else ""))
    if len(tally.problems) > _SHOWN:
        note(f"and {len(tally.problems) - _SHOWN:,} more; --json tells them all")
    if tally.forms and not dry:
        note("Each hash is replaced at its owner's next login; `watchword user imported` counts those that are left.")


def imported(ctx: typer.Context) -> None:
    """Count the passwords that are still hashed as another system, or an older setting, did it."""

    async def work(house: Watchword) -> dict[str, int]:
        from watchword.codec.passwords import dummy, work
        from watchword.lifecycle.people.hash_work import left_over

        return await left_over(house.store, work(dummy(house.passwords.cost)).kind, house.clock())

    found = run(asked(ctx), work)
    columns = {"HASH": list(found), "PASSWORDS": [f"{count:,}" for count in found.values()]}
    rows = [{"hash": name, "passwords": count} for name, count in found.items()]
    print_rows(asked(ctx), rows, columns, "every password is hashed as the settings say")


# --- reading ----------------------------------------------------------------------------------------------------------


def _reader(file: Path, form: str | None) -> Any:
    found = form or _SUFFIXES.get(file.suffix.lower())
    if found not in ("csv", "jsonl"):
        what = f"--format: {form[:40]!r} is neither jsonl nor csv" if form else f"{file} does not say what it is"
        raise Stop(what, "name it with --format jsonl or --format csv")
    if str(file) != "-" and not file.is_file():
        raise Stop(f"there is no file {file}", "JSON lines or CSV")
    return _csv if found == "csv" else _jsonl


def _opened(file: Path) -> Any:
    from contextlib import nullcontext

    return nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _read(row: Mapping[str, object]) -> Newcomer | Exception:
    from watchword.lifecycle.errors import LifecycleError
    from watchword.lifecycle.people.importing import newcomer_of

    try:
        return newcomer_of(row)
    except LifecycleError as error:
        return error


def _jsonl(source: BinaryIO) -> Iterator[tuple[int, Newcomer | Exception]]:
    from watchword.codec.strict import json_object
    from watchword.lifecycle.errors import LifecycleError

    for number in range(1, sys.maxsize):
        line = source.readline(_LONGEST)
        if not line:
            return
        if not line.strip():
            continue
        if len(line) == _LONGEST:
            raise Stop(f"line {number} has more than {_LONGEST:,} bytes", "one JSON object a line")
        row = json_object(line)
        yield number, LifecycleError("not a JSON object", "one object a line") if row is None else _read(row)


def _csv(source: BinaryIO) -> Iterator[tuple[int, Newcomer | Exception]]:
    from watchword.lifecycle.errors import LifecycleError
    from watchword.lifecycle.people.importing import FIELDS

    lines = csv.DictReader(io.TextIOWrapper(source, encoding="utf-8-sig", newline=""), strict=True)
    try:
        header = list(lines.fieldnames or ())
        unknown = [name for name in header if name not in FIELDS]
        missing = [name for name in FIELDS[:2] if name not in header]
        if unknown or missing or len(set(header)) != len(header):
            what = f"there is no column {unknown[0][:40]!r}" if unknown else "the first line names no column "
            raise Stop(what + ("" if unknown else " or ".join(missing)), f"known are: {', '.join(FIELDS)}")
        for row in lines:
            whole = None not in row and None not in row.values()
            torn = LifecycleError(f"not {len(header)} fields", "quote what has a comma in it")
            yield lines.line_num, _read(row) if whole else torn
    except UnicodeDecodeError:
        raise Stop(f"line {lines.line_num + 1} or one after it is not UTF-8", "convert the file") from None
    except csv.Error as error:
        raise Stop(f"line {lines.line_num}: not CSV: {error}") from None
