"""Read a git repository: every object that it holds once, also of what was deleted, and what is about to be committed.

git itself reads its objects. Nothing of the repository runs: no hook, no filter, no pager, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any, Final

from watchword.scan.allowed import Allowed
from watchword.scan.finding import Finding, Unread
from watchword.scan.look import Look, Seen

__all__ = ["NoGit", "history", "hooks_of", "is_repository", "staged", "top_of"]

_GIT: Final = (
    "git",
    "-c",
    "protocol.allow=never",
    "-c",
    "log.showSignature=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "--no-pager",
    "--no-replace-objects",
)
_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "",
    "LC_ALL": "C",
}
_MEANT: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_RAW: Final = ("--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--ignore-submodules")
_STAGED: Final = ("diff", "--cached", *_RAW, "--diff-filter=d")
_LISTED: Final = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)")
_LOGGED: Final = (
    "log",
    "--all",
    "--reflog",
    "--topo-order",
    "--reverse",
    "--format=%x00%H",
    *_RAW,
    "-m",
    "-r",
    "--no-textconv",
)
_READ: Final = ("blob", "commit", "tag")
_IN_MEMORY: Final = 32 << 20
_CHUNK: Final = 1 << 20
NOWHERE: Final = "-"
"""Stands for the commit of what no commit has: it was staged, or is left from a history that was rewritten."""


class NoGit(Exception):
    """Say that git is not there, or refuses to read the repository."""


def is_repository(folder: Path) -> bool:
    """Return whether a folder is the top of a git repository, with files or without."""
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def top_of(folder: Path) -> Path:
    """Return the top of the repository that a folder is in. Raise NoGit."""
    with _started(folder, None, "rev-parse", "--show-toplevel", hook=True) as output:
        return Path(os.fsdecode(output.read()).removesuffix("\n"))


def hooks_of(folder: Path) -> Path:
    """Return where the repository that a folder is in keeps its hooks. Raise NoGit."""
    top = top_of(folder)
    with _started(top, None, "rev-parse", "--git-path", "hooks", hook=True, plain=True) as output:
        return top / os.fsdecode(output.read()).removesuffix("\n")


def history(repository: Path, look: Look, allowed: Allowed) -> Iterator[Seen]:
    """Yield what lies in any object of a repository; each finding names the first commit that has it. Raise NoGit."""
    found: list[tuple[str, Finding]] = []
    for name, kind, stream in _objects(repository, _names(repository)):
        label = f"{kind} {name[:12]}"
        for seen in look.into(label, stream):
            if isinstance(seen, Unread):
                yield seen
            elif kind == "blob":
                found.append((name, seen))
            else:
                yield seen.within(f"({kind})", name)
    if found:
        yield from _placed(repository, found, allowed)


def staged(repository: Path, look: Look, allowed: Allowed) -> Iterator[Seen]:
    """Yield what lies in files as they are about to be committed. Raise NoGit."""
    paths: dict[str, list[str]] = {}
    with _started(repository, None, *_STAGED, hook=True) as output:
        for entry, path in _entries(_parts(output)):
            paths.setdefault(entry, []).append(path)
    wanted = [name for name, those in paths.items() if not all(allowed.path(path) for path in those)]
    for name, _, stream in _objects(repository, wanted, hook=True):
        for seen in look.into(name, stream):
            for each in paths[name]:
                yield replace(seen, path=each + seen.path.removeprefix(name))


def _names(repository: Path) -> Iterator[str]:
    with _started(repository, None, *_LISTED) as output:
        for line in output:
            name, _, kind = line.decode("ascii").strip().partition(" ")
            if kind in _READ:
                yield name


def _objects(repository: Path, names: Iterable[str], *, hook: bool = False) -> Iterator[tuple[str, str, IO[bytes]]]:
    """Yield name, type and content of objects."""
    with TemporaryFile() as asked:  # git reads it by itself, so that neither waits for the other
        asked.writelines(f"{name}\n".encode() for name in names)
        asked.seek(0)
        with _started(repository, asked, "cat-file", "--batch", "--buffer", hook=hook) as output:
            while head := output.readline():
                name, kind, *size = head.split()
                if not size:
                    continue  # it is missing, as in a clone that has but a part
                with _content(output, int(size[0])) as content:
                    yield name.decode(), kind.decode(), content
                output.read(1)


@contextmanager
def _content(output: IO[bytes], size: int) -> Iterator[IO[bytes]]:
    if size <= _IN_MEMORY:
        yield BytesIO(output.read(size))
        return
    with SpooledTemporaryFile(_IN_MEMORY) as spool:
        while size > 0 and (data := output.read(min(size, _CHUNK))):
            spool.write(data)
            size -= len(data)
        spool.seek(0)
        whole: Any = spool
        yield whole


def _placed(repository: Path, found: list[tuple[str, Finding]], allowed: Allowed) -> Iterator[Finding]:
    """Yield findings with each path that the object had, and the first commit in which it had it."""
    where: dict[str, dict[str, tuple[int, str]]] = {name: {} for name, _ in found}
    with _started(repository, None, *_LOGGED) as output:
        rank, commit = 0, NOWHERE
        for part in (parts := _parts(output)):
            text = part.lstrip(b"\n")
            if text.startswith(b":"):
                name, path = text.split()[3].decode(), os.fsdecode(next(parts, b""))
                if name in where:
                    where[name].setdefault(path, (rank, commit))
            elif text:
                rank, commit = rank + 1, text.decode()
    placed: list[tuple[int, Finding]] = []
    for name, finding in found:
        label, *inside = finding.path.partition("!")
        for path, (rank, commit) in where[name].items() or [(label, (sys.maxsize, NOWHERE))]:
            if not allowed.path(path):
                placed.append((rank, finding.within(path + "".join(inside), commit)))
    for _, finding in sorted(placed, key=lambda each: each[0]):
        yield finding


def _entries(parts: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the new object and the path of each entry of a raw difference."""
    for part in parts:
        yield part.split()[3].decode(), os.fsdecode(next(parts, b""))


def _parts(output: IO[bytes]) -> Iterator[bytes]:
    """Yield what lies between zero bytes."""
    rest = b""
    while data := output.read(_CHUNK):
        *whole, rest = (rest + data).split(b"\0")
        yield from whole
    if rest:
        yield rest


@contextmanager
def _started(
    repository: Path, given: Any, *arguments: str, hook: bool = False, plain: bool = False
) -> Iterator[IO[bytes]]:
    """Run git and yield what it prints. Raise NoGit where it fails.

    In a ``hook`` it is told by its environment which repository and which index are meant. ``plain`` is without the
    settings that keep anything of the repository from running: for what runs nothing.
    """
    own = {name: value for name, value in os.environ.items() if hook or name not in _MEANT}
    with TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603 - a list, and no shell
                [*(_GIT[:1] if plain else _GIT), "-C", str(repository), *arguments],
                stdin=given or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=own | _ENVIRONMENT,
            )
        except OSError as error:
            raise NoGit(f"git cannot be run ({error.strerror})") from None
        with process:
            assert process.stdout is not None  # noqa: S101 - asked for above
            yield process.stdout
            process.stdout.close()
        if process.returncode:
            complaints.seek(0)
            said = complaints.read(500).decode("utf-8", "replace").strip()
            raise NoGit(said or f"git ended with {process.returncode}")
