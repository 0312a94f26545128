"""Hold every act to its audit event, in the whole suite: what changes a record says so in the same transaction.

Whatever test has something of ours write to a store in this process fails where that write has no event. So each public
act is walked that any test walks. Tests themselves may write what they like.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Final

from watchword.model.records import Event
from watchword.stores.memory import MemoryStore
from watchword.stores.sqlite import SqliteStore

__all__ = ["WITHOUT", "watch"]

SRC: Final = Path(__file__).resolve().parent.parent / "src" / "watchword"

# Who may write without an event of its own, and why.
WITHOUT: Final[dict[tuple[str, str], str]] = {
    ("lifecycle/verbs.py", "Lifecycle.provide"): "the server's own name; what it then does has events",
    ("lifecycle/verbs.py", "Lifecycle._client_switched"): "what follows from `disable` and `enable`, which have theirs",
    ("lifecycle/people/hash_work.py", "_change"): "counts how much work hashes take: nobody's act",
    ("lifecycle/oauth/approvals.py", "Approvals._still_there"): "looks, by a write that loses, whether a session ended",
    ("lifecycle/endings.py", "Endings._page"): "forgets what ended long ago, whose end has an event",
    ("lifecycle/room.py", "make_room"): "forgets what ended; what had not, ends with an event",
    (
        "lifecycle/operations/root_key.py",
        "RootKey._resealed",
    ): "a part of an act that has events when it begins and ends",
    ("lifecycle/operations/root_key.py", "RootKey._resealed_one"): "the same",
    ("lifecycle/people/account/addresses.py", "Addresses.free"): "lets go of what a revoked record held",
    ("lifecycle/people/account/addresses.py", "Addresses._set"): "lets go of another spelling; the act follows",
}
_PASSED_ON: Final = frozenset({"_commit", "_write", "_written", "write"})


def watch() -> None:
    """Begin, in this process."""
    for store in (MemoryStore, SqliteStore):
        store.write = _watched(store.write)  # type: ignore[method-assign]


def _watched(write: Any) -> Any:
    @functools.wraps(write)
    def watched(self: Any, *changes: Any) -> Any:
        if changes and not any(change.__class__ is Event for change in changes):
            place = _place()
            assert place is None or place in WITHOUT, f"{place[0]}, {place[1]}: it changes records without an event"
        return write(self, *changes)

    return watched


def _place() -> tuple[str, str] | None:
    """Return which function of ours writes, None where it is a test."""
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if not path.is_relative_to(SRC) or path.is_relative_to(SRC / "testing"):
            return None
        if frame.f_code.co_name not in _PASSED_ON:
            return path.relative_to(SRC).as_posix(), frame.f_code.co_qualname
        frame = frame.f_back  # type: ignore[assignment]
    return None
