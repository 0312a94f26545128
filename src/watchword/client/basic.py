"""Send a user's name and password as Basic credentials in UTF-8."""

from __future__ import annotations

from watchword.client.transport import Auth, Sending, Steps
from watchword.codec.fields import render_basic

__all__ = ["BasicAuth"]


class BasicAuth(Auth):
    """Prove the caller by name and password (RFC 7617).

    ``origin`` (a URL) keeps them from requests to anywhere else. Raises ValueError for a colon in the name or a control
    character in either.
    """

    def __init__(self, username: str, password: str, *, origin: str | None = None) -> None:
        super().__init__(origin)
        self._header = {"Authorization": render_basic(username, password).decode("ascii")}

    def steps(self, sending: Sending) -> Steps:
        """Attach name and password."""
        yield self._header
