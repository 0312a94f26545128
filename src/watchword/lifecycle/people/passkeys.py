"""Passkeys (W3C Web Authentication, level 3): as a second factor, and alone where the authenticator knew its user."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchword.codec.secrets import digest, new_id
from watchword.codec.strict import from_base64url
from watchword.codec.webauthn import ALGORITHMS, Asserted, Assertion, Registered, assertion_of, registration_of, text_of
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.proving import TRIES, Proving, factor_name, gone
from watchword.model.credential import Credential, Kind
from watchword.model.reason import (
    BAD_CLAIMS,
    REPLAYED,
    SUBJECT_MISMATCH,
    UNKNOWN_CREDENTIAL,
)
from watchword.model.records import Swap
from watchword.model.verdict import Rejection
from watchword.standing import standing

__all__ = ["PasskeyDraft", "PasskeyProof", "Passkeys"]

_CREATE: Final = "passkey-create"  # a challenge made for one is none for the other (CVE-2022-42731)
_GET: Final = "passkey-get"
_SECONDS: Final = 300
_CHALLENGE: Final = 32  # bytes
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class PasskeyDraft:
    """Hold a ceremony begun; ``options`` are for the browser, in the JSON form that it reads (section 5.1.8)."""

    handle: str = field(repr=False)
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """Say who proved to hold a passkey, and whether the authenticator knew its user (PIN, finger, face)."""

    credential: Credential
    subject: str
    user_verified: bool


class Passkeys:
    """Register and verify passkeys. Challenges are random, good once and for 5 minutes.

    A challenge travels with the page, sealed, and only its use is kept: a flood of log-in pages leaves no trace.
    """

    def __init__(self, proving: Proving) -> None:
        self._proving = proving
        self._key = proving.sealer.mac("passkey-user")

    async def begin(self, subject: str) -> PasskeyDraft:
        """Begin the registration of one more passkey for an enabled subject. Raise LifecycleError."""
        proving, site = self._proving, self._proving.site
        if not site.possible:
            raise LifecycleError(
                f"browsers make no passkeys for the address {site.rp_id}", "use a name, such as http://localhost:8000"
            )
        owner = await proving.owner(subject)
        await proving.room(owner.name, Kind.PASSKEY, _MOST)
        challenge = os.urandom(_CHALLENGE)
        value = {"subject": owner.name, "challenge": text_of(challenge)}
        handle = proving.ticket(_CREATE, value, _SECONDS)
        name = owner.name.partition(":")[2]
        display = owner.detail.get("display") or name
        return PasskeyDraft(
            handle,
            {
                "rp": {"id": site.rp_id, "name": site.name},
                "user": {"id": text_of(self._user(owner.name)), "name": name, "displayName": display},
                "challenge": text_of(challenge),
                "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in ALGORITHMS],
                "timeout": _SECONDS * 1000,
                "excludeCredentials": await self._known(owner.name),
                "authenticatorSelection": {
                    "residentKey": "required",
                    "requireResidentKey": True,
                    "userVerification": "preferred",
                },
                "attestation": "none",
            },
        )

    async def finish(
        self, subject: str, handle: str, response: Mapping[str, Any], *, name: str, by: str
    ) -> Credential | Rejection:
        """Add the passkey that the browser made; one that anybody has already is refused."""
        name, proving = factor_name(name), self._proving
        kept = await proving.spend(_CREATE, handle)
        if kept is None:
            return gone()
        if kept["subject"] != subject:
            return Rejection(SUBJECT_MISMATCH, "another's registration")
        made = registration_of(response, _raw(kept["challenge"]), proving.site)
        if isinstance(made, Rejection):
            return made
        await proving.room(subject, Kind.PASSKEY, _MOST)
        record = Credential(
            id=new_id("psk_"),
            kind=Kind.PASSKEY,
            subject=subject,
            created_at=int(proving.clock()),
            lookup=_lookup(made.credential_id),
            detail=_detail(made, name, self._user(subject)),
        )
        if await proving.enrol(record, by):
            return record
        return Rejection(REPLAYED, "the passkey is registered already")

    async def challenge(self, subject: str | None) -> PasskeyDraft:
        """Begin an authentication; None asks for no name first, and then the authenticator must know its user."""
        proving = self._proving
        challenge = os.urandom(_CHALLENGE)
        value = {"subject": subject, "challenge": text_of(challenge)}
        handle = proving.ticket(_GET, value, _SECONDS)
        return PasskeyDraft(
            handle,
            {
                "challenge": text_of(challenge),
                "timeout": _SECONDS * 1000,
                "rpId": proving.site.rp_id,
                "allowCredentials": [] if subject is None else await self._known(subject),
                "userVerification": "required" if subject is None else "preferred",
            },
        )

    async def verify(
        self, handle: str, response: Mapping[str, Any], *, subject: str | None = None
    ) -> PasskeyProof | Rejection:
        """Return who proved to hold which passkey; the challenge is spent whatever the outcome.

        ``subject`` is whom the ceremony is about: a challenge made for anybody else, or for nobody, is refused then.
        """
        proving = self._proving
        kept = await proving.spend(_GET, handle)
        if kept is None:
            return gone()
        if subject is not None and kept["subject"] != subject:
            return Rejection(SUBJECT_MISMATCH, "another's challenge")
        answer = assertion_of(response)
        if isinstance(answer, Rejection):
            return answer
        wanted = kept["subject"]
        for _ in range(TRIES):
            record = await self._record(answer, wanted)
            if isinstance(record, Rejection):
                return record
            proof = answer.verify(
                _raw(kept["challenge"]),
                proving.site,
                _raw(record.detail["public_key"]),
                user_verification=wanted is None,
            )
            settled = proof if isinstance(proof, Rejection) else await self._settled(record, proof)
            if isinstance(settled, Rejection):
                return replace(settled, credential=record.id)
            if settled is not None:
                return settled
        return Rejection(REPLAYED, "lost the race")

    async def _record(self, answer: Assertion, wanted: str | None) -> Credential | Rejection:
        """Return the passkey that the answer names, if its owner is who it says and who is asked for."""
        proving = self._proving
        record = await proving.records.credential_by(_lookup(answer.credential_id))
        refused = await standing(proving.records, record, Kind.PASSKEY, proving.clock())
        if refused is not None or record is None:
            return refused or Rejection(UNKNOWN_CREDENTIAL)
        if wanted is not None and record.subject != wanted:
            return Rejection(SUBJECT_MISMATCH, "another's passkey", credential=record.id)
        if answer.user_handle is None and wanted is None:  # section 7.2, step 6: it must say whom it means
            return Rejection(SUBJECT_MISMATCH, "no user handle", credential=record.id)
        said = answer.user_handle
        if said is not None and not hmac.compare_digest(said, _raw(record.detail["user"])):
            return Rejection(SUBJECT_MISMATCH, "user handle", credential=record.id)
        return record

    async def _settled(self, record: Credential, proof: Asserted) -> PasskeyProof | Rejection | None:
        """Keep the new sign count by compare-and-swap; None when the record changed meanwhile."""
        proving, detail = self._proving, record.detail
        if proof.backup_eligible is not detail["backup_eligible"]:  # section 7.2, step 19
            return Rejection(BAD_CLAIMS, "backup eligibility changed", credential=record.id)
        count, last = proof.sign_count, detail["sign_count"]
        now = proving.clock()
        if (count or last) and count <= last:
            what = f"sign count {count} after {last}: it may have been copied"
            await proving.write(proving.proved(record, what)._replace(outcome="refused", reason=REPLAYED.code))
            return Rejection(REPLAYED, what, credential=record.id)
        used = record.changed(
            last_used_at=int(now), detail={**detail, "sign_count": count, "backed_up": proof.backed_up}
        )
        if await proving.write(Swap(used), proving.proved(used)):
            return PasskeyProof(used, used.subject, proof.user_verified)
        return None

    async def _known(self, subject: str) -> list[dict[str, Any]]:
        return [
            {"type": "public-key", "id": each.detail["credential_id"], "transports": list(each.detail["transports"])}
            for each in await self._proving.usable(subject, Kind.PASSKEY)
        ]

    def _user(self, subject: str) -> bytes:
        """Return what authenticators know a subject by: it tells nothing about the person (section 14.6.1)."""
        return self._key(subject.encode())


def _detail(made: Registered, name: str, user: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "credential_id": text_of(made.credential_id),
        "public_key": text_of(made.public_key),
        "user": text_of(user),
        "sign_count": made.sign_count,
        "aaguid": made.aaguid,
        "format": made.format,
        "user_verified": made.user_verified,
        "backup_eligible": made.backup_eligible,
        "backed_up": made.backed_up,
        "transports": list(made.transports),
    }


def _lookup(credential_id: bytes) -> bytes:
    return digest(b"passkey:" + credential_id)


def _raw(text: str) -> bytes:
    return from_base64url(text.encode())
