"""Spread the tests that wait for servers and browsers over the processes that run tests, and over their time.

Together they would wait for each other; at the end they would keep one process while the others have nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final, TypeVar

import pytest

__all__ = ["spread"]

_WAITING: Final = frozenset({"agents", "browser", "demo", "docs", "figures", "foreign"})
_UNTIL: Final = 0.8  # of a process's tests: by then the last of them has begun
_Item = TypeVar("_Item", bound=pytest.Item)


def spread(items: list[_Item], processes: int) -> list[_Item]:
    """Return the tests in the order in which as many processes take an even part each; modules stay together."""
    waiting: list[_Item] = []
    others: list[_Item] = []
    for item in items:
        (waiting if _WAITING.intersection(item.nodeid.split("/")[1:2]) else others).append(item)
    shares: list[list[list[_Item]]] = [[] for _ in range(processes)]
    for number, module in enumerate(_modules(waiting)):
        shares[number % processes].append(module)
    ordered: list[_Item] = []
    size, taken = len(items) / processes, 0
    for number, share in enumerate(shares, 1):
        room = max(0, round(number * size) - len(ordered) - sum(map(len, share)))
        more = room if number < processes else len(others)
        ordered += _mixed(share, others[taken : taken + more])
        taken += more
    return ordered


def _mixed(waiting: list[list[_Item]], others: list[_Item]) -> Iterator[_Item]:
    begun, done = 0, 0
    for module in _modules(others):
        while begun < len(waiting) and begun <= done / (_UNTIL * len(others)) * len(waiting):
            yield from waiting[begun]
            begun += 1
        yield from module
        done += len(module)
    for left in waiting[begun:]:
        yield from left


def _modules(items: list[_Item]) -> Iterator[list[_Item]]:
    return (list(module) for _, module in groupby(items, lambda item: item.path))
