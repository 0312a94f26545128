"""What the transport knows about one request and about who sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

__all__ = ["NOT_REPEATED", "SINGLE_FIELDS", "Peer", "Request"]

NOT_REPEATED: frozenset[bytes] = frozenset()
"""What ``Request.repeated`` nearly always is."""

# A second copy of one of these lets two readers judge two requests (RFC 9110 section 5.3), so it is refused.
SINGLE_FIELDS = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"origin",
        b"x-api-key",
        b"x-content-sha256",
        b"x-csrf-token",
        b"x-nonce",
        b"x-signature",
        b"x-timestamp",
    }
)


@final
class Peer:
    """Describe the other end of the connection.

    ``address`` is the caller's IP address as text after trusted proxies were taken off; "" when there is none,
    "unknown" when what the proxies passed on contradicts itself.
    ``certificate`` is the client certificate in DER that the TLS layer itself verified, or None.
    ``tls`` tells whether the caller's own hop was encrypted.
    """

    __slots__ = ("address", "certificate", "tls")

    def __init__(self, address: str = "", *, tls: bool = False, certificate: bytes | None = None) -> None:
        self.address: str = address
        self.tls: bool = tls
        self.certificate: bytes | None = certificate

    def __repr__(self) -> str:
        return f"Peer({self.address!r}, tls={self.tls}, certificate={'present' if self.certificate else None})"


class Request:
    """Present one HTTP request to the gate.

    ``path`` is the raw path as sent (undecoded, no query), ``query`` the raw query without "?", ``headers``
    pairs with lower-case names, ``fields`` the same as a mapping, ``repeated`` the names of single-valued
    fields that came more than once, ``body`` the whole content or None when nobody read it.
    """

    __slots__ = ("body", "fields", "headers", "method", "path", "peer", "query", "repeated")

    def __init__(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        peer: Peer,
        body: bytes | None = None,
    ) -> None:
        self.method: str = method
        self.path: bytes = path
        self.query: bytes = query
        self.headers: Sequence[tuple[bytes, bytes]] = headers
        self.peer: Peer = peer
        self.body: bytes | None = body
        self.fields: dict[bytes, bytes] = dict(headers)
        self.repeated: frozenset[bytes] = NOT_REPEATED
        if len(self.fields) != len(headers):
            self._note_repeated()

    def _note_repeated(self) -> None:
        seen: set[bytes] = set()
        twice: set[bytes] = set()
        for name, _ in self.headers:
            (twice if name in seen else seen).add(name)
        self.repeated = frozenset(twice & SINGLE_FIELDS)
        if b"cookie" in twice:  # HTTP/2 splits cookies into several fields (RFC 9113 section 8.2.3)
            self.fields[b"cookie"] = b"; ".join(value for name, value in self.headers if name == b"cookie")

    @property
    def target(self) -> bytes:
        """Return the raw request target: path, and query if there is one."""
        return self.path + b"?" + self.query if self.query else self.path

    def __repr__(self) -> str:  # headers and query may hold secrets
        return f"Request({self.method} {self.path.decode('ascii', 'backslashreplace')})"
