"""Run the one-line commands that stand inside a page's tables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.page import Faulty

__all__ = ["check"]


def check(page: Path, start: str, fewest: int) -> None:
    """Run each code span that starts like this; raise Faulty when one fails, or when there are too few."""
    lines = re.findall(rf"`({re.escape(start)}[^`]*)`", page.read_text(encoding="utf-8"))
    found = [line for line in lines if "$" in line]
    if len(found) < fewest:
        raise Faulty(f"only {len(found)} lines start with {start!r}")
    for line in found:
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, env=_environ())
        if done.returncode:
            raise Faulty(f"`{line}` ended with {done.returncode}:\n\n{done.stdout}{done.stderr}")


def _environ() -> dict[str, str]:
    beside = str(Path(shutil.which("watchword") or sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])}
