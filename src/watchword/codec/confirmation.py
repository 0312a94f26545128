"""Hold a token to whom it was given: ``cnf`` (RFC 7800), by client certificate (RFC 8705 section 3)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from watchword.model.reason import BAD_TYPE, UNCONFIRMED, Reason

__all__ = ["CERTIFICATE", "certificate_confirmation", "unconfirmed"]

CERTIFICATE: Final = "x5t#S256"
"""The member of ``cnf`` that holds a certificate's thumbprint."""


def certificate_confirmation(certificate: bytes) -> dict[str, str]:
    """Return the ``cnf`` that binds to a certificate in DER: base64url of its SHA-256 (RFC 8705 section 3.1)."""
    return {CERTIFICATE: urlsafe_b64encode(sha256(certificate).digest()).rstrip(b"=").decode()}


def unconfirmed(cnf: Any, certificate: bytes | None) -> Reason | None:
    """Return why what ``cnf`` binds may not be used over this connection, or None when it may.

    ``certificate`` is the client certificate in DER that the TLS layer verified. A confirmation that is not known here
    (a DPoP key, ``jkt``, RFC 9449 section 6) is not passed over: nobody would have checked it.
    """
    if not isinstance(cnf, Mapping) or cnf.keys() != {CERTIFICATE} or not isinstance(cnf[CERTIFICATE], str):
        return BAD_TYPE
    if certificate is None:
        return UNCONFIRMED
    wanted = certificate_confirmation(certificate)[CERTIFICATE]
    return None if hmac.compare_digest(wanted.encode(), cnf[CERTIFICATE].encode("utf-8", "replace")) else UNCONFIRMED
