"""Look at files: who may read or write one, and whether git has it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["folder_of", "handed_over", "readable_by_others", "tracked", "writable_by_others"]

_INDEX: Final = b"DIRC"
_LONGEST_NAME: Final = 0xFFF  # what the index's flags can say of a name's length
_EXTENDED: Final = 0x4000
_LEAST_ENTRY: Final = 62  # bytes of an entry before its name
_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_UP: Final = 64
_MOUNTS: Final = ("/run/secrets/", "/var/run/secrets/")


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # the latter for a name that no file can have
        return 0


def folder_of(path: Path) -> Path | None:
    """Return the folder that a file is really in, None for a name that no file can have."""
    try:
        return path.resolve().parent
    except (OSError, ValueError):
        return None


def _reachable(path: Path) -> bool:
    """Return whether others get to the file: every folder above lets them through. Modes say nothing on Windows."""
    if os.name == "nt":
        return False
    try:
        return all(_mode(folder) & stat.S_IXOTH for folder in path.resolve().parents)
    except OSError:
        return False


def readable_by_others(path: Path) -> bool:
    """Return whether everybody on this machine can read the file."""
    return bool(_mode(path) & stat.S_IROTH) and _reachable(path)


def handed_over(path: Path) -> bool:
    """Return whether an orchestrator put the file there: it reads for everybody, and everybody is this server alone.

    Docker mounts secrets at /run/secrets, Kubernetes with a ``..data`` beside them.
    """
    try:
        return str(path.absolute()).startswith(_MOUNTS) or (path.parent / "..data").is_dir()
    except (OSError, ValueError):
        return False


def writable_by_others(path: Path) -> bool:
    """Return whether everybody on this machine can change the file."""
    return bool(_mode(path) & stat.S_IWOTH) and _reachable(path)


def _indexes(path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the working tree and the index of the repository around a file."""
    for folder in list(path.parents)[:_MOST_UP]:
        place = folder / ".git"
        if place.is_dir():
            yield folder, place / "index"
            return
        if place.is_file():  # a worktree, or a submodule: the file says where its repository is
            named = place.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
            yield folder, folder / named / "index"
            return


def tracked(path: Path) -> bool:
    """Return whether git has the file.

    Read is the index (versions 2 and 3, whose entries hold whole names). Git is not run: it would run in turn what the
    repository's configuration says.
    """
    try:
        whole = path.absolute()
        for folder, index in _indexes(whole):
            if index.stat().st_size > _MOST_BYTES:
                return False
            content = index.read_bytes()
            name = str(whole.relative_to(folder)).encode("utf-8", "surrogateescape")
            return content.startswith(_INDEX) and any(
                _begins(content, found.start(), len(name)) for found in re.finditer(re.escape(name) + b"\0", content)
            )
    except (OSError, ValueError):
        pass
    return False


def _begins(content: bytes, at: int, length: int) -> bool:
    """Return whether an entry's name begins here: its flags are before it, and two bytes more where they say so."""
    length = min(length, _LONGEST_NAME)
    if at < _LEAST_ENTRY:
        return False
    near, far = (int.from_bytes(content[end - 2 : end], "big") for end in (at, at - 2))
    return near & _LONGEST_NAME == length or (bool(far & _EXTENDED) and far & _LONGEST_NAME == length)
