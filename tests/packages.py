"""Look for installed packages' schemes once for each state of the path: each Watchword of some thousand asks."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

__all__ = ["remember"]

_ASKING = ("watchword.assembly", "watchword.server.config.load", "watchword.server.config.values")


def remember() -> None:
    """Have those that ask do so."""
    for name in _ASKING:
        module: Any = import_module(name)
        module.entry_points = _entry_points


def _entry_points(**asked: str) -> Any:
    return _kept(tuple(sys.path), tuple(map(_changed, sys.path)), **asked)


@lru_cache(maxsize=64)
def _kept(_path: tuple[str, ...], _changed: tuple[int, ...], **asked: str) -> Any:
    return entry_points(**asked)


def _changed(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return 0
