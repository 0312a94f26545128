"""Walk through files. Nothing is followed out of the folder, nothing that is no file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from watchword.scan.allowed import Allowed
from watchword.scan.finding import Unread
from watchword.scan.look import Look, Seen

__all__ = ["files"]

_OBJECTS: Final = "objects"  # in .git: packed, and read as the history
_BARE: Final = frozenset({"HEAD", "refs", _OBJECTS})
_OTHERS: Final = 0o077


def files(root: Path, look: Look, allowed: Allowed, met: Callable[[str], None] = lambda within: None) -> Iterator[Seen]:
    """Yield what lies in a file, or in a folder with all that is in it. Links are not followed.

    A ``.env`` in a folder that nobody but its owner can read is where secrets belong, and is left out. ``met`` is told
    of each git repository on the way: "" for the folder itself, "that/" for one in it.
    """
    if not root.is_dir():
        yield from _file(str(root), look, whatever=True)
        return
    for path in _walk(str(root), allowed, met):
        yield from _file(path, look)


def _walk(root: str, allowed: Allowed, met: Callable[[str], None]) -> Iterator[str]:
    start = "" if root == "." else f"{root.rstrip('/')}/"
    waiting = [""]
    while waiting:
        within = waiting.pop()
        try:
            entries = sorted(os.scandir(start + within or "."), key=lambda entry: entry.name)
        except OSError:
            yield start + within  # opening it says why
            continue
        names = {entry.name for entry in entries}
        inside = f"/{within}".endswith("/.git/")
        if ".git" in names or (not inside and names >= _BARE):
            met(within)
        folders = []
        for entry in entries:
            if entry.is_symlink() or allowed.path(within + entry.name):
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield start + within + entry.name
            elif entry.name != _OBJECTS or not inside:
                folders.append(f"{within}{entry.name}/")
        waiting += reversed(folders)


def _file(path: str, look: Look, *, whatever: bool = False) -> Iterator[Seen]:
    try:
        # Not blocking: between looking and opening, a file can become a pipe.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        yield Unread(path, error.strerror or "it cannot be opened")
        return
    with open(descriptor, "rb", buffering=0) as stream:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            yield Unread(path, "it cannot be listed")
        elif stat.S_ISREG(status.st_mode) and (whatever or not _private(path, status)):
            try:
                yield from look.into(path, stream)
            except OSError as error:
                yield Unread(path, error.strerror or "it cannot be read")


def _private(path: str, status: os.stat_result) -> bool:
    return path.rpartition("/")[2] == ".env" and not status.st_mode & _OTHERS
