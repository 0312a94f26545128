"""Run Python programs without importing everything anew for each: one process that has it all, and forks.

The documentation runs some hundred commands; most of the time of each is importing. What runs is the program itself,
by its entry point, in a process of its own with its own folder, environment and output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Final

__all__ = ["PROGRAMS", "Warm"]

PROGRAMS: Final = ("watchword", "uvicorn")
_IMPORTED: Final = (
    "watchword.cli",
    "watchword.client",
    "watchword.adapters.fastapi",
    "watchword.server.app",
    "watchword.server.serve",
    "watchword.stores.sqlite",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.main",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class Warm:
    """Be the process. ``run`` returns the exit code, ``start`` the process id (its own group's, too)."""

    def __init__(self) -> None:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environ,  # what was compiled once is not compiled by each
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, words: Sequence[str], place: Path, environ: Mapping[str, str], out: Path) -> int:
        """Run a program to its end, its output appended to the file ``out``."""
        return self._ask(words, place, environ, out, True)

    def start(self, words: Sequence[str], place: Path, environ: Mapping[str, str], out: Path) -> int:
        """Start a program and leave it running."""
        return self._ask(words, place, environ, out, False)

    def _ask(self, words: Sequence[str], place: Path, environ: Mapping[str, str], out: Path, wait: bool) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": words, "place": str(place), "environ": dict(environ), "out": str(out), "wait": wait}
        self._process.stdin.write(json.dumps(asked) + "\n")
        return int(self._process.stdout.readline())


def _become(asked: Mapping[str, Any]) -> None:
    os.setsid()
    os.chdir(asked["place"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.path[:0] = [path for path in asked["environ"].get("PYTHONPATH", "").split(os.pathsep) if path]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(asked["out"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = list(asked["words"])
    (entry,) = entry_points(group="console_scripts", name=asked["words"][0])
    sys.exit(entry.load()())


def _serve() -> None:
    for name in _IMPORTED:
        import_module(name)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(asked)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if asked["wait"] else pid, flush=True)


if __name__ == "__main__":
    _serve()
