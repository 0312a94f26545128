"""Tell which commands of a page need nothing of a shell, so that they can run in a process that has imported all."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.warm import PROGRAMS

__all__ = ["Plain", "plain"]

_SHAPE: Final = re.compile(
    r"""(?:(?P<how>echo|printf[ ]%s)[ ](?P<said>"[^"$`\\]*"|[^\s"'$`|\\]+)[ ]\|[ ])?   # what it reads
        (?P<program>[a-z]+)\b(?P<rest>.*?)
        (?:[ ](?P<arrow>>>?|\|[ ]tee)[ ]?(?P<file>[a-z./]+))?                         # where its output goes""",
    re.VERBOSE,
)
_SHELL: Final = re.compile(r"[|&;<>$`()*?\\~]")
_VARIABLE: Final = re.compile(r"\$([A-Z_]+)\b")


@dataclass(frozen=True)
class Plain:
    """Be one of our programs: its words, what it reads, the file that its output goes to and how (">", ">>", "tee")."""

    text: str
    said: str = ""
    file: str = ""
    arrow: str = ""

    def words(self, environ: Mapping[str, str]) -> list[str]:
        """Return its words, the variables in them replaced."""
        return [_VARIABLE.sub(lambda match: environ.get(match[1], ""), word) for word in shlex.split(self.text)]


def plain(text: str) -> Plain | None:
    """Return the command if it is one of our programs and needs no shell."""
    match = _SHAPE.fullmatch(text)
    if (
        match is None
        or match["program"] not in PROGRAMS
        or re.search(r"[|&;<>$`()*?\\~]", _VARIABLE.sub("", match["rest"]))
    ):
        return None
    said = (match["said"] or "").strip('"') + ("\n" if match["how"] == "echo" else "")
    return Plain(match["program"] + match["rest"], said, match["file"] or "", (match["arrow"] or "").removeprefix("| "))
