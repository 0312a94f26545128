"""A process whose children replace the root key by the command line, each killed (``kill -9``) at one step of it.

A step is the moment before or after a write: of the file of root keys, or of the store. Each line of the input has the
step (0: none), the seconds after which it is killed all the same (0: never) and further words of the command; its
answer is the exit code. A child is a copy of this process, which has loaded all there is to load.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import watchword.cli.rotation.root_key
import watchword.cli.rotation.verb
import watchword.server.config.load  # noqa: F401 - what a child would load otherwise
from watchword.cli import main
from watchword.lifecycle.operations import root_key
from watchword.server.config import writing
from watchword.stores.sqlite import SqliteStore

_left = 0


def _step() -> None:
    global _left  # noqa: PLW0603 - one a process
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


async def _write(self: SqliteStore, *changes: Any, _original: Any = SqliteStore.write) -> bool:
    _step()
    done: bool = await _original(self, *changes)
    _step()
    return done


class _Os:
    """Be the module ``os``, with a step on either side of what puts a file in its place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def replace(self, *args: Any) -> None:
        """Put a file in its place."""
        _step()
        os.replace(*args)
        _step()


def _child(step: int, words: list[str]) -> None:
    global _left  # noqa: PLW0603 - one a process
    _left = step
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    code = 70
    try:
        code = main(["rotate", "root-key", "--json", *words])
    finally:
        os._exit(code)


def _ended(child: int, seconds: float) -> int:
    """Wait for a child, at most so long (0: for ever), and return its exit code, negative for a signal."""
    end = time.monotonic() + seconds if seconds else float("inf")
    while True:
        found, status = os.waitpid(child, os.WNOHANG if seconds else 0)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            end = float("inf")
        time.sleep(0.002)


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    root_key._BATCH = 7  # type: ignore[misc]
    vars(writing)["os"] = _Os()
    SqliteStore.write = _write  # type: ignore[method-assign]
    for line in sys.stdin:
        step, seconds, *words = line.split()
        child = os.fork()
        if not child:
            _child(int(step), words)
        print(_ended(child, float(seconds)), flush=True)
