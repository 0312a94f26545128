"""Have git scan what is about to be committed, before each commit."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import Final

from watchword.scan.history import hooks_of

__all__ = ["HookExists", "install_hook"]

_OURS: Final = "# Written by `watchword scan --install-hook`."


class HookExists(Exception):
    """Say that the repository has a pre-commit hook already, which is not overwritten."""


def install_hook(folder: Path, python: str) -> Path:
    """Write the pre-commit hook of the repository that a folder is in; return its path. Raise HookExists, NoGit.

    ``python`` is the interpreter that has Watchword.
    """
    path = hooks_of(folder) / "pre-commit"
    # -P: nothing that lies in the repository is imported.
    text = f"#!/bin/sh\n{_OURS}\nexec {quote(python)} -P -m watchword.scan --staged\n"
    if path.exists() or path.is_symlink():
        if _OURS not in path.read_text(encoding="utf-8", errors="replace"):
            raise HookExists(str(path))
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
