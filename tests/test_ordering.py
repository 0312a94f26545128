"""Tests that wait are in each process, one by one; none is lost, and modules stay together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ordering import spread


@dataclass(frozen=True)
class Item:
    nodeid: str

    @property
    def path(self) -> Path:
        return Path(self.nodeid.partition("::")[0])


def made(*modules: str, each: int = 5) -> list[Any]:
    return [Item(f"tests/{module}::test_{n}") for module in modules for n in range(each)]


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 9])
def test_nothing_is_lost_and_modules_stay_together(processes: int) -> None:
    items = made("audit/a.py", "browser/b.py", "cli/c.py", "docs/d.py", "figures/e.py", "figures/f.py", "x.py")
    found = spread(items, processes)
    assert sorted(each.nodeid for each in found) == sorted(each.nodeid for each in items)
    for module in ("browser/b.py", "figures/e.py"):
        places = [place for place, each in enumerate(found) if module in each.nodeid]
        assert places == list(range(places[0], places[0] + 5))


def test_each_process_begins_with_some() -> None:
    found = spread(made("audit/a.py", "browser/b.py", "cli/c.py", "figures/e.py"), 2)
    assert [found[place].nodeid.split("/")[1] for place in (0, 10)] == ["browser", "figures"]
    assert [each.nodeid for each in spread(made("a.py", "cli/c.py"), 2)] == [
        each.nodeid for each in made("a.py", "cli/c.py")
    ]
    assert spread([], 3) == []


def test_they_do_not_stand_together_nor_at_the_end() -> None:
    found = spread(made("figures/a.py", "figures/b.py", *(f"cli/{n}.py" for n in range(8))), 1)
    places = {each.path.name: place for place, each in enumerate(found)}
    assert places["a.py"] < places["0.py"] < places["b.py"] < places["7.py"]
