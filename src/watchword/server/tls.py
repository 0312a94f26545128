"""Serve TLS with optional client certificates, and tell the application about them.

uvicorn hides the TLS layer from the application. ``TlsProtocol`` adds the ASGI TLS extension (ASGI specification,
"TLS Extension", version 0.2) to the scope of every request that came over TLS:

``scope["extensions"]["tls"]`` is one dict, made once a connection and shared by its requests; do not change it:

- ``client_cert_der``: our addition, the client certificate in DER (bytes) that TLS let through, or None: its key was
  proved, whose it is has to be judged;
- ``client_cert_chain``: ``[PEM]`` of that certificate alone, or ``[]``; ``client_cert_name``: its subject as RFC 4514
  text, or None; ``client_cert_error``: always None, because a certificate that TLS refuses ends the handshake;
- ``tls_version`` (0x0304 is TLS 1.3) and ``cipher_suite`` (IANA number), or None; ``server_cert``: None (not known).

How a client's certificate fares, when a client CA is set:

- none: the connection stands, ``client_cert_der`` is None (``optional=False``: the handshake fails);
- of an unknown CA, expired, or not for client authentication: the handshake fails. In TLS 1.3 the client learns that
  at its first read;
- registered by an OAuth client as its own (RFC 8705 section 2.2), or signed by such a one that calls itself a CA: it
  gets as far as the application, where it proves that client at the token endpoint, and nothing elsewhere;
- else: it reaches the ``mtls`` scheme, which checks all again at every request, revocation too.

No session is ever resumed, so that no connection lives on an earlier one's certificate: there are no tickets, and a
TLS 1.2 connection resumed by session id (Python offers no switch for those) is dropped before its first request, which
also makes OpenSSL forget the session, so the next attempt is a full handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from uvicorn.config import Config

from watchword.codec.x509 import ChainVerifier
from watchword.server.wire.http1 import WireProtocol

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["LiveTls", "TlsProtocol", "live_kwargs", "serve_kwargs", "ssl_context"]

File: TypeAlias = str | PathLike[str]

_VERSIONS: Final = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class TlsProtocol(WireProtocol):
    """Speak HTTP/1.1 strictly, with the ASGI TLS extension. Use as uvicorn's ``http`` setting."""

    tls: dict[str, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look at the TLS connection, once."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        if tls.session_reused:
            transport.abort()
            return
        self.tls = _extension(tls)

    def on_message_begin(self) -> None:
        """Begin a request: its scope shares what is known of the connection."""
        super().on_message_begin()
        if self.tls is not None:
            self.scope["extensions"] = {"tls": self.tls}  # type: ignore[dict-item]


def _extension(tls: ssl.SSLObject) -> dict[str, Any]:
    asked = tls.context.verify_mode is not ssl.CERT_NONE
    der = tls.getpeercert(binary_form=True) if asked else None
    cipher = tls.cipher()
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der)] if der else [],
        "client_cert_name": _name(der) if der else None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(tls.version() or ""),
        "cipher_suite": _suite(tls.context, cipher[0]) if cipher else None,
        "client_cert_der": der,
    }


def _name(der: bytes) -> str | None:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError:  # OpenSSL reads more than this parser does; the scheme refuses what it cannot read
        return None


_suites: dict[str, int] = {}  # OpenSSL's name -> IANA number, from what the contexts allow


def _suite(context: ssl.SSLContext, name: str) -> int | None:
    if name not in _suites:
        _suites.update({cipher["name"]: cipher["id"] & 0xFFFF for cipher in context.get_ciphers()})
    return _suites.get(name)


