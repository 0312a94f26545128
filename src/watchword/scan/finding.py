"""Hold what a scan finds, and what it could not look into."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from watchword.codec.shapes import Shape, fingerprint, hits, shown

__all__ = ["Finding", "Unread", "masked"]


def masked(path: str) -> str:
    """Return a path as it may be shown: files are named by what they hold, at times."""
    for hit in hits(path.encode("utf-8", "surrogateescape")):
        path = path.replace(hit.text, shown(hit.text))
    return path


@dataclass(frozen=True, slots=True)
class Finding:
    """Say where a secret lies. Nothing that is printed of it holds the whole secret.

    ``path`` has "!" between an archive and what is in it; ``line`` and ``column`` count from 1, ``at`` is the byte.
    ``commit`` is where it came into a history, "-" where no commit has it; ``times`` how many versions have it there.
    """

    shape: Shape
    text: str = field(repr=False)
    path: str
    line: int
    column: int
    at: int
    form: str = ""
    commit: str = ""
    times: int = 1

    @property
    def fingerprint(self) -> str:
        """Return what names the secret in ``.watchwordignore``."""
        return fingerprint(self.text)

    def within(self, path: str, commit: str = "") -> Finding:
        """Return the same in another place."""
        return replace(self, path=path, commit=commit)

    def value(self) -> dict[str, Any]:
        """Return it as JSON values."""
        value: dict[str, Any] = {
            "kind": self.shape.name,
            "what": self.shape.what,
            "shown": shown(self.text),
            "fingerprint": self.fingerprint,
            "path": self.path,
            "line": self.line,
            "column": self.column,
        }
        if self.form:
            value["form"] = self.form
        if self.commit:
            value |= {"commit": self.commit, "versions": self.times}
        return value


@dataclass(frozen=True, slots=True)
class Unread:
    """Say what was not looked into, and why. ``refused``: it was not read to its end because of a bound of ours."""

    path: str
    why: str
    refused: bool = True
