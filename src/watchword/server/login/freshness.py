"""Ask who is logged in for a fresh proof, where a page changes something that matters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from watchword.guards.step_up import STEP_UP
from watchword.model.verdict import Principal

__all__ = ["FRESH", "fresh", "step_up_place"]

FRESH: Final = 600
"""Seconds after a proof in which what it allows may be done."""

_SECOND: Final = 1.0  # logins are noted in whole seconds


def fresh(who: Principal, now: float, within: float = FRESH) -> bool:
    """Return whether the latest proof is at most ``within`` seconds old at ``now`` (Unix seconds)."""
    return -_SECOND <= now - who.authenticated_at <= within


def step_up_place(next: str, factors: Iterable[str] = ()) -> str:
    """Return where to send a browser to prove ``factors``, or anything where none is named, and come back."""
    named = f"factors={quote(' '.join(factors))}&" if factors else ""
    return f"{STEP_UP}?{named}next={quote(next, safe='/')}"
