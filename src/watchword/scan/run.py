"""Scan what is asked for, count, and report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from watchword.codec.sarif import SarifResult, SarifRule, sarif
from watchword.codec.shapes import JWT, ROOT_KEY, SHAPES, shown
from watchword.scan.allowed import Allowed
from watchword.scan.archives import Budget
from watchword.scan.files import files
from watchword.scan.finding import Finding, Unread, masked
from watchword.scan.history import NoGit, common_of, history, is_repository, staged, top_of
from watchword.scan.look import Look, Seen, merged

__all__ = ["STDIN", "Report", "Wish", "scan"]

STDIN: Final = "-"
"""The path that stands for standard input."""

_EVERY: Final = 0.5  # seconds between two reports of progress
_COPIED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Wish:
    """Say what to scan: ``paths`` (files, folders, "-"), with the ``history`` of those that are git repositories.

    ``staged``: instead what is about to be committed in the repository that the first path is in. ``exclude`` are
    patterns of paths as in ``.watchwordignore``, which is read in each folder unless ``ignore`` is False.
    """

    paths: Sequence[str] = (".",)
    history: bool = True
    staged: bool = False
    exclude: Sequence[str] = ()
    ignore: bool = True
    budget: Callable[[], Budget] = Budget


@dataclass(slots=True)
class Report:
    """Hold what was found, what was not looked into, and how much was read."""

    findings: list[Finding] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    size: int = 0
    seconds: float = 0.0
    allowed: int = 0

    @property
    def clean(self) -> bool:
        """Return whether nothing was found, and everything was looked into."""
        return not self.findings and not any(each.refused for each in self.unread)

    def summary(self) -> str:
        """Say in a line what was done."""
        speed = f", {self.size / 1e6 / self.seconds:.0f} MB/s" if self.seconds > 1 else ""
        found = f"{len(self.findings)} found" if self.findings else "nothing found"
        let = f", {self.allowed} allowed by .watchwordignore" if self.allowed else ""
        return f"{found} in {self.size / 1e6:.1f} MB ({self.seconds:.1f} s{speed}){let}"

    def sarif(self, version: str = "") -> dict[str, Any]:
        """Return it as SARIF 2.1.0, of this version of Watchword where one is said."""
        return sarif(_RULES, map(_result, self.findings), version=version)


def scan(wish: Wish, progress: Callable[[Report], None] = lambda report: None) -> Report:
    """Scan. Raise OSError where a path is none, NoGit where git is needed and fails.

    ``progress`` is called now and then with what there is so far.
    """
    report, started, said = Report(), time.monotonic(), 0.0

    def read(count: int) -> None:
        nonlocal said
        report.size += count
        report.seconds = time.monotonic() - started
        if report.seconds >= said + _EVERY:
            said = report.seconds
            progress(report)

    look = Look(wish.budget, progress=read)
    found: list[Finding] = []
    for allowed, seen in _all(wish, look):
        for each in seen:
            if isinstance(each, Unread):
                report.unread.append(replace(each, path=masked(each.path)))
            elif not allowed.secret(each.fingerprint):
                found.append(each)
                report.findings = found
        report.allowed += allowed.used
    report.findings = [replace(each, path=masked(each.path)) for each in merged(found)]
    report.seconds = time.monotonic() - started
    return report


def _all(wish: Wish, look: Look) -> Iterator[tuple[Allowed, Iterable[Seen]]]:
    if wish.staged:
        top = top_of(Path(wish.paths[0]))
        allowed = _allowed(top, wish)
        yield allowed, staged(top, look, allowed)
        return
    for name in wish.paths:
        if name == STDIN:
            allowed = _allowed(Path(), wish)
            yield allowed, _standard_input(look)
            continue
        root = Path(name)
        root.stat()
        allowed = _allowed(root if root.is_dir() else root.parent, wish)
        met = [""] if root.is_dir() and is_repository(root) else []
        seen = files(root, look, allowed, met.append)
        yield allowed, chain(seen, _histories(root, met, look, allowed)) if wish.history else seen


def _histories(root: Path, met: Iterable[str], look: Look, allowed: Allowed) -> Iterator[Seen]:
    """Read each repository that was met once, however many working trees it has. Raise NoGit for the root's own."""
    read: set[Path] = set()
    for within in sorted(dict.fromkeys(met), key=lambda within: "/.git/" in f"/{within}"):
        folder = root / within
        try:
            common = common_of(folder)
            if common not in read:
                read.add(common)
                yield from history(folder, look, allowed, within)
        except NoGit as error:
            if not within:
                raise
            copied = (folder / ".git").is_file()  # of a working tree whose repository is elsewhere
            yield Unread(f"{within}(history)", str(error), refused=not copied)


def _allowed(folder: Path, wish: Wish) -> Allowed:
    return Allowed.at(folder, wish.exclude) if wish.ignore else Allowed.of(wish.exclude)


def _standard_input(look: Look) -> Iterator[Seen]:
    with TemporaryFile() as whole:  # an archive is read back and forth
        while data := sys.stdin.buffer.read(_COPIED):
            whole.write(data)
        whole.seek(0)
        yield from look.into(STDIN, whole)


def _result(finding: Finding) -> SarifResult:
    at = f" (first in commit {finding.commit[:12]})" if finding.commit.strip("-") else ""
    message = f"{finding.shape.what} {shown(finding.text)}{at}: whoever reads this is let in. Revoke and replace it."
    more = {"commit": finding.commit} if finding.commit else {}
    rule = f"leaked-{finding.shape.name}"
    return SarifResult(
        rule,
        message,
        finding.path,
        finding.line,
        finding.column,
        fingerprint=finding.fingerprint,
        properties=more,
    )


_RULES: Final = tuple(
    SarifRule(
        f"leaked-{name}",
        f"A Watchword {what} lies in the open",
        why="A secret in a file is known to everybody who ever gets to read the file, its copies and its history.",
        fix="Run `watchword leaked -` and paste it: it is revoked at once, and says what it was used for since.",
    )
    for name, what in {shape.name: shape.what for shape in (ROOT_KEY, JWT, *reversed(SHAPES))}.items()
)
