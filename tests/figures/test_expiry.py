"""A million codes and as many tokens that ended leave nothing: memory and rows are back where they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent.parent
GROWTH = 8 * 1024 * 1024  # bytes
BACK = 3 * 1024 * 1024  # bytes, where the allocator gives back what is free: a million leave 1 MiB
BLOCKS = 1_500  # of Python's: a million leave some 200 in memory, 1,000 with SQLite
OPEN = 3  # sessions of the child's own, which end by themselves never
MILLION = 500_000  # codes, twice, and as many tokens


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'expiring.db'}"


def run(store: str, count: int, seconds: float, **environment: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.figures.expiring", store, str(count)]
    around = {name: value for name, value in os.environ.items() if name != "PYTHONMALLOC"} | environment
    done = subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, timeout=seconds)
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
    assert twice["blocks"] - before["blocks"] < BLOCKS, said
    peak = said["given once"]["rss"]
    assert said["given twice"]["rss"] - peak < GROWTH, "the second time takes no more than the first"
    assert max(once["rss"], twice["rss"]) - before["rss"] < max(GROWTH, (peak - before["rss"]) / 2), said
    if "pages" in before:  # on disk: memory stays where it was, and what is free in the file is used again
        assert max(each["rss"] for each in said.values()) - before["rss"] < GROWTH, said
        assert twice["pages"] <= once["pages"] * 1.05 + 16


def test_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, 1_500, 100))


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_a_million_codes_and_tokens_that_ended_leave_nothing(store: str) -> None:
    held_to(run(store, MILLION, 7_000))


@pytest.mark.soak
@pytest.mark.timeout(7_200)
@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries keep what is free, too")
def test_a_million_that_ended_in_memory_leave_it_as_small_as_it_was() -> None:
    said = run("memory:", MILLION, 7_000, PYTHONMALLOC="malloc")
    held_to(said)
    before = said["before"]["rss"]
    for time in ("once", "twice"):
        assert said[f"given {time}"]["rss"] - before > 20 * BACK, "there was much to give back"
        assert said[f"ended {time}"]["rss"] - before < BACK, said
