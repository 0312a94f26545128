"""Write the page that lists all rules: ``python -m tests.lint.page`` after one was changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from watchword.lint import RULES, Rule

__all__ = ["PAGE", "written"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "lint.md"

FAMILIES = {
    "WW0": "The configuration itself",
    "WW1": "Routes",
    "WW2": "Transport",
    "WW3": "Tokens, sessions, keys",
    "WW4": "The authorization server",
    "WW5": "Secrets",
    "WW6": "People and operators",
    "WW7": "Others who are believed",
    "WW8": "What is issued (`--store`)",
    "WW9": "Running it",
}
_HEAD = """\
# Rules of lint

What `watchword lint` and `watchword serve` look for; [Lint](../lint.md) says how to use it.

- An **error** is dangerous for sure, and `serve` refuses to start with it; a **warning** is probably dangerous; a
  **note** is worth knowing. Where nobody but this machine can connect, much of what is dangerous elsewhere is a note.
- *Mistake* stands for the five that get people breached: secrets in code, long-lived tokens, logged headers, no limit
  for each credential, detailed errors. ASVS is that of OWASP.
- A rule never changes its number; one that is dropped leaves a gap.

This page is made from the rules (`python -m tests.lint.page`). Each has a configuration that breaks it, and one that
does not, in `tests/lint`.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _code(text: str) -> str:
    return "<br>".join(f"`{line}`" for line in text.replace("|", "\\|").split("\n") if line)


def _fix(rule: Rule) -> str:
    written = "=" in rule.fix or rule.fix.startswith(("chmod", "watchword", "git ", "#"))
    return _code(rule.fix) if written and "`" not in rule.fix else _cell(rule.fix)


def _rows(prefix: str) -> Iterator[str]:
    for rule in RULES.values():
        if rule.id.startswith(prefix):
            cells = [f"`{rule.id}`", rule.severity.value, rule.title, rule.why, _fix(rule), ", ".join(rule.sources)]
            yield "| " + " | ".join([cells[0], cells[1], *map(_cell, cells[2:4]), cells[4], _cell(cells[5])]) + " |"


def written() -> str:
    """Return the page."""
    parts = [_HEAD]
    for prefix, title in FAMILIES.items():
        rows = "\n".join(_rows(prefix))
        parts.append(
            f"## {title}\n| rule | severity | finds | why | mend it with | see |\n|---|---|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
