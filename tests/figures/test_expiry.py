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
GROWTH = 8 * 1024 * 1024  # bytes
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
    before, once, twice = said["before"], said["ended once"], said["ended twice"]
    for time in ("once", "twice"):
        given, ended = said[f"given {time}"], said[f"ended {time}"]
        assert given["values"] > 1_000
        assert given["records"] > ended["records"]
        assert (ended["values"], ended.get("ends", 0)) == (0, 0)
        assert ended["records"] <= OPEN
    # Python's allocator keeps some of the memory that it was once given; what it had to keep it for is gone.
    assert twice["blocks"] - before["blocks"] < 3_000, said
    peak = said["given once"]["rss"]
    assert said["given twice"]["rss"] - peak < GROWTH, "the second time takes no more than the first"
    assert max(once["rss"], twice["rss"]) - before["rss"] < max(GROWTH, (peak - before["rss"]) / 2), said
    if "pages" in before:  # on disk: memory stays where it was, and what is free in the file is used again
        assert twice["rss"] - before["rss"] < GROWTH, said
        assert twice["pages"] <= once["pages"] * 1.05 + 16


def test_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, 1_500, 100))


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_a_million_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, 500_000, 7_000))
