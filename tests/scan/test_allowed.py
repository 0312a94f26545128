"""``.watchwordignore``: what may stay, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.scan.allowed import NAME, Allowed


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.pem", "a.pem", True),
        ("*.pem", "deep/er/a.pem", True),
        ("*.pem", "a.pem.txt", False),
        ("fixtures/", "fixtures/a/b", True),
        ("fixtures/", "tests/fixtures/a", True),
        ("fixtures/", "fixtures", False),  # a file of this name
        ("fixtures", "tests/fixtures/a", True),
        ("tests/data/*", "tests/data/a", True),
        ("tests/data/*", "other/tests/data/a", False),
        ("/a.txt", "a.txt", True),
        ("/a.txt", "b/a.txt", False),
        ("a?c", "abc", True),
        ("[ab].txt", "a.txt", True),
        ("a.txt", "aXtxt", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert Allowed.of([pattern]).path(path) is fits


def test_comments_and_fingerprints(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("# all of it\n0123456789abcdef  # an old one\n\n  *.log # noise\n")
    allowed = Allowed.at(tmp_path, ["more"])
    assert (allowed.secret("0123456789abcdef"), allowed.secret("0123456789abcdee"), allowed.used) == (True, False, 1)
    assert (allowed.path("a.log"), allowed.path("more"), allowed.path("# all of it")) == (True, True, False)
    assert Allowed.at(tmp_path / "nowhere").path("a.log") is False


@given(st.lists(st.text()), st.text())
def test_any_line_is_a_pattern_or_none(lines: list[str], path: str) -> None:
    Allowed.of(lines).path(path)
