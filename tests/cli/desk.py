"""Sit at a desk: a folder that ``watchword init`` has set up, and the command line, in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from watchword.cli import main

__all__ = ["Desk", "Said", "desk", "fresh_desk", "run_in"]


@dataclass(frozen=True)
class Said:
    """Hold how a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one object on stdout."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Return the objects on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Desk:
    """Run verbs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, stdin: str = "") -> Said:
        """Run ``watchword`` with these words; nothing is a terminal."""
        return run_in(self.folder, *words, stdin=stdin)

    def done(self, *words: str, stdin: str = "") -> Said:
        """Run a command that must succeed."""
        said = self.run(*words, stdin=stdin)
        assert said.code == 0, said
        return said

    def wrong(self, *words: str, code: int = 2, stdin: str = "") -> str:
        """Run a command that must fail with ``code``; return what it said on stderr."""
        said = self.run(*words, stdin=stdin)
        assert (said.code, said.out) == (code, ""), said
        assert "Traceback" not in said.err
        return said.err

    def issued(self, kind: str, subject: str, *words: str) -> Any:
        """Issue a credential and return the JSON."""
        return self.done("issue", kind, "--for", subject, "--json", *words).json


class _Stream(io.TextIOWrapper):
    def __init__(self, content: bytes = b"") -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


def run_in(folder: Path, *words: str, stdin: str = "") -> Said:
    """Run ``watchword`` in ``folder``."""
    out, err, before, given = _Stream(), _Stream(), os.getcwd(), sys.stdin
    os.chdir(folder)
    sys.stdin = _Stream(stdin.encode())
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(list(words))
    finally:
        os.chdir(before)
        sys.stdin = given
    return Said(code, out.text(), err.text())


@pytest.fixture(scope="session")
def fresh_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder set up once, with user:alice and service:billing; not to be changed."""
    folder = tmp_path_factory.mktemp("desk")
    made = Desk(folder)
    made.done("init")
    made.done("user", "add", "alice")
    made.done("service", "add", "billing")
    return folder


@pytest.fixture
def desk(fresh_desk: Path, tmp_path: Path) -> Desk:
    """Return a desk of one's own."""
    folder = tmp_path / "desk"
    shutil.copytree(fresh_desk, folder)
    return Desk(folder)
