"""Find whose a secret is, of whatever kind, from the secret alone."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.bearer import OPAQUE, opaque_place
from watchword.codec.secrets import Sealer, digest, well_formed
from watchword.codec.shapes import shape_of
from watchword.codec.shapes.pem import certificate_in, key_of_certificate, key_of_private
from watchword.keyring import OwnKeys
from watchword.lifecycle.families import holder_of
from watchword.lifecycle.mint import client_lookup
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records

__all__ = ["Traced", "Tracing", "distinct"]

_PAGE: Final = 500
_LONGEST: Final = 65_536
_MANY: Final = 8  # texts from which on the store is asked for all of them together
_SECRET: Final = "cs_live_"  # noqa: S105 - what the secret of an OAuth client begins with
_REGISTRATION: Final = "rat_"
_TOKEN: Final = "registration_token"  # noqa: S105 - the name in a client's detail
_BY_SECRET: Final = frozenset({Kind.API_KEY, Kind.HMAC, Kind.SESSION})
"""What is found by a digest of its secret. Others are found by that of a public name: an address, who consented."""


@dataclass(frozen=True, slots=True)
class Traced:
    """Say whose a secret is: ``credential`` its record, or of an access token the one that it came from.

    ``jti`` and ``until`` (Unix seconds) are of an access token alone. ``root_key`` says that it is the server's own.
    ``named``: what was shown is public, an id or a certificate, and proves nothing of who shows it.
    """

    credential: Credential | None = None
    subject: str = ""
    jti: str = ""
    until: int = 0
    root_key: bool = False
    named: bool = False
    opaque: str = field(default="", repr=False)


class Tracing:
    """Look secrets up. OAuth clients' are found by walking through the clients: only with its id is one looked up."""

    def __init__(self, records: Records, ephemeral: Ephemeral, sealer: Sealer, clock: Clock) -> None:
        self._records = records
        self._ephemeral = ephemeral
        self._sealer = sealer
        self._clock = clock

    async def trace(self, texts: Sequence[str]) -> list[Traced | None]:
        """Return for each secret, public id, certificate or private key (PEM) whose it is; None for unknown ones."""
        wanted = [text.strip() if text.isascii() else "" for text in texts]  # everything of ours is ASCII
        clients = await self._clients({text for text in wanted if text.startswith((_SECRET, _REGISTRATION))})
        signed = OwnKeys(self._records, self._sealer, "", self._clock)
        if any(text.startswith("eyJ") for text in wanted):
            await signed.load()
        keys = await self._keys({name for text in wanted if (name := key_of_private(text)) is not None})
        held = await self._held(wanted)
        return [clients.get(text) or held.get(text) or await self._one(text, keys, signed) for text in wanted]

    async def _held(self, texts: Sequence[str]) -> dict[str, Traced]:
        """Return whose those are that are found by their digest, where the store answers many questions at once."""
        ask: Callable[[Sequence[bytes]], Awaitable[list[Credential]]] | None
        ask = getattr(self._records, "credentials_by", None)
        if ask is None or len(texts) < _MANY:
            return {}
        by_digest = {digest(text): text for text in texts}
        lookups, found = list(by_digest), {}
        for start in range(0, len(lookups), _PAGE):
            for record in await ask(lookups[start : start + _PAGE]):
                if record.kind in _BY_SECRET:
                    found[by_digest[record.lookup or b""]] = Traced(record, record.subject)
        return found

    async def _one(self, text: str, keys: dict[str, Credential], signed: OwnKeys) -> Traced | None:
        if not text or len(text) > _LONGEST:
            return None
        if "-----BEGIN " in text:
            return await self._pem(text, keys)
        if text.startswith("eyJ"):
            return await self._jwt(text, signed)
        if text.startswith(OPAQUE):
            return await self._opaque(text)
        record = None if shape_of(text) else await self._records.credential(text)  # no id looks like a secret
        if record is not None:
            return Traced(record, record.subject, named=True)
        record = await self._records.credential_by(digest(text))
        if record is None or record.kind not in _BY_SECRET:
            record = await holder_of(self._records, text)
        if record is not None:
            return Traced(record, record.subject)
        return Traced(root_key=True) if self._own_root_key(text) else None

    async def _pem(self, text: str, keys: dict[str, Credential]) -> Traced | None:
        der = certificate_in(text)
        record = None if der is None else await self._records.credential_by(digest(der))
        key = key_of_private(text)
        if record is None:
            record = keys.get(key or "")
            return None if record is None else Traced(record, record.subject)
        return Traced(record, record.subject, named=der is not None and key_of_certificate(der) != key)

    async def _jwt(self, text: str, keys: OwnKeys) -> Traced | None:
        """Trace an access token of ours, if its signature holds; who has but a part of one learns nothing."""
        claims = keys.claims_of(text.encode("ascii", "replace"))
        return None if claims is None else await self._token(claims)

    async def _opaque(self, text: str) -> Traced | None:
        raw = await self._ephemeral.get(opaque_place(text.encode("ascii", "replace"))) if shape_of(text) else None
        return None if raw is None else await self._token(json.loads(raw), text)

    async def _token(self, claims: dict[str, Any], opaque: str = "") -> Traced:
        source = str(claims.get("sid", claims.get("client_id", "")))
        record = await self._records.credential(source)
        return Traced(record, str(claims["sub"]), str(claims["jti"]), int(claims["exp"]), opaque=opaque)

    def _own_root_key(self, text: str) -> bool:
        try:
            given = Sealer(text)
        except ValueError:
            return False
        return given.key_id in self._sealer.key_ids

    async def _clients(self, texts: set[str]) -> dict[str, Traced]:
        """Return whose secrets and registration tokens of OAuth clients these are."""
        secrets = {text for text in texts if well_formed(text, _SECRET)}
        tokens = {digest(text).hex(): text for text in texts if well_formed(text, _REGISTRATION)}
        found: dict[str, Traced] = {}
        if not secrets and not tokens:
            return found
        async for record in self._all(Kind.OAUTH_CLIENT):
            name = str(record.detail.get("client_id", record.id))
            for text in secrets:
                if record.lookup is not None and hmac.compare_digest(record.lookup, client_lookup(name, text)):
                    found[text] = Traced(record, record.subject)
            token = tokens.get(str(record.detail.get(_TOKEN, "")))
            if token is not None:
                found[token] = Traced(record, record.subject)
        return found

    async def _keys(self, names: set[str]) -> dict[str, Credential]:
        """Return by the names of public keys whose they are: callers' certificates, and our own CAs."""
        found: dict[str, Credential] = {}
        if not names:
            return found
        async for record in self._all(Kind.CLIENT_CERT):
            if record.detail.get("key") in names:
                found[str(record.detail["key"])] = record
        async for record in self._all(Kind.CA):
            der = certificate_in(str(record.detail.get("certificate", "")))
            name = "" if der is None else key_of_certificate(der)
            if name in names:
                found[name] = record
        return found

    async def _all(self, kind: Kind) -> AsyncIterator[Credential]:
        after = ""
        while page := await self._records.credentials(kind=kind, after=after, limit=_PAGE):
            for record in page:
                yield record
            after = page[-1].id


def distinct(traced: Iterable[Traced | None]) -> dict[str, Credential]:
    """Return the credentials of them, each once, by id."""
    return {each.credential.id: each.credential for each in traced if each is not None and each.credential is not None}
