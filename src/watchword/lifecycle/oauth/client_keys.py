"""Find the key that proves a client: of its ``jwks``, or fetched from its ``jwks_uri`` (RFC 7591 section 2)."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from watchword.model.credential import Credential
from watchword.model.ports import Clock, Fetch, Fetched, Unavailable

if TYPE_CHECKING:
    from watchword.codec.jose import Header, VerificationKey
    from watchword.keyring import Issuer

__all__ = ["ClientKeys"]

_MOST: Final = 500  # clients whose keys are held in memory
_MOST_BYTES: Final = 16_384  # of a key set that is fetched
_RETRY: Final = 30.0  # seconds after a fetch that failed: a slow server is not to keep one under way all the time


class ClientKeys:
    """Hold the public keys of clients, those used last.

    Fetched keys are kept while the client's server is away, and fetched again after ten minutes or for an unknown
    ``kid``, once a minute at most, whoever asks (MUST 13 of the design; CVE-2026-48524).
    """

    def __init__(self, fetch: Fetch | None, *, clock: Clock = time.time) -> None:
        """Fetch by ``fetch``, which must refuse places inside; None: a ``jwks_uri`` cannot be used."""
        self._fetch = fetch
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], Issuer] = OrderedDict()

    async def key(self, client: Credential, header: Header) -> VerificationKey | None:
        """Return the client's key that the header names, or its only one of that algorithm; None where there is none.

        The caller still checks that the header's algorithm is the key's. Raise Unavailable where keys should be
        fetched and never could.
        """
        keys = self._keys(client)
        found = None if keys is None else keys.key(header)
        return await found if isawaitable(found) else found

    async def has(self, client: Credential, key: VerificationKey) -> bool:
        """Return whether a public key is one of the client's, whatever its ``kid``. Raise Unavailable as ``key``."""
        keys = self._keys(client)
        found = None if keys is None else keys.same(key)
        return (await found if isawaitable(found) else found) is not None

    def _keys(self, client: Credential) -> Issuer | None:
        jwks, place = client.detail.get("jwks"), client.detail.get("jwks_uri", "")
        if not (jwks or place):
            return None
        name = str(client.detail["client_id"])
        slot = name, str(place) or json.dumps(jwks)  # what changed is another entry; the old one is pushed out
        held = self._held.get(slot)
        if held is not None:
            self._held.move_to_end(slot)
            return held
        made = self._made(name, jwks, str(place))
        if made is not None:
            self._held[slot] = made
            if len(self._held) > _MOST:
                self._held.popitem(last=False)
        return made

    def _made(self, name: str, jwks: Any, place: str) -> Issuer | None:
        from watchword.codec.jose import key_set
        from watchword.keyring import Issuer

        if place:
            if self._fetch is None:
                raise Unavailable(f"client {name}: no jwks_uri is fetched here, since Watchword was given no `fetch`")
            return Issuer(name, name, jwks_uri=place, fetch=_Short(self._fetch, self._clock), clock=self._clock)
        keys = key_set(json.dumps(jwks).encode())
        return Issuer(name, name, keys=keys.values(), clock=self._clock) if keys else None


class _Short:
    """Fetch by another, and take no more, no oftener than a client's keys need: strangers choose where and what."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._failed_at = float("-inf")

    async def __call__(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        place = url.partition("?")[0]
        if 0 <= self._clock() - self._failed_at < _RETRY:
            raise Unavailable(f"{place}: there was no answer a moment ago")
        try:
            answer = self._fetch(url, data=data, headers=headers)
            fetched = await answer if isawaitable(answer) else answer
            if len(fetched.body) > _MOST_BYTES:
                raise Unavailable(f"{place}: more than {_MOST_BYTES} bytes")
        except Unavailable:
            self._failed_at = self._clock()
            raise
        return fetched
