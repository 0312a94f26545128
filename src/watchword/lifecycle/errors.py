"""Say what an operator did wrong, and how to mend it."""

from __future__ import annotations

__all__ = ["LifecycleError"]


class LifecycleError(ValueError):
    """Refuse an administrative act: what was wrong, and a hint that mends it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
