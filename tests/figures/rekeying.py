"""A child that replaces the root key by the command line, and kills itself (``kill -9``) at one step of it.

A step is the moment before or after a write: of the file of root keys, or of the store.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

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


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    _left = int(sys.argv[2])
    root_key._BATCH = 7  # type: ignore[misc]
    vars(writing)["os"] = _Os()
    SqliteStore.write = _write  # type: ignore[method-assign]
    sys.exit(main(["rotate", "root-key", "--json", *sys.argv[3:]]))
