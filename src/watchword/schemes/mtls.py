"""Mutual TLS: the client certificate of the connection (RFC 8446 section 4.4.2), checked again by us.

TLS has proved that the caller holds the certificate's key, once a connection; whether the certificate still holds is
asked at every request: kept-alive connections outlive revocations.
"""

from __future__ import annotations

import time
from hashlib import sha256

from watchword.codec.subject_rule import OWN_RULE, SubjectRule, subject_of
from watchword.codec.x509 import ChainVerifier, ClientCertificate, RevocationLists, parse_certificate
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records, Soon
from watchword.model.reason import SUBJECT_DISABLED, SUBJECT_MISMATCH, UNKNOWN_CREDENTIAL, UNTRUSTED_CERTIFICATE
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Constraints, Principal, Rejection, SecurityScheme
from watchword.standing import VERDICT_TTL, principal_of, standing
from watchword.verdicts import Verdicts

__all__ = ["Mtls"]

_FACTORS = ("pop",)  # proof of possession of a key (RFC 8176 section 2)


class Mtls:
    """Prove a caller by the certificate that the TLS layer verified.

    Without ``rule`` the CA is ours: the certificate must be on record by the SHA-256 of its DER, usable, and name its
    record's subject. With ``rule`` the CA is an outside one: the rule names the subject, which must be known; such
    certificates have ``scopes``, and are taken back by ``crl`` or by disabling the subject. A list that has ended makes
    ``verify`` raise Unavailable. Without ``verifier`` nobody is trusted until ``trust`` is called.
    """

    name = "mtls"
    needs_body = False

    def __init__(
        self,
        records: Records,
        verdicts: Verdicts,
        verifier: ChainVerifier | None = None,
        rule: SubjectRule | None = None,
        *,
        crl: RevocationLists | None = None,
        scopes: frozenset[str] = frozenset(),
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._verdicts = verdicts.part()
        self._verifier = verifier
        self._crl = crl
        self._rule = rule
        self._scopes = scopes
        self._clock = clock

    def trust(self, verifier: ChainVerifier | None, crl: RevocationLists | None = None) -> None:
        """Replace the trusted CAs (None: nobody is trusted) and their lists, and verify everything again."""
        self._verifier, self._crl = verifier, crl
        self._verdicts.clear()

    def read(self, request: Request) -> bytes | None:
        """Return the client certificate in DER."""
        return request.peer.certificate

    def verify(self, credential: bytes, request: Request) -> Soon[Principal | Rejection]:
        """Return whom the certificate names, at once when it was verified a short while ago."""
        key = sha256(credential).digest()
        principal = self._verdicts.get(key, self._clock())
        return principal if principal is not None else self._check(credential, key)

    async def vouched(self, der: bytes) -> ClientCertificate | Rejection:
        """Return what a certificate says that a trusted CA vouches for and nobody took back, whomever it names."""
        found = await self._vouched(der, self._clock())
        return found if isinstance(found, Rejection) else found[0]

    async def _vouched(self, der: bytes, now: float) -> tuple[ClientCertificate, float, Credential | None] | Rejection:
        """Return also how long that may be believed and, for a CA of ours, the certificate's record."""
        certificate = parse_certificate(der)
        if isinstance(certificate, Rejection):
            return certificate
        if self._verifier is None:
            return Rejection(UNTRUSTED_CERTIFICATE, "no client CA is trusted")
        issuer = self._verifier.issuer_of(certificate, now)
        if isinstance(issuer, Rejection):
            return issuer
        end = min(certificate.not_after, now + VERDICT_TTL)
        if self._crl is not None:
            listed = self._crl.refusal(certificate, issuer, now)
            if listed is not None:
                return listed
            end = min(end, self._crl.ends_at(issuer))
        if self._rule is not None:
            return certificate, end, None
        record = await self._records.credential_by(certificate.fingerprint)
        refused = await standing(self._records, record, Kind.CLIENT_CERT, now)
        return refused or (certificate, end, record)

    async def _check(self, der: bytes, key: bytes) -> Principal | Rejection:
        now, mark = self._clock(), self._verdicts.mark
        found = await self._vouched(der, now)
        if isinstance(found, Rejection):
            return found
        certificate, end, record = found
        if record is not None:
            principal = self._own(certificate, record, now)
        elif self._rule is not None:
            principal = await self._outside(certificate, self._rule, now)
        else:
            principal = Rejection(UNKNOWN_CREDENTIAL)
        if isinstance(principal, Principal):
            end = min(end, principal.constraints.expires_at or end)
            self._verdicts.put(key, principal, end, now, since=mark)
        return principal

    def _own(self, certificate: ClientCertificate, record: Credential, now: float) -> Principal | Rejection:
        if subject_of(certificate, OWN_RULE) != record.subject:
            return Rejection(SUBJECT_MISMATCH, credential=record.id)
        return principal_of(record, self.name, now, _FACTORS)

    async def _outside(self, certificate: ClientCertificate, rule: SubjectRule, now: float) -> Principal | Rejection:
        # Named by its serial: the signature, and so the fingerprint, can be rewritten by whoever holds the certificate.
        name = f"x509:{certificate.serial:x}"
        subject = subject_of(certificate, rule)
        if subject is None:
            return Rejection(UNTRUSTED_CERTIFICATE, f"names no one subject by the rule {rule}", credential=name)
        known = await self._records.subject(subject)
        if known is None:
            return Rejection(UNKNOWN_CREDENTIAL, f"no such subject: {subject}", credential=name)
        if known.disabled_at is not None:
            return Rejection(SUBJECT_DISABLED, credential=name)
        ends = Constraints(expires_at=certificate.not_after)
        return Principal(subject, self.name, name, self._scopes, _FACTORS, authenticated_at=int(now), constraints=ends)

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        """Return None: TLS asked for the certificate already."""
        return None

    def describe(self) -> SecurityScheme:
        """Return a ``mutualTLS`` security scheme."""
        return {"type": "mutualTLS", "description": "A client certificate, presented in the TLS handshake"}
