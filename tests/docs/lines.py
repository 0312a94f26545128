"""Run the one-line commands that stand inside a page's tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.docs.page import Faulty

__all__ = ["check"]


def check(page: Path, start: str, fewest: int, run: Callable[[str], tuple[int, str]]) -> None:
    """Run each code span that starts like this; raise Faulty when one fails, or when there are too few."""
    lines = re.findall(rf"`({re.escape(start)}[^`]*\$[^`]*)`", page.read_text(encoding="utf-8"))
    if len(lines) < fewest:
        raise Faulty(f"only {len(lines)} lines start with {start!r}")
    for line in lines:
        code, said = run(line)
        if code:
            raise Faulty(f"`{line}` ended with {code}:\n\n{said}")
