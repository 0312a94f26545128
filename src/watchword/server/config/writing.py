"""Write a secret to where the settings read it from: all at once, or not at all, and for its owner alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from watchword.server.config.sources import Source, SourceError

__all__ = ["alone_with", "writable", "write_secret"]

_PLAIN: Final = re.compile(r"[\w,=.+/-]+", re.ASCII)  # what needs no quotes, whoever reads the file


def writable(source: Source, folder: Path) -> bool:
    """Return whether a source can be written: a file, or the ``.env`` that a variable comes from."""
    return source.kind == "file" or (
        source.kind == "env" and bool(source.files(folder)) and (folder / ".env").is_file()
    )


@contextmanager
def alone_with(source: Source, folder: Path) -> Iterator[None]:
    """Be the only process that changes what a source gives: what another wrote meanwhile would be lost.

    Raise SourceError where another one is at it.
    """
    if not writable(source, folder):
        yield
        return
    import fcntl

    descriptor = os.open(_path_of(source, folder).parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SourceError(f"another process is changing {source}: wait for it, and try again") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _path_of(source: Source, folder: Path) -> Path:
    return (folder / (source.name if source.kind == "file" else ".env")).resolve()  # a link stays one


def write_secret(source: Source, folder: Path, secret: str) -> Path:
    """Replace the secret that a source gives, and return the file. Raise SourceError where it cannot be written."""
    if not writable(source, folder):
        raise SourceError(f"{source} cannot be written from here")
    path = _path_of(source, folder)
    try:
        text = secret + "\n" if source.kind == "file" else _with_variable(path.read_text("utf-8"), source.name, secret)
        _replace(path, text)
    except OSError as error:
        raise SourceError(f"cannot write {source}: {error.strerror}") from None
    return path


def _with_variable(text: str, name: str, value: str) -> str:
    """Return the lines with one variable changed; all others stay as they are."""
    line = re.compile(rf"^([ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=).*$", re.MULTILINE)
    if not _PLAIN.fullmatch(value):
        raise SourceError(f"the variable {name} cannot hold this in a .env")
    if line.search(text):
        return line.sub(lambda found: found[1] + value, text)
    return text + ("" if not text or text.endswith("\n") else "\n") + f"{name}={value}\n"


def _replace(path: Path, text: str) -> None:
    """Put a whole new file in the place of the old one, which stays whatever happens before that."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _keep_owner(path, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_owner(path: Path, descriptor: int) -> None:
    """Give the new file to whom the old one belongs: an operator who acts as root must not lock the server out."""
    with suppress(FileNotFoundError):
        old = path.stat()
        if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, old.st_mode & 0o660)
