"""Find the keys of checkpoints: those whose private half opens under the root key, whatever the database says."""

from __future__ import annotations

from dataclasses import dataclass

from watchword.codec.jose import KeyRefused, SigningKey, VerificationKey
from watchword.codec.secrets import Sealer, SealingError
from watchword.lifecycle.mint import context
from watchword.lifecycle.operations.checkpoints.statements import Statement, key_named, opened
from watchword.lifecycle.signing import in_use
from watchword.model.credential import Credential, Kind
from watchword.model.evidence import Checkpoint
from watchword.model.ports import Records, Unavailable

__all__ = ["CheckpointKeys", "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """Hold a key of ours; ``leaked`` where somebody else may sign with it."""

    key: VerificationKey
    leaked: bool


class CheckpointKeys:
    """Give the signing key, and the public half of any that there ever was: their records stay when they retire.

    A public key is taken from the sealed private one, not from beside it: who can write to the database, but has no
    root key, cannot put one of their own in its place.
    """

    def __init__(self, records: Records, sealer: Sealer) -> None:
        self._records = records
        self._sealer = sealer

    async def signing(self, now: float) -> SigningKey:
        """Return the key that signs. Raise Unavailable when there is none."""
        keys = await self._records.credentials(kind=Kind.SIGNING_KEY, limit=1000)
        record = in_use(keys, now)
        key = None if record is None else self._private(record)
        if key is None:
            raise Unavailable("there is no active signing key")
        return key

    async def known(self, kid: str) -> Known | None:
        """Return a key of ours by its id; None for any other."""
        record = await self._records.credential(kid) if kid else None
        key = None if record is None or record.kind is not Kind.SIGNING_KEY else self._private(record)
        if record is None or key is None:
            return None
        return Known(VerificationKey.from_jwk(key.public_jwk()), record.leaked)

    async def opened(self, checkpoint: Checkpoint) -> Statement | None:
        """Return what a checkpoint says, None when no key of ours signed it."""
        known = await self.known(key_named(checkpoint))
        return None if known is None else opened(checkpoint, known.key)

    def _private(self, record: Credential) -> SigningKey | None:
        try:
            return SigningKey.from_pkcs8(self._sealer.open(record.secret, context(record.id)), record.id)
        except (SealingError, KeyRefused):
            return None
