"""A million codes and as many tokens that ended leave nothing: memory and rows are back where they were."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent.parent
GROWTH = 8 * 1024 * 1024  # bytes that stay, beyond what was held before the first code
OPEN = 3  # sessions of the child's own, which end by themselves never


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'expiring.db'}"


def run(store: str, count: int, seconds: float) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.figures.expiring", store, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-4000:]
    print(done.stdout)
    return {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}


def held_to(said: dict[str, dict[str, Any]]) -> None:
    before = said["before"]
    for time in ("once", "twice"):
        given, ended = said[f"given {time}"], said[f"ended {time}"]
        assert given["values"] > 1_000
        assert given["records"] > ended["records"]
        assert ended["values"] == 0
        assert ended.get("ends", 0) == 0
        assert ended["records"] <= OPEN
        assert ended["rss"] - before["rss"] < GROWTH, said
    if "pages" in before:  # the file keeps its size, and what is free in it is used again
        assert said["ended twice"]["pages"] <= said["ended once"]["pages"] * 1.05 + 16


def test_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, 1_500, 100))


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_a_million_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, 500_000, 7_000))