def ssl_context(
    certificate: File,
    private_key: File,
    client_ca_pem: bytes | None = None,
    *,
    optional: bool = True,
    anchors: Iterable[bytes] = (),
) -> ssl.SSLContext:
    """Return a server context: TLS 1.2 or newer, no tickets, no renegotiation.

    ``certificate`` (with its intermediates) and ``private_key`` are PEM files. ``client_ca_pem`` is the bundle that
    client certificates are checked against; each of its certificates is trusted by itself. ``optional=False`` refuses
    clients without one. ``anchors`` are certificates of clients (DER) that are let through besides, where there is a
    bundle; those that cannot be, or go by the name of a CA, are left out. Raise ValueError when the bundle is empty or
    cannot be used (CVE-2026-27586), OSError or ssl.SSLError when a file cannot be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0  # TLS 1.3 has no session ids: without tickets it has no resumption
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, private_key)
    if client_ca_pem is not None:
        _trust(context, ChainVerifier(client_ca_pem).authorities, anchors, _issuers_in(certificate))
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    return context


def _trust(
    context: ssl.SSLContext, authorities: Iterable[x509.Certificate], anchors: Iterable[bytes], own: Iterable[x509.Name]
) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in authorities))
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    # OpenSSL finds issuers by name and tries one of that name: a client's in a CA's place would lock all others out.
    # From the same certificates it makes the chain that it sends with our own, where the file holds none.
    names = (name for each in authorities for name in (each.subject, each.issuer))
    taken = {_folded(name) for name in (*names, *own)}
    for der in anchors:
        with suppress(ValueError, ssl.SSLError):  # one that cannot be read here is one client's mistake
            if _folded(x509.load_der_x509_certificate(der).subject) not in taken:
                context.load_verify_locations(cadata=der)


def _issuers_in(certificate: File) -> list[x509.Name]:
    from cryptography import x509

    with open(certificate, "rb") as file:
        pem = file.read()
    try:
        return [each.issuer for each in x509.load_pem_x509_certificates(pem)]
    except ValueError:  # OpenSSL reads more than this parser does
        return []


def _folded(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return a name so that at least those are equal that OpenSSL takes for one: it folds case and white space."""
    return tuple((each.oid.dotted_string, " ".join(_text(each.value).lower().split())) for each in name)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()


class LiveTls:
    """Hold what new connections are served with: files, and whose certificates pass. All of it may be replaced.

    A connection keeps what it began with; the ``mtls`` scheme judges its certificate at each request all the same. One
    can be pickled, as uvicorn's ``workers`` need, and makes its contexts where it is used.
    """

    def __init__(
        self, certificate: File, private_key: File, client_ca_pem: bytes | None = None, *, optional: bool = True
    ) -> None:
        """Take what ``ssl_context`` takes, and raise what it raises, now and not in each worker."""
        self.files: tuple[File, File] = (certificate, private_key)
        self.client_ca: bytes | None = client_ca_pem
        self.anchors: tuple[bytes, ...] = ()
        self._optional = optional
        self._current: ssl.SSLContext | None = None
        self.made()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_current": None}

    def made(
        self,
        files: tuple[File, File] | None = None,
        client_ca_pem: bytes | None = None,
        anchors: tuple[bytes, ...] | None = None,
    ) -> ssl.SSLContext:
        """Return a context of these, or of what there is, which nobody uses yet. Raise OSError or ValueError."""
        bundle = client_ca_pem if client_ca_pem is not None else self.client_ca
        let_through = self.anchors if anchors is None else anchors
        return ssl_context(*(files or self.files), bundle, optional=self._optional, anchors=let_through)

    def take(self, context: ssl.SSLContext, files: tuple[File, File] | None = None) -> None:
        """Serve new connections with a context of ``made``."""
        self._current, self.files = context, files or self.files

    def trust(self, client_ca_pem: bytes | None = None, anchors: tuple[bytes, ...] | None = None) -> None:
        """Let the certificates of other CAs, or other clients' own, through from now on. Raise OSError or ValueError.

        None leaves either as it is.
        """
        bundle = self.client_ca if client_ca_pem is None else client_ca_pem
        let_through = self.anchors if anchors is None else anchors
        if (bundle, let_through) != (self.client_ca, self.anchors):
            self.take(self.made(client_ca_pem=bundle, anchors=let_through))
            self.client_ca, self.anchors = bundle, let_through

    def factory(self, _config: Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return the context for uvicorn: it hands each connection to the one that is current."""
        outer = self.made()
        outer.sni_callback = self._chosen
        return outer

    def _chosen(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, outer: ssl.SSLContext) -> None:
        # Called for every ClientHello, whether it names a server or not.
        if self._current is not None and self._current is not outer:
            connection.context = self._current


def serve_kwargs(
    certificate: File, private_key: File, client_ca_pem: bytes | None = None, *, optional: bool = True
) -> dict[str, Any]:
    """Return keyword arguments for ``uvicorn.Config`` or ``uvicorn.run`` that serve TLS as described above.

    They can be pickled, as uvicorn's ``workers`` need. The context is made once here too, so that a mistake in the
    files is raised by the caller and not in each worker. WebSockets are off: their scope would not carry the
    certificate.
    """
    return live_kwargs(LiveTls(certificate, private_key, client_ca_pem, optional=optional))


def live_kwargs(live: LiveTls) -> dict[str, Any]:
    """Return the same for one whose files and CAs may be replaced."""
    return {"http": TlsProtocol, "ws": "none", "ssl_context_factory": live.factory}
