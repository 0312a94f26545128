"""How fast ``scan`` reads: a source tree on one core, beside a search for one fixed text in the same round."""

from __future__ import annotations

import os
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from watchword.scan.allowed import Allowed
from watchword.scan.files import files
from watchword.scan.look import Look

__all__ = ["measure_scan"]

BOUND = 50.0  # MB/s
MOST = 120_000_000  # bytes
SUFFIXES = (".py", ".pyi", ".md", ".txt", ".json", ".js", ".toml", ".h", ".rst", ".css", ".html", ".yaml")


def measure_scan(rounds: int) -> list[Figure]:
    """Return the figure: what is installed here is the source tree. The clock is the processor's."""
    tree, size = _tree(Path(sysconfig.get_path("purelib")))
    ways: dict[str, Callable[[], None]] = {"scan": lambda: _scan(tree), "find": lambda: _find(tree)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first one fills the machine's cache
        for name, way in ways.items():
            started = time.process_time()
            way()
            taken[name].append(size / 1e6 / (time.process_time() - started))
    speed, plain = (median(taken[name][1:]) for name in ("scan", "find"))
    detail = f"{len(tree):,} files of {size / 1e6:.0f} MB; opening them and looking for one text: {plain:.0f} MB/s"
    return [Figure("watchword scan over a source tree", speed, BOUND, "MB/s on one core", detail, at_least=True)]


def _tree(root: Path) -> tuple[list[Path], int]:
    found, size = [], 0
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(SUFFIXES) and size < MOST:
                found.append(path)
                size += path.stat().st_size
    return found, size


def _scan(tree: list[Path]) -> None:
    look, allowed = Look(), Allowed()
    for path in tree:
        if list(files(path, look, allowed)):
            raise AssertionError(f"{path} holds a secret")


def _find(tree: list[Path]) -> None:
    for path in tree:
        if b"ak_live_0123456789" in path.read_bytes():
            raise AssertionError(f"{path} holds what it cannot")
