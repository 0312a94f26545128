"""Run a snippet as a program of its own; where it waits for a person to agree, let one agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.advise.snippets.served import KINDS, Served

__all__ = ["check", "ran"]


def ran(words: list[str], served: Served, kind: str, desk: Path) -> str:
    """Return what the program printed last."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(desk), **served.variables(kind)}
    person = served.person()
    try:
        with subprocess.Popen(
            words, cwd=desk, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            if kind == "oauth2-person":
                said = program.stdout.readline().decode()
                place = re.search(r"https://\S+user_code=[A-Z-]+", said)
                assert place is not None, said + (program.stderr.read().decode() if program.stderr else "")
                person.visit(place[0])
            out, err = program.communicate(b"\n", timeout=20)
            assert program.returncode == 0, (out, err)
    finally:
        person.close()
    return out.decode().strip().splitlines()[-1]


def check(said: str, served: Served, kind: str, method: str) -> None:
    """Hold what the API said to the advice: let in by the advised scheme, with the content as it was sent."""
    told: dict[str, Any] = json.loads(said)
    assert (told["scheme"], told["method"]) == (served.advice[kind, method].scheme, method)
    assert told["subject"] == ("user:alice" if KINDS[kind][1].callers == "people" else "service:billing")
    assert (json.loads(told["content"]) if told["content"] else None) == ({"item": "tea"} if method == "POST" else None)
