"""Say what the server itself demands at its own places, as rules: for who explains a request to one of them."""

from __future__ import annotations

from watchword.app import Watchword
from watchword.routes import Rule

__all__ = ["own_places"]


def own_places(watchword: Watchword) -> list[Rule]:
    """Return the rules; the server's other places prove nobody, or issue what proves."""
    from watchword.server.app import every_scheme

    return [Rule("/whoami", every_scheme(watchword), ("GET", "HEAD"))]
