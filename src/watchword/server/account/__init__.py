"""Let people sign up, reset and change what is theirs."""

from __future__ import annotations

from typing import Final

__all__ = ["CONFIRM", "INVITATION", "NEW_PASSWORD", "link"]

CONFIRM: Final = "/confirm"
INVITATION: Final = "/invitation"
NEW_PASSWORD: Final = "/reset/new"  # noqa: S105 - a path


def link(issuer: str, path: str, token: str) -> str:
    """Return the address of a page that takes a link's token; it leads to ourselves, whatever a request's Host said."""
    return f"{issuer}{path}?token={token}"
