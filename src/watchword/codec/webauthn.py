"""Check what authenticators say (W3C Web Authentication, level 3, sections 7.1 and 7.2).

Of a browser's answer only the members that are needed are read, each bounded and in strict base64url; the client data
are judged here, so that a refusal has its reason, and judged again with everything else by the library.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.addresses import parsed
from watchword.codec.strict import from_base64url, json_object, to_base64url
from watchword.model.reason import BAD_CLAIMS, BAD_SIGNATURE, BAD_TYPE, MALFORMED_CREDENTIAL, REPLAYED, WRONG_AUDIENCE
from watchword.model.verdict import Rejection

__all__ = ["Asserted", "Registered", "Site", "assertion_of", "registration_of", "text_of"]

ALGORITHMS: Final = (-7, -8, -257)  # ES256, EdDSA, RS256 (RFC 9053, RFC 8812)
TRANSPORTS: Final = ("usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable")
_FORMATS: Final = ("none", "packed")
_CREATE: Final = "webauthn.create"
_GET: Final = "webauthn.get"
_MULTI: Final = "multi_device"
_AAGUID: Final = "1.3.6.1.4.1.45724.1.1.4"  # the model that a certificate vouches for, an OCTET STRING (section 8.2.1)
_LONGEST: Final[Mapping[str, int]] = {  # characters of base64url
    "id": 1364,  # 1023 bytes, section 4
    "clientDataJSON": 4096,
    "attestationObject": 16384,
    "authenticatorData": 4096,
    "signature": 2048,
    "userHandle": 86,  # 64 bytes, section 5.4.3
}
_LONGEST_KEY: Final = 1100  # bytes of a COSE key: RSA of 8,192 bits
_LONGEST_EXPONENT: Final = 4  # bytes of an RSA key's; with a longer one a login would cost as much as hundreds


@dataclass(frozen=True, slots=True)
class Site:
    """Say for which site passkeys are: ``rp_id`` is a host name, ``origins`` are where its pages come from."""

    rp_id: str
    name: str
    origins: tuple[str, ...]

    @classmethod
    def of(cls, issuer: str, *, rp_id: str = "", name: str = "", origins: tuple[str, ...] = ()) -> Site:
        """Return the site of an issuer's URL where nothing else is said."""
        url = urlsplit(issuer)
        own = f"{url.scheme}://{url.netloc}"
        return cls(rp_id or url.hostname or "localhost", name or "Watchword", origins or (own,))

    def fault(self) -> str:
        """Return why browsers would make no passkeys for this site from one of its origins, "" where they would.

        An origin's host is ``rp_id`` or below it (section 5.1.3), over TLS but for localhost (secure contexts).
        """
        for origin in self.origins:
            url = urlsplit(origin)
            host = url.hostname or ""
            if origin != f"{url.scheme}://{url.netloc}" or origin != origin.lower() or "@" in url.netloc:
                return f"{origin[:80]!r} is no origin"
            if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
                return f"{origin[:80]!r} is neither at {self.rp_id[:80]!r} nor below it"
            if url.scheme != "https" and not (url.scheme == "http" and f".{host}".endswith(".localhost")):
                return f"{origin[:80]!r} is not https"
        return ""

    @property
    def possible(self) -> bool:
        """Return whether browsers make passkeys here: they make none for addresses (section 5.1.3)."""
        return parsed(self.rp_id.strip("[]")) is None


@dataclass(frozen=True, slots=True)
class Registered:
    """Hold what a registration proved; ``public_key`` is a COSE key (RFC 9052)."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: str
    format: str
    user_verified: bool
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asserted:
    """Hold what an authentication proved."""

    sign_count: int
    user_verified: bool
    backup_eligible: bool
    backed_up: bool


def text_of(raw: bytes) -> str:
    """Return bytes as the JSON forms of WebAuthn spell them: base64url without padding."""
    return to_base64url(raw).decode()


def registration_of(response: Mapping[str, Any], challenge: bytes, site: Site) -> Registered | Rejection:
    """Return the passkey that an answer to ``navigator.credentials.create`` holds, or why it is refused.

    Attestations "none" and "packed" are read and must hold in themselves; which maker vouches is not asked.
    """
    answer = _answer_of(response, ("clientDataJSON", "attestationObject"))
    if answer is None:
        return Rejection(MALFORMED_CREDENTIAL, "passkey registration")
    refused = _judged(answer, _CREATE, challenge, site)
    if refused is not None:
        return refused
    from webauthn.helpers import parse_attestation_object

    try:
        attested = parse_attestation_object(from_base64url(answer["response"]["attestationObject"].encode()))
        kind, chain = attested.fmt, attested.att_stmt.x5c
        data = attested.auth_data.attested_credential_data
    except Exception:  # it raises its own kinds and whatever its parsers raise; their texts quote what was sent
        return Rejection(MALFORMED_CREDENTIAL, "attestation object")
    if kind not in _FORMATS:
        return Rejection(BAD_TYPE, "attestation format")
    if data is None or text_of(data.credential_id) != answer["id"] or len(data.credential_public_key) > _LONGEST_KEY:
        return Rejection(BAD_CLAIMS, "attested credential data")
    if chain is not None and not _vouches(chain, data.aaguid):
        return Rejection(BAD_SIGNATURE, "attestation certificate")
    return _registered(answer, challenge, site, kind, _transports(response))


def _registered(
    answer: dict[str, Any], challenge: bytes, site: Site, kind: str, transports: tuple[str, ...]
) -> Registered | Rejection:
    from webauthn import verify_registration_response
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=list(site.origins),
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
        )
        # "none" proves no possession, so that a key that is none would be found only at the first login.
        key = decode_credential_public_key(verified.credential_public_key)
        decoded_public_key_to_cryptography(key)
    except Exception:  # as above
        return Rejection(BAD_SIGNATURE, "passkey registration")
    if len(getattr(key, "e", b"")) > _LONGEST_EXPONENT:
        return Rejection(BAD_CLAIMS, "RSA exponent")
    return Registered(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=verified.aaguid,
        format=kind,
        user_verified=verified.user_verified,
        backup_eligible=verified.credential_device_type == _MULTI,
        backed_up=verified.credential_backed_up,
        transports=transports,
    )


def _vouches(chain: Sequence[bytes], aaguid: bytes) -> bool:
    """Return whether the first certificate is one that attestations are made with (section 8.2.1)."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_der_x509_certificate(chain[0])
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        models = [each.value for each in certificate.extensions if each.oid.dotted_string == _AAGUID]
    except Exception:  # whatever the parser raises
        return False
    right = [each.value for each in units] == ["Authenticator Attestation"]
    same = all(isinstance(each, x509.UnrecognizedExtension) and each.value[2:] == aaguid for each in models)
    return certificate.version is x509.Version.v3 and right and not authority and same


