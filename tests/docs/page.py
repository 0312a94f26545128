"""Read a page of the documentation as the steps that its examples are.

What readers see are fenced blocks. What they do not need to see stands in HTML comments:

=====================  ===========================================================================
``<!-- run: … -->``    commands, one a line, run like those of a console block
``<!-- python: … -->`` Python, run like a python block
``<!-- file: NAME -->``  the next block is the file NAME; ``append: NAME`` adds to one
``<!-- exit: N -->``   the commands of the next block end with exit code N, not 0
``<!-- stop -->``      end the servers that the page started
=====================  ===========================================================================

Any other comment is a slip of the pen, and fails.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Command", "Faulty", "Step", "commands", "steps"]

_COMMENT: Final = re.compile(r"<!--\s*(\w+)(?::[ \t]*|\s*)(.*?)\s*-->", re.DOTALL)
_FENCE: Final = re.compile(r"^([ \t]*)(```+)[ \t]*(\S*)[ \t]*$")
_FOR_THE_NEXT: Final = frozenset({"file", "append", "exit"})
_ALONE: Final = frozenset({"run", "python", "stop"})


class Faulty(AssertionError):
    """Say that a page cannot be read, or that what it says is not so."""


@dataclass(frozen=True)
class Step:
    """Be one thing to do: ``kind`` is a fence's language, or "run", "python", "stop" from a comment."""

    line: int
    kind: str
    text: str
    hidden: bool = False
    marks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """Be one command of a console block, with what the page shows as its output (None: nothing is shown)."""

    line: int
    text: str
    shown: str | None


def steps(path: Path) -> Iterator[Step]:
    """Yield the steps of a page in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    marks: dict[str, str] = {}
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening:
            end = _end_of_block(lines, at, opening[2])
            text = textwrap.dedent("\n".join(lines[at + 1 : end])) + "\n"
            yield Step(at + 1, opening[3], text, marks=marks)
            marks, at = {}, end + 1
        elif "<!--" in lines[at]:
            end = next((n for n in range(at, len(lines)) if "-->" in lines[n]), None)
            match = None if end is None else _COMMENT.fullmatch("\n".join(lines[at : end + 1]).strip())
            if match is None or end is None:
                raise Faulty(f"line {at + 1}: a comment that is no instruction")
            word, content = match[1], match[2]
            if word in _FOR_THE_NEXT:
                marks[word] = content
            elif word in _ALONE:
                yield Step(at + 1, word, content + "\n", hidden=True)
            else:
                raise Faulty(f"line {at + 1}: there is no instruction {word!r}")
            at = end + 1
        else:
            at += 1
    if marks:
        raise Faulty(f"{marks} belong to no block")


def _end_of_block(lines: list[str], start: int, fence: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == fence:
            return number
    raise Faulty(f"line {start + 1}: the block never ends")


def commands(step: Step) -> Iterator[Command]:
    """Yield the commands of a console block: each line that starts with ``$ ``, with the lines shown after it."""
    text, at, shown = "", step.line, None
    for number, line in enumerate(step.text.splitlines(), step.line + 1):
        if text.endswith("\\"):
            text = f"{text[:-1]}{line.strip()}"
        elif line.startswith("$ "):
            if text:
                yield Command(at, text, shown)
            text, at, shown = line[2:], number, None
        elif not text:
            raise Faulty(f"line {number}: output without a command")
        else:
            shown = line if shown is None else f"{shown}\n{line}"
    if text:
        yield Command(at, text, shown)
