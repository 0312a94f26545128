"""Follow every link inside the repository: the page is there, and the heading that it points to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.running import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"|srcset=\"([^\"]+)\"")
_FENCED = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.MULTILINE | re.DOTALL)


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    astray = []
    for groups in _LINK.findall(_FENCED.sub("", path.read_text(encoding="utf-8"))):
        link = next(filter(None, groups))
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path if not name else (path.parent / name).resolve()
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            astray.append(link)
    assert astray == []


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        text = _FENCED.sub("", page.read_text(encoding="utf-8"))
        waiting += [
            (page.parent / groups[0].partition("#")[0]).resolve() for groups in _LINK.findall(text) if groups[0]
        ]
    pages = {path for path in (ROOT / "docs").rglob("*.md") if path.name != "template.md"}
    assert sorted(path.relative_to(ROOT).as_posix() for path in pages - seen) == []