@dataclass(frozen=True, slots=True)
class Assertion:
    """Hold an answer to ``navigator.credentials.get`` that is well formed and not yet judged."""

    credential_id: bytes
    user_handle: bytes | None
    _answer: Mapping[str, Any] = field(repr=False)

    def verify(
        self, challenge: bytes, site: Site, public_key: bytes, *, user_verification: bool
    ) -> Asserted | Rejection:
        """Return what it proves about the passkey of ``public_key``, or why it is refused.

        Whether the sign count may be what it is, the caller judges: it knows the last one.
        """
        from webauthn import verify_authentication_response

        refused = _judged(self._answer, _GET, challenge, site)
        if refused is not None:
            return refused
        try:
            verified = verify_authentication_response(
                credential=dict(self._answer),
                expected_challenge=challenge,
                expected_rp_id=site.rp_id,
                expected_origin=list(site.origins),
                credential_public_key=public_key,
                credential_current_sign_count=0,
                require_user_verification=user_verification,
            )
        except Exception:  # as above
            return Rejection(BAD_SIGNATURE, "passkey")
        return Asserted(
            verified.new_sign_count,
            verified.user_verified,
            verified.credential_device_type == _MULTI,
            verified.credential_backed_up,
        )


def assertion_of(response: Mapping[str, Any]) -> Assertion | Rejection:
    """Return the answer to ``navigator.credentials.get``, well formed, or a Rejection."""
    answer = _answer_of(response, ("clientDataJSON", "authenticatorData", "signature"))
    if answer is None:
        return Rejection(MALFORMED_CREDENTIAL, "passkey")
    handle = response["response"].get("userHandle")
    raw = None
    if handle not in (None, ""):  # some browsers send an empty one where the authenticator gave none
        raw = _bytes_of(handle, "userHandle")
        if raw is None:
            return Rejection(MALFORMED_CREDENTIAL, "user handle")
    return Assertion(from_base64url(answer["id"].encode()), raw, answer)


def _answer_of(response: object, members: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the members that are needed, each well formed; None when one is not."""
    if not isinstance(response, Mapping) or response.get("type") != "public-key":
        return None
    inner = response.get("response")
    if not isinstance(inner, Mapping):
        return None
    id = response.get("id")
    if not _bytes_of(id, "id") or response.get("rawId") != id:
        return None
    values = {name: inner.get(name) for name in members}
    if any(not _bytes_of(value, name) for name, value in values.items()):
        return None
    return {"id": id, "rawId": id, "type": "public-key", "response": values}


def _bytes_of(value: object, name: str) -> bytes | None:
    if not isinstance(value, str) or len(value) > _LONGEST[name] or not value.isascii():
        return None
    try:
        return from_base64url(value.encode())
    except ValueError:
        return None


def _judged(answer: Mapping[str, Any], kind: str, challenge: bytes, site: Site) -> Rejection | None:
    """Return why the client data are refused (section 7.1, steps 7 to 12), or None."""
    data = json_object(from_base64url(answer["response"]["clientDataJSON"].encode()))
    if data is None:
        return Rejection(MALFORMED_CREDENTIAL, "client data")
    if data.get("type") != kind:
        return Rejection(BAD_TYPE, "ceremony")
    said = data.get("challenge")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), to_base64url(challenge)):
        return Rejection(REPLAYED, "challenge")
    if data.get("origin") not in site.origins:
        return Rejection(WRONG_AUDIENCE, "origin")
    if data.get("crossOrigin", False) is not False or "topOrigin" in data:  # we are framed by nobody
        return Rejection(WRONG_AUDIENCE, "framed by another site")
    return None


def _transports(response: Mapping[str, Any]) -> tuple[str, ...]:
    listed = response["response"].get("transports")
    if not isinstance(listed, list):
        return ()
    return tuple(each for each in TRANSPORTS if each in listed[:16])
