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
TURNS = 3
"""How often in a round a contestant and its bare application take turns. The best turn of each counts: others are added
to by whatever else the machine does, which comes and goes within seconds."""


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
    """Return every contestant's rounds, and under "bare " and its name those of its application.

    The first round warms up and does not count.
    """
    found: dict[str, list[Measure]] = {}
    for number in range(rounds + 1):
        for name, bare in ORDER.items():
            turns: dict[str, list[Measure]] = {}
            for _ in range(TURNS if number else 1):
                for label, each in ((f"bare {name}", bare), (name, name)):
                    if each:
                        turns.setdefault(label, []).append(workers.run(each, count // TURNS))
            if number:
                for label, measures in turns.items():
                    found.setdefault(label, []).append(min(measures, key=lambda one: one.seconds / one.count))
    return found


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a contestant's process ended with {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer
