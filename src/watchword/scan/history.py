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
from io import RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from watchword.scan.allowed import Allowed
from watchword.scan.finding import Finding, Unread
from watchword.scan.look import Look, Seen

__all__ = ["NoGit", "common_of", "history", "hooks_of", "is_repository", "staged", "top_of"]

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
    "-c",
    "core.bigFileThreshold=16m",
    "--no-pager",
    "--no-replace-objects",
)
_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # older ones know nothing of the line above; this wins over settings
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
    "--root",
    "--format=%x00%H",
    *_RAW,
    "-m",
    "-r",
    "--no-textconv",
)
_READ: Final = ("blob", "commit", "tag")
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


def common_of(repository: Path) -> Path:
    """Return where a repository has its objects: its working trees share that. Raise NoGit."""
    with _started(repository, None, "rev-parse", "--git-common-dir") as output:
        return (repository / os.fsdecode(output.read()).removesuffix("\n")).resolve()


def history(repository: Path, look: Look, allowed: Allowed, within: str = "") -> Iterator[Seen]:
    """Yield what lies in any object of a repository; each finding names the first commit that has it. Raise NoGit.

    ``within`` is where the repository lies, in what is asked for: "" or "that/".
    """
    found: list[tuple[str, Finding]] = []
    for name, kind, stream in _objects(repository, _names(repository)):
        label = f"{kind} {name[:12]}"
        for seen in look.through(label, stream, stream.size):
            if isinstance(seen, Unread):
                yield replace(seen, path=within + seen.path)
            elif kind == "blob":
                found.append((name, seen))
            else:
                yield seen.within(f"{within}({kind})", name)
    if found:
        yield from _placed(repository, found, allowed, within)
    if missing := _missing(common_of(repository)):
        yield Unread(f"{within}(history)", missing, refused=False)


def _missing(common: Path) -> str:
    """Return why a repository has not its whole history, "" where it has."""
    if (common / "shallow").exists():
        return "it is a shallow clone: what was before is not here (git fetch --unshallow gets it)"
    if any((common / "objects" / "pack").glob("*.promisor")):
        return "it is a partial clone: what was not fetched is not here"
    return ""


def staged(repository: Path, look: Look, allowed: Allowed) -> Iterator[Seen]:
    """Yield what lies in files as they are about to be committed. Raise NoGit."""
    paths: dict[str, list[str]] = {}
    with _started(repository, None, *_STAGED, hook=True) as output:
        for entry, path in _entries(_parts(output)):
            paths.setdefault(entry, []).append(path)
    wanted = [name for name, those in paths.items() if not all(allowed.path(path) for path in those)]
    for name, _, stream in _objects(repository, wanted, hook=True):
        for seen in look.through(name, stream, stream.size):
            for each in paths[name]:
                yield replace(seen, path=each + seen.path.removeprefix(name))


def _names(repository: Path) -> Iterator[str]:
    with _started(repository, None, *_LISTED) as output:
        for line in output:
            name, _, kind = line.decode("ascii").strip().partition(" ")
            if kind in _READ:
                yield name


class _Object(RawIOBase):
    """Read one object out of what git prints, to its end and no further."""

    def __init__(self, output: IO[bytes], size: int) -> None:
        self._output = output
        self._left = self.size = size

    def read(self, size: int = -1, /) -> bytes:
        data = self._output.read(self._left if size < 0 else min(size, self._left))
        self._left = self._left - len(data) if data else 0
        return data


def _objects(repository: Path, names: Iterable[str], *, hook: bool = False) -> Iterator[tuple[str, str, Any]]:
    """Yield name, type and content of objects."""
    with TemporaryFile() as asked:  # git reads it by itself, so that neither waits for the other
        asked.writelines(f"{name}\n".encode() for name in names)
        asked.seek(0)
        with _started(repository, asked, "cat-file", "--batch", "--buffer", hook=hook) as output:
            while head := output.readline():
                name, kind, *size = head.split()
                if not size:
                    continue  # it is missing, as in a clone that has but a part
                content = _Object(output, int(size[0]))
                yield name.decode(), kind.decode(), content
                while content.read(_CHUNK):
                    pass
                output.read(1)


def _placed(repository: Path, found: list[tuple[str, Finding]], allowed: Allowed, within: str) -> Iterator[Seen]:
    """Yield findings with each path that the object had, and the first commit in which it had it."""
    where: dict[str, dict[str, tuple[int, str]]] = {name: {} for name, _ in found}
    try:
        _locate(repository, where)
    except NoGit as error:  # a tree is missing, or damaged: what was found is found nevertheless
        yield Unread(f"{within}(history)", str(error))
    placed: list[tuple[int, Finding]] = []
    for name, finding in found:
        label, *inside = finding.path.partition("!")
        for path, (rank, commit) in where[name].items() or [(label, (sys.maxsize, NOWHERE))]:
            if not allowed.path(within + path):
                placed.append((rank, finding.within(within + path + "".join(inside), commit)))
    for _, finding in sorted(placed, key=lambda each: each[0]):
        yield finding


def _locate(repository: Path, where: dict[str, dict[str, tuple[int, str]]]) -> None:
    """Fill in the paths of objects. Raise NoGit, with what was learnt until then."""
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
    if not hook:  # a repository that is broken is not the one around it
        own["GIT_CEILING_DIRECTORIES"] = str(repository.resolve().parent)
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
