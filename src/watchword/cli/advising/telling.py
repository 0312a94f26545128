"""Tell an advice to people: the first scheme whole, the others in a line."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from watchword.advise import Advice
from watchword.cli.plumbing.output import colour

__all__ = ["LANGUAGES", "told"]

LANGUAGES: Final = ("python", "curl", "javascript")
_TITLES: Final = {"python": "Python", "curl": "a shell", "javascript": "JavaScript"}
_WIDTH: Final = 78


def told(found: Sequence[Advice], shown: Advice, language: str) -> Iterator[str]:
    """Yield the lines: ``shown`` whole, then where the others stand."""
    yield colour(f"{shown.scheme} is {_verdict(shown, found[0])}", "bold", sys.stdout)
    yield f"  {shown.trade_offs.title}, {shown.score} points. {shown.trade_offs.at_home}"
    yield ""
    yield from _reasons(shown)
    yield from _sides(shown)
    yield from _others(found, shown)
    if shown.route_block:
        yield from _begin(shown, language)


def _verdict(shown: Advice, first: Advice) -> str:
    best = "advised" if first.verdict == "advised" else "the least bad: nothing fits these answers well"
    return best if shown is first else f"{shown.verdict} here; {first.scheme} is {best}"


def _reasons(shown: Advice) -> Iterator[str]:
    yield "Why here"
    for reason in shown.reasons:
        if reason.points:
            yield from _wrapped(reason.why, f"  {reason.points:+4d}  ")
    yield ""


def _sides(shown: Advice) -> Iterator[str]:
    yield "In general"
    for mark, texts in (("+", shown.trade_offs.pros), ("-", shown.trade_offs.cons)):
        for text in texts:
            yield from _wrapped(text, f"     {mark}  ")
    yield ""


def _others(found: Sequence[Advice], shown: Advice) -> Iterator[str]:
    yield "The others"
    for each in found:
        if each is not shown:
            main = next((reason.why for reason in each.reasons if (reason.points < 0) == (each.score <= 0)), "")
            score = "" if each.verdict == "ruled out" else str(each.score)
            yield from _wrapped(main, f"  {each.scheme:<8} {score:>4}  {each.verdict:<11}  ")
    yield ""


def _begin(shown: Advice, language: str) -> Iterator[str]:
    if shown.layers:
        yield "On top"
        for layer in shown.layers:
            setting = f" ({'; '.join(layer.settings)})" if layer.settings else ""
            yield from _wrapped(f"{layer.name}{setting}: {layer.why}", "  -  ")
        yield ""
    yield "In watchword.toml (--write appends it)"
    yield ""
    yield from shown.route_block.splitlines()
    yield ""
    yield "Give one caller what it needs"
    yield ""
    yield from shown.steps
    yield ""
    others = " or ".join(f"--language {each}" for each in LANGUAGES if each != language)
    yield f"How that one calls, in {_TITLES[language]} ({others} shows another)"
    yield ""
    yield from shown.snippet[language].splitlines()


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
