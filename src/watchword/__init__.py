"""Answer one question for every API: who is calling?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchword.model.verdict import Allow, Challenge, Decision, Deny, Principal, Rejection
from watchword.sync import run_sync

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = [
    "Allow",
    "Challenge",
    "Decision",
    "Deny",
    "Principal",
    "Rejection",
    "Watchword",
    "__version__",
    "run_sync",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Watchword":  # loaded on first use: stores and schemes cost more than a library's import should
        from watchword.app import Watchword

        return Watchword
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
