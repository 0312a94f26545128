"""Do what README and documentation say, page by page. What they show is what comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.page import steps
from tests.docs.running import ROOT, Reader, nginx_binary

PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "benchmarks.md"),
    *sorted((ROOT / "docs" / "schemes").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    *sorted(path for path in (ROOT / "docs" / "reference").glob("*.md") if path.name != "cli.md"),  # tests/cli runs it
]


@pytest.mark.processes
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_page_does_what_it_says(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for tool in ("curl", "openssl"):
        if f"$ {tool} " in text and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and the page uses it")
    if ("$ nginx " in text or "```nginx" in text) and nginx_binary() is None:
        pytest.skip("there is no nginx for this platform, and the page uses it")
    reader = Reader(path.relative_to(ROOT).as_posix(), tmp_path)
    try:
        for step in steps(path):
            reader.follow(step)
    finally:
        reader.end()
