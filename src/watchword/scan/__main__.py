"""Scan with the plain library alone, as hooks do: ``python -P -m watchword.scan``.

-P keeps Python from importing what lies in the repository; `watchword scan` can do more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from watchword.codec.shapes import shown
from watchword.scan.history import NoGit
from watchword.scan.run import Report, Wish, scan

__all__ = ["main"]

_FOUND = 1
_WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Scan and return the exit code: 0 nothing, 1 something was found or refused, 2 wrong usage."""
    parser = argparse.ArgumentParser("python -m watchword.scan", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files, folders, - for standard input")
    parser.add_argument("--staged", action="store_true", help="what is about to be committed")
    parser.add_argument("--no-history", action="store_true", help="the files alone")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="paths to leave out")
    parser.add_argument("--no-ignore", action="store_true", help="do not read .watchwordignore")
    parser.add_argument("--sarif", type=Path, metavar="FILE", help="write SARIF 2.1.0")
    parser.add_argument("--json", action="store_true", help="print an object a line")
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may know few letters: nothing is lost for that
            stream.reconfigure(errors="backslashreplace")
    wish = Wish(given.paths, not given.no_history, given.staged, given.exclude, not given.no_ignore)
    try:
        report = scan(wish)
        if given.sarif is not None:
            given.sarif.write_text(json.dumps(report.sarif()), encoding="utf-8")
    except (NoGit, OSError, UnicodeDecodeError) as error:
        _complain(str(error))
        return _WRONG_USAGE
    _print(report, as_json=given.json)
    return 0 if report.clean else _FOUND


def _print(report: Report, *, as_json: bool) -> None:
    for each in report.findings:
        at = f" commit {each.commit[:12]}" if each.commit else ""
        line = f"{each.path}:{each.line}: {each.shape.what} {shown(each.text)} ({each.fingerprint}){at}"
        sys.stdout.write(json.dumps(each.value()) + "\n" if as_json else _clean(line) + "\n")
    for unread in report.unread:
        _complain(f"{unread.path}: not looked into: {unread.why}")
    _complain(report.summary())


def _complain(text: str) -> None:
    sys.stderr.write(f"watchword: {_clean(text)}\n")


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


if __name__ == "__main__":
    sys.exit(main())
