"""Demand scopes (RFC 6749 section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from watchword.model.reason import INSUFFICIENT_SCOPE, NO_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Headers, Principal, Rejection

__all__ = ["Scopes", "scope_token"]

_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def scope_token(text: str) -> bool:
    """Return whether the text is one scope: visible ASCII without quote and backslash."""
    return _TOKEN.fullmatch(text) is not None


class Scopes:
    """Let in only who has all of ``required``. Raise ValueError for what is not a scope."""

    __slots__ = ("required",)

    def __init__(self, required: Iterable[str]) -> None:
        self.required: frozenset[str] = frozenset(required)
        for scope in self.required:
            if not scope_token(scope):
                raise ValueError(f"not a scope: {scope!r}")

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return a Rejection that names the missing scopes, or nothing."""
        if who is None:
            return Rejection(NO_CREDENTIAL, "scopes are required") if self.required else ()
        if self.required <= who.scopes:
            return ()
        return Rejection(INSUFFICIENT_SCOPE, " ".join(sorted(self.required - who.scopes)))
