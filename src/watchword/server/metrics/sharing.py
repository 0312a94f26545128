"""Share counts between the workers of one server: a file each, in a folder that lives as long as the server."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from watchword.server.metrics.counters import Snapshot, added

try:
    import fcntl
except ImportError:  # there is one worker where there is no fcntl
    fcntl = None  # type: ignore[assignment]

__all__ = ["Shared"]

_ENDED: Final = "ended.json"


class Shared:
    """Write this worker's snapshot, and read everybody's.

    Each holds a lock on a file of its own while it lives. What those counted that ended is added up in one file by who
    comes next, so that no count ever goes down, and workers that come and go leave nothing behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = secrets.token_hex(8)
        self._alive: int | None = None

    def open(self) -> None:
        """Begin; take over what ended workers counted."""
        with self._alone():  # between making the file and locking it, others would take this worker for one that ended
            self._alive = os.open(self._folder / f"{self._name}.alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            self._inherit()

    def close(self, last: Snapshot) -> None:
        """Write the last counts and end."""
        if self._alive is not None:
            alive, self._alive = self._alive, None
            try:
                _write(self._folder / f"{self._name}.json", last)
            finally:
                os.close(alive)

    def write(self, snapshot: Snapshot) -> None:
        """Say how this worker stands."""
        if self._alive is not None:
            os.utime(self._alive)  # what clears old files out of /tmp leaves it
        _write(self._folder / f"{self._name}.json", snapshot)

    def others(self, own: Snapshot) -> tuple[Snapshot, list[Snapshot]]:
        """Return what ended workers counted, and how the other living ones stand, to be told together with ``own``.

        That is written first: what was told once outlasts this worker, for a sum that goes down looks like a server
        that began anew.
        """
        self.write(own)
        with self._alone():
            self._inherit()
            names = [path.stem for path in self._folder.glob("*.alive") if path.stem != self._name]
            return _read(self._folder / _ENDED), [_read(self._folder / f"{name}.json") for name in names]

    def _inherit(self) -> None:
        """Add what ended workers counted to what those before them did."""
        for alive in self._folder.glob("*.alive"):
            if alive.stem == self._name or not _ended(alive):
                continue
            theirs = self._folder / f"{alive.stem}.json"
            before = _read(self._folder / _ENDED)
            _write(self._folder / _ENDED, Snapshot(added([before, _read(theirs)]).decisions))
            theirs.unlink(missing_ok=True)
            alive.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other workers from doing the same at the same time; none does it for long."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _ended(alive: Path) -> bool:
    try:
        file = os.open(alive, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _write(path: Path, snapshot: Snapshot) -> None:
    """Replace the file at once: who reads meanwhile sees the old one or the new one."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(snapshot.to_json()), encoding="utf-8")
    os.replace(new, path)


def _read(path: Path) -> Snapshot:
    with suppress(OSError, ValueError, KeyError, TypeError):
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        return Snapshot.from_json(value)
    return Snapshot(feed_read_at=float("inf"))
