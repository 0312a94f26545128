"""Interleave contestants of both environments: one process each, one round of everybody after the other."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.loop import Measure

__all__ = ["Workers", "measure_decisions"]

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    "peer-bare",
    "joserfc",
    "pyjwt",
    "own-bare",
    "api-key",
    "api-key-unwatched",
    "session",
    "jwt",
    "basic",
    "own-bare-post",
    "hmac",
    "hmac-shared",
    "verify",
    "jwt-first",
)


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


def measure_decisions(workers: Workers, rounds: int, count: int) -> dict[str, list[Measure]]:
    """Return every contestant's rounds. The first round warms up and does not count."""
    found: dict[str, list[Measure]] = {name: [] for name in ORDER}
    for number in range(rounds + 1):
        for name in ORDER:
            one = workers.run(name, count if number else min(count, 2_000))
            if number:
                found[name].append(one)
    return found


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a contestant's process ended with {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer
