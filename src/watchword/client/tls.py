"""Present a client certificate (mutual TLS)."""

from __future__ import annotations

import ssl
from os import PathLike
from typing import TypeAlias

__all__ = ["client_certificate"]

Path: TypeAlias = "str | PathLike[str]"


def client_certificate(
    certificate: Path, private_key: Path, ca: Path | None = None, password: str | None = None
) -> ssl.SSLContext:
    """Return a TLS context that presents a certificate: ``httpx2.Client(verify=client_certificate(…))``.

    ``certificate`` is a PEM file with the leaf first, ``private_key`` its PEM file, decrypted by ``password``. ``ca``
    is a PEM file of the only authorities to trust for the server; None trusts the system's. TLS 1.2 or newer, the host
    name verified. For requests pass ``cert=(certificate, private_key), verify=ca`` instead. Raises OSError
    (ssl.SSLError among them) when a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password OpenSSL would ask for one on the terminal and wait.
    context.load_cert_chain(certificate, private_key, password=password or (lambda: b""))
    return context
