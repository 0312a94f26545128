"""Send an API key as ``Authorization: Bearer ak_live_…``."""

from __future__ import annotations

from watchword.client.transport import Auth, Sending, Steps

__all__ = ["ApiKeyAuth"]


class ApiKeyAuth(Auth):
    """Prove the caller by an API key (RFC 6750 section 2.1).

    ``origin`` (a URL) keeps the key from requests to anywhere else. Raises ValueError for what no header can
    carry.
    """

    def __init__(self, secret: str, *, origin: str | None = None) -> None:
        super().__init__(origin)
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ValueError("an API key is visible ASCII without spaces")
        self._header = {"Authorization": f"Bearer {secret}"}

    def steps(self, sending: Sending) -> Steps:
        """Attach the key."""
        yield self._header
