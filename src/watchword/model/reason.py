"""ONE table of every refusal: its code for the audit, its status and what the caller sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["REASONS", "Reason"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Name one way to be refused.

    ``code`` goes to the audit only. ``status``, ``type`` and ``title`` are all that a caller sees (RFC 9457);
    ``error`` is the wire error of RFC 6750 section 3.1 for challenges, of RFC 9449 section 7.1 where a
    DPoP proof is wrong, "" where a challenge carries none.
    """

    code: str
    status: int
    type: str
    title: str
    error: str = ""


_UNAUTHENTICATED = (401, "unauthenticated", "Authentication is required", "")
_INVALID = (401, "unauthenticated", "Authentication is required", "invalid_token")
_PROOF = (401, "unauthenticated", "Authentication is required", "invalid_dpop_proof")
_MALFORMED = (400, "malformed_request", "The request is malformed", "invalid_request")
_FORBIDDEN = (403, "forbidden", "The request is not allowed", "")


def _row(code: str, face: tuple[int, str, str, str]) -> Reason:
    status, kind, title, error = face
    return Reason(code, status, kind, title, error)


# Rows that share a face cannot be told apart from outside.
NO_CREDENTIAL: Final = _row("no_credential", _UNAUTHENTICATED)
MALFORMED_CREDENTIAL: Final = _row("malformed_credential", _INVALID)
UNKNOWN_CREDENTIAL: Final = _row("unknown_credential", _INVALID)
WRONG_SECRET: Final = _row("wrong_secret", _INVALID)
EXPIRED: Final = _row("expired", _INVALID)
NOT_YET_VALID: Final = _row("not_yet_valid", _INVALID)
REVOKED: Final = _row("revoked", _INVALID)
RETIRED: Final = _row("retired", _INVALID)
SUBJECT_DISABLED: Final = _row("subject_disabled", _INVALID)
BAD_SIGNATURE: Final = _row("bad_signature", _INVALID)
BAD_ALGORITHM: Final = _row("bad_algorithm", _INVALID)
BAD_TYPE: Final = _row("bad_type", _INVALID)
UNKNOWN_CRITICAL: Final = _row("unknown_critical", _INVALID)
UNKNOWN_KEY: Final = _row("unknown_key", _INVALID)
WRONG_ISSUER: Final = _row("wrong_issuer", _INVALID)
WRONG_AUDIENCE: Final = _row("wrong_audience", _INVALID)
BAD_CLAIMS: Final = _row("bad_claims", _INVALID)
INACTIVE_TOKEN: Final = _row("inactive_token", _INVALID)
SKEWED: Final = _row("skewed", _INVALID)
REPLAYED: Final = _row("replayed", _INVALID)
UNTRUSTED_CERTIFICATE: Final = _row("untrusted_certificate", _INVALID)
UNCONFIRMED: Final = _row("unconfirmed", _INVALID)
SUBJECT_MISMATCH: Final = _row("subject_mismatch", _INVALID)
PASSWORD_OVER_PLAINTEXT: Final = _row("password_over_plaintext", _INVALID)

BAD_PROOF: Final = _row("bad_proof", _PROOF)
REPLAYED_PROOF: Final = _row("replayed_proof", _PROOF)
NONCE_NEEDED: Final = Reason("nonce_needed", 401, "unauthenticated", "Authentication is required", "use_dpop_nonce")

DUPLICATE_FIELD: Final = _row("duplicate_field", _MALFORMED)
MALFORMED_REQUEST: Final = _row("malformed_request", _MALFORMED)
BODY_UNSEEN: Final = _row("body_unseen", _MALFORMED)
BODY_TOO_LARGE: Final = Reason("body_too_large", 413, "content_too_large", "The content is too large")
CREDENTIAL_IN_URL: Final = Reason(
    "credential_in_url",
    400,
    "credential_in_url",
    "A credential must not travel in a URL; treat it as leaked and replace it",
)
UNSUPPORTED_MEDIA: Final = Reason("unsupported_media", 415, "unsupported_media_type", "The media type is unsupported")

NOT_FOUND: Final = Reason("not_found", 404, "not_found", "There is nothing here")
METHOD_NOT_ALLOWED: Final = Reason("method_not_allowed", 405, "method_not_allowed", "The method is not allowed here")

NO_ROUTE: Final = _row("no_route", _FORBIDDEN)
NETWORK_NOT_ALLOWED: Final = _row("network_not_allowed", _FORBIDDEN)
CSRF_MISSING: Final = _row("csrf_missing", _FORBIDDEN)
CSRF_MISMATCH: Final = _row("csrf_mismatch", _FORBIDDEN)
CROSS_SITE: Final = _row("cross_site", _FORBIDDEN)
UNKNOWN_SENDER: Final = _row("unknown_sender", _FORBIDDEN)
INSUFFICIENT_SCOPE: Final = Reason(
    "insufficient_scope", 403, "insufficient_scope", "The credential lacks a scope", "insufficient_scope"
)
INSUFFICIENT_AUTHENTICATION: Final = Reason(
    "insufficient_authentication",
    401,
    "insufficient_user_authentication",
    "A stronger or fresher authentication is required",
    "insufficient_user_authentication",
)
MFA_REQUIRED: Final = Reason("mfa_required", 403, "mfa_required", "A second factor is required")
ENROLMENT_REQUIRED: Final = Reason(
    "enrolment_required", 403, "enrolment_required", "A second factor must be set up first, on the login page"
)
REFUSED_GRANT: Final = Reason("refused_grant", 400, "invalid_grant", "The grant is refused", "invalid_grant")
PRECONDITION_FAILED: Final = Reason("precondition_failed", 412, "precondition_failed", "It changed since it was read")
CONFLICT: Final = Reason("conflict", 409, "conflict", "It is not in a state in which that can be done")
INVALID_FIELDS: Final = Reason("invalid_fields", 422, "invalid_fields", "Some fields cannot be accepted")
SPENT_LINK: Final = Reason("spent_link", 400, "spent_link", "The link was used already, or is too old")

RATE_LIMITED: Final = Reason("rate_limited", 429, "rate_limited", "Too many requests")
ADDRESS_LIMITED: Final = Reason("address_limited", 429, "rate_limited", "Too many requests")
LOGINS_LIMITED: Final = Reason("logins_limited", 429, "rate_limited", "Too many requests")
OVERLOADED: Final = Reason("overloaded", 503, "unavailable", "The service is unavailable")
BROKEN: Final = Reason("broken", 503, "unavailable", "The service is unavailable")

REASONS: Final[dict[str, Reason]] = {row.code: row for row in list(globals().values()) if isinstance(row, Reason)}
