"""Read ``.watchwordignore``: what has been looked at, and may lie where it lies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from typing import Final

__all__ = ["NAME", "Allowed"]

NAME: Final = ".watchwordignore"

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True)
class Allowed:
    """Hold fingerprints of secrets and patterns of paths; ``used`` counts what was let by."""

    fingerprints: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    used: int = field(default=0, compare=False)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Allowed:
        """Read lines: a fingerprint (16 hex digits), or a pattern such as ``tests/fixtures/*`` or ``*.pem``.

        "#" begins a comment. A pattern without "/" fits any name in a path; one that ends in "/" a folder with all
        that is in it.
        """
        fingerprints, patterns = set(), []
        for line in lines:
            text = line.partition(" #")[0].strip()
            if _FINGERPRINT.fullmatch(text):
                fingerprints.add(text)
            elif text and not text.startswith("#"):
                patterns.append(_pattern(text))
        return cls(frozenset(fingerprints), tuple(patterns))

    @classmethod
    def at(cls, folder: Path, more: Iterable[str] = ()) -> Allowed:
        """Read the file of a folder, if it has one, and ``more`` lines. Raise OSError, UnicodeDecodeError."""
        file = folder / NAME
        return cls.of([*(file.read_text(encoding="utf-8").splitlines() if file.is_file() else ()), *more])

    def path(self, path: str) -> bool:
        """Return whether a path (relative, with "/") need not be looked into."""
        return any(pattern.match(path) for pattern in self.patterns)

    def secret(self, fingerprint: str) -> bool:
        """Return whether a secret may be there, and count that it was let by."""
        known = fingerprint in self.fingerprints
        self.used += known
        return known


def _pattern(text: str) -> re.Pattern[str]:
    folder = text.endswith("/")
    core = text.strip("/")
    anywhere = r"(?:.*/)?" if "/" not in core and not text.startswith("/") else ""
    return re.compile(f"{anywhere}{translate(core)[:-2]}{'/.*' if folder else '(?:/.*)?'}\\Z", re.DOTALL)
