"""Interleave contestants of both environments: one process each, one round of everybody after the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.loop import Measure

__all__ = ["ROOT", "measure_decisions"]

ROOT = Path(__file__).resolve().parent.parent
# Each contestant, and the application that it is measured beside.
ORDER = {
    "joserfc": "peer-bare",
    "pyjwt": "peer-bare",
    "api-key": "own-bare",
    "api-key-unwatched": "own-bare",
    "session": "own-bare",
    "jwt": "own-bare",
    "basic": "own-bare",
    "hmac": "own-bare-post",
    "hmac-shared": "own-bare-post",
    "verify": "",
    "verify-libsodium": "",
    "jwt-first": "own-bare",
}
TURNS = 6
"""How often in a round a contestant and its bare application take turns. The best turn of each counts: others are added
to by whatever else the machine does, which comes and goes within seconds. Of three, a neighbour that uses the memory
spoilt every one for who reads and writes much of it (a signed request: 10.1 to 13.6 µs), and none for who does not."""


class Workers:
    """Run the two processes and ask one of them at a time."""

    def __init__(self) -> None:
        core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        self.versions: dict[str, dict[str, str]] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._of: dict[str, subprocess.Popen[str]] = {}
        for side, environment in (("peers", ".venv-peers"), ("own", ".venv")):
            process = subprocess.Popen(
                [ROOT / environment / "bin" / "python", "-m", "benchmarks.worker", side, str(core)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes.append(process)
            hello = _answer(process)
            self.versions[side] = hello["versions"]
            self._of |= dict.fromkeys(hello["contestants"], process)

    def run(self, name: str, count: int) -> Measure:
        """Measure one contestant."""
        process = self._of[name]
        assert process.stdin is not None
        process.stdin.write(json.dumps({"name": name, "count": count}) + "\n")
        process.stdin.flush()
        return Measure(**_answer(process))

    def close(self) -> None:
        """Let both end."""
        for process in self._processes:
            process.communicate()


def measure_decisions(rounds: int, count: int) -> tuple[dict[str, list[Measure]], dict[str, dict[str, str]]]:
    """Return every contestant's rounds, under "bare " and its name those of its application, and what was measured.

    Each round has two processes of its own: what memory and hashes look like in one makes a tenth of a decision.
    """
    found: dict[str, list[Measure]] = {}
    versions: dict[str, dict[str, str]] = {}
    for _ in range(rounds):
        workers = Workers()
        versions = workers.versions
        try:
            for label, one in _round(workers, count):
                found.setdefault(label, []).append(one)
        finally:
            workers.close()
    return found, versions


def _round(workers: Workers, count: int) -> Iterator[tuple[str, Measure]]:
    for name, bare in ORDER.items():
        turns: dict[str, list[Measure]] = {}
        for _ in range(TURNS):
            for label, each in ((f"bare {name}", bare), (name, name)):
                if each:
                    turns.setdefault(label, []).append(workers.run(each, count // TURNS))
        for label, measures in turns.items():
            yield label, min(measures, key=lambda one: one.seconds / one.count)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a contestant's process ended with {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer
