"""Run Python programs without importing everything anew for each: one process that has it all, and forks.

The tests run some hundred commands and servers; most of the time of each is importing. What runs is the program itself,
by its entry point, in a process of its own with its own folder, environment, session and output. How long a new
interpreter takes, and that it finds all it needs, is tested where that is the question: ``tests/cli/test_main.py``,
``tests/server/test_serve.py``, ``tests/test_light.py``, ``make bench``.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

__all__ = ["PROGRAMS", "Running", "Warm", "warm"]

PROGRAMS: Final = ("watchword", "uvicorn")
_IMPORTED: Final = (
    "watchword.cli",
    "watchword.client",
    "watchword.adapters.fastapi",
    "watchword.server.app",
    "watchword.server.serve",
    "watchword.server.workers",
    "watchword.stores.postgres",
    "watchword.stores.sqlite",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.main",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class Running:
    """Be one started program, as ``subprocess.Popen`` would be; it leads a process group of its own."""

    def __init__(self, warm: Warm, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._warm = warm

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        if self.returncode is None:
            self.returncode = self._warm.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code. Raise subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("a started program", timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Warm:
    """Be the process. ``run`` returns the exit code of a program, ``start`` leaves it running."""

    def __init__(self) -> None:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._one = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environ,  # what was compiled once is not compiled by each
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def run(
        self, words: Sequence[str], place: Path, environ: Mapping[str, str], out: Path, err: Path, said: str = ""
    ) -> int:
        """Run a program to its end: it reads the text ``said``, its output is appended to ``out`` and ``err``."""
        files = {"place": str(place), "out": str(out), "err": str(err)}
        code: int = self.ask(words=words, environ=dict(environ), said=said, wait=True, **files)
        return code

    def start(self, words: Sequence[str], place: Path, environ: Mapping[str, str], log: Path) -> Running:
        """Start a program and leave it running; its output is appended to ``log``."""
        files = {"place": str(place), "out": str(log), "err": str(log)}
        return Running(self, self.ask(words=words, environ=dict(environ), said="", wait=False, **files))

    def ask(self, **asked: Any) -> Any:
        """Return what the process answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one:
            self._process.stdin.write(json.dumps(asked) + "\n")
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process; what it started and nobody ended is ended too."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@lru_cache(maxsize=1)
def warm() -> Warm:
    """Return the one of this process of tests, started when first asked for."""
    process = Warm()
    atexit.register(process.close)
    return process


def _become(asked: Mapping[str, Any]) -> None:
    os.setsid()
    os.chdir(asked["place"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    sys.path[:0] = [path for path in asked["environ"].get("PYTHONPATH", "").split(os.pathsep) if path]
    reading, writing = os.pipe()
    os.write(writing, asked["said"].encode())
    os.close(writing)
    os.dup2(reading if asked["said"] else os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT), number)
    sys.argv = list(asked["words"])
    (entry,) = entry_points(group="console_scripts", name=asked["words"][0])
    sys.exit(entry.load()())


def _ended(pid: int, running: set[int], options: int) -> int | None:
    gone, status = os.waitpid(pid, options)
    if not gone:
        return None
    running.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _serve() -> None:
    for name in _IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # what all share is not looked at for garbage, and so not copied, in each
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    running: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "poll" in asked:
            print(json.dumps(_ended(asked["poll"], running, os.WNOHANG)), flush=True)
            continue
        pid = os.fork()
        if not pid:
            _become(asked)
        running.add(pid)
        print(json.dumps(_ended(pid, running, 0) if asked["wait"] else pid), flush=True)
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
