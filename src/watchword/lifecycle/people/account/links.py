"""Keep what a link in a mail stands for: single use, short life, the secret's digest at rest."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.secrets import Sealer, digest, new_secret, well_formed
from watchword.model.ports import Clock, Ephemeral

__all__ = ["PREFIX", "Link", "Links"]

PREFIX: Final = "lk_"
"""What the secret of every link begins with."""


@dataclass(frozen=True, slots=True)
class Link:
    """Hold what one link stands for; ``until`` is when it ends (Unix seconds)."""

    purpose: str
    about: Mapping[str, Any] = field(repr=False)
    until: float


class Links:
    """Make links and spend them. What they stand for is sealed, since it may name people and hold password hashes."""

    def __init__(self, ephemeral: Ephemeral, sealer: Sealer, clock: Clock = time.time) -> None:
        self._ephemeral = ephemeral
        self._sealer = sealer
        self._clock = clock

    async def make(self, purpose: str, about: Mapping[str, Any], lifetime: int, *, only: str = "") -> str:
        """Return the secret of a new link, which with ``only`` voids older ones of the same purpose and ``only``."""
        token = new_secret(PREFIX)
        until = self._clock() + lifetime
        await self._keep(token, Link(purpose, {**about, "only": only}, until))
        if only:
            await self._ephemeral.put(_newest(purpose, only), digest(token), until)
        return token

    async def look(self, purpose: str, token: str) -> Link | None:
        """Return what a link stands for, without spending it: mail scanners open links, too."""
        if not well_formed(token, PREFIX):
            return None
        return await self._read(purpose, token, await self._ephemeral.get(_key(purpose, token)))

    async def take(self, purpose: str, token: str) -> Link | None:
        """Spend a link: exactly one of any number of concurrent callers gets what it stands for."""
        if not well_formed(token, PREFIX):
            return None
        return await self._read(purpose, token, await self._ephemeral.take(_key(purpose, token)))

    async def give_back(self, token: str, link: Link) -> None:
        """Make a link usable again that was taken for an act which then could not be done."""
        await self._keep(token, link)

    async def void(self, purpose: str, only: str) -> None:
        """Void the links of this purpose that were made with ``only``."""
        await self._ephemeral.take(_newest(purpose, only))

    async def _keep(self, token: str, link: Link) -> None:
        text = json.dumps({"about": dict(link.about), "until": link.until}, separators=(",", ":"))
        key = _key(link.purpose, token)
        await self._ephemeral.put(key, self._sealer.seal(text.encode(), key), link.until)

    async def _read(self, purpose: str, token: str, sealed: bytes | None) -> Link | None:
        if sealed is None:
            return None
        kept = json.loads(self._sealer.open(sealed, _key(purpose, token)))
        only = kept["about"]["only"]
        if only and await self._ephemeral.get(_newest(purpose, only)) != digest(token):
            return None
        return Link(purpose, kept["about"], kept["until"])


def _key(purpose: str, token: str) -> str:
    return f"link:{purpose}:{digest(token).hex()}"


def _newest(purpose: str, only: str) -> str:
    return f"newest-link:{purpose}:{digest(only).hex()}"
