"""Begin with the tests that wait for servers and browsers, a share of them in each process that runs tests.

Left to the end they would keep one process while the others have nothing to do.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final, TypeVar

import pytest

__all__ = ["spread"]

_WAITING: Final = frozenset({"agents", "browser", "demo", "docs", "figures", "foreign"})
_Item = TypeVar("_Item", bound=pytest.Item)


def spread(items: list[_Item], processes: int) -> list[_Item]:
    """Return the tests in the order in which as many processes take an even part each; modules stay together."""
    waiting: list[_Item] = []
    others: list[_Item] = []
    for item in items:
        (waiting if _WAITING.intersection(item.nodeid.split("/")[1:2]) else others).append(item)
    shares: list[list[_Item]] = [[] for _ in range(processes)]
    for number, (_, module) in enumerate(groupby(waiting, lambda item: item.path)):
        shares[number % processes].extend(module)
    ordered: list[_Item] = []
    size, taken = len(items) / processes, 0
    for number, share in enumerate(shares, 1):
        room = max(0, round(number * size) - len(ordered) - len(share))
        more = room if number < processes else len(others)
        ordered += share + others[taken : taken + more]
        taken += more
    return ordered
