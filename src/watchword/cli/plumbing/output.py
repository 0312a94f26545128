"""Print results: JSON for programs, tables for people, colour only on a terminal that wants it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import Any, Final, TextIO

from watchword.cli.plumbing.shell import Asked

__all__ = ["clean", "colour", "day", "moment", "note", "print_json", "print_record", "print_rows", "too_wide", "warn"]

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}
_COLOURS: Final = {
    "active": "green", "accepted": "green", "done": "green", "enabled": "green",
    "refused": "red", "broken": "red", "revoked": "red", "leaked": "red",
    "retiring": "yellow", "pending": "yellow", "expired": "dim", "retired": "dim", "disabled": "dim",
}  # fmt: skip
_GAP: Final = 2
_ROOM: Final = 12  # columns that a column which may fold needs at least


def clean(text: str) -> str:
    """Return ``text`` with what would move a terminal's cursor or change its colours made visible."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def moment(seconds: float | None) -> str:
    """Return Unix seconds as RFC 3339 in UTC, "" for None."""
    return "" if seconds is None else datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(seconds: float | None) -> str:
    """Return the date of Unix seconds in UTC, "" for None."""
    return moment(seconds)[:10]


def _colourful(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour(text: str, name: str, stream: TextIO) -> str:
    """Return ``text`` in a colour where ``stream`` is a terminal and NO_COLOR is not set."""
    return f"\x1b[{_CODES[name]}m{text}\x1b[0m" if _colourful(stream) else text


def note(text: str) -> None:
    """Tell people something that is not the result: on stderr."""
    print("\n".join(clean(line) for line in text.split("\n")), file=sys.stderr)


def warn(text: str) -> None:
    """Tell people what to be careful about: on stderr."""
    print(colour(clean(text), "yellow", sys.stderr), file=sys.stderr)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one object on one line."""
    print(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")), flush=True)


def print_record(asked: Asked, value: Mapping[str, Any], rows: Iterable[tuple[str, Any]], title: str = "") -> None:
    """Print one object: as JSON ``value``, for people ``title`` and the ``rows`` that are not empty."""
    if asked.json:
        print_json(value)
        return
    shown = [(label, _text(content)) for label, content in rows if content not in (None, "", (), [], frozenset())]
    width = max((len(label) for label, _ in shown), default=0) + _GAP
    if title:
        print(colour(clean(title), "bold", sys.stdout), end="\n\n" if shown else "\n")
    blocks = []
    for label, text in shown:
        if text.startswith("-----BEGIN"):  # PEM is copied whole, so nothing stands before its lines
            blocks.append(f"\n{colour(label, 'dim', sys.stdout)}\n{text.rstrip()}")
        else:
            print(f"  {colour(label.ljust(width), 'dim', sys.stdout)}{_coloured(clean(text))}")
    for block in blocks:
        print(block)


def _text(content: Any) -> str:
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, str):
        return content
    return " ".join(str(each) for each in content) if isinstance(content, Iterable) else str(content)


def _coloured(text: str) -> str:
    return colour(text, _COLOURS[text], sys.stdout) if text in _COLOURS else text


def print_rows(
    asked: Asked, values: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]], empty: str = ""
) -> None:
    """Print a list: as JSON one object a line, for people a table of ``columns`` (header -> cells).

    The first columns matter most: on a terminal too narrow for all, the last ones are left out. ``empty`` is said on
    stderr when there is nothing.
    """
    if asked.json:
        for value in values:
            print_json(value)
    elif not values:
        note(empty or "nothing")
    elif sys.stdout.isatty():
        _terminal_table({head: [clean(cell) for cell in cells] for head, cells in columns.items()})
    else:
        _plain_table({head: [clean(cell) for cell in cells] for head, cells in columns.items()})


def too_wide(columns: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a table of ``columns`` would lose some on this terminal; a pipe takes any width."""
    widths = [max(map(len, (head, *cells))) for head, cells in columns.items()]
    return sys.stdout.isatty() and sum(widths) + _GAP * (len(widths) - 1) > get_terminal_size().columns


def _plain_table(columns: Mapping[str, Sequence[str]]) -> None:
    widths = [max(len(head), *(len(cell) for cell in cells)) for head, cells in columns.items()]
    for row in [tuple(columns), *zip(*columns.values(), strict=True)]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _terminal_table(columns: Mapping[str, Sequence[str]]) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not _colourful(sys.stdout), highlight=False)
    shown, used = dict(columns), console.width
    while True:
        widths = {head: max(map(cell_len, (head, *cells))) for head, cells in shown.items()}
        used = sum(widths.values()) + _GAP * (len(widths) - 1)
        if used <= console.width or len(shown) <= 2:
            break
        last = next(reversed(shown))
        if used - widths[last] + _ROOM <= console.width:  # the last column may fold
            break
        del shown[last]
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for head in shown:
        table.add_column(head, no_wrap=head is not next(reversed(shown)), overflow="fold")
    for row in zip(*shown.values(), strict=True):
        table.add_row(*(Text(cell, style=_COLOURS.get(cell.partition(":")[0], "")) for cell in row))
    console.print(table)
